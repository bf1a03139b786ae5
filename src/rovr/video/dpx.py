"""Film scans as DPX (SMPTE ST 268), which OpenCV does not read and FFmpeg does."""

import io
import struct
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

MAGIC = (b"SDPX", b"XPDS")
"""What a file begins with: of big and of little endian."""


def dpx_size(data: bytes) -> tuple[int, int]:
    """(width, height) by the header; raises struct.error where that ends early."""
    width, height = struct.unpack_from(">II" if data[:4] == MAGIC[0] else "<II", data, 772)
    return width, height


def read_dpx(data: bytes, flags: int, max_pixels: int) -> NDArray[Any]:
    """Decode a picture as OpenCV would: (H, W, 3) or (H, W, 4) BGR, or (H, W), of 8 bits or spread over 16.

    Args:
        data: the whole file.
        flags: of ``cv2.imread``.
        max_pixels: that it may have.

    Raises:
        av.error.FFmpegError, StopIteration: it is damaged, or of a kind that FFmpeg does not know.
    """
    options = {"max_pixels": str(max_pixels)}
    container: Any = av.open(io.BytesIO(data), format="dpx_pipe", options=options)
    with container:
        frame = next(container.decode(video=0))
    channels, deep = len(frame.format.components), frame.format.components[0].bits > 8
    form = {1: "gray16le", 3: "rgb48le", 4: "rgba64le"} if deep else {1: "gray", 3: "rgb24", 4: "rgba"}
    # RGB is never scaled by a conversion to full range, whatever the file says of it.
    image: NDArray[Any] = frame.to_ndarray(format=form[channels], src_color_range=2, dst_color_range=2)
    if channels > 1:
        image = image[..., [2, 1, 0, *range(3, channels)]]
    if flags == cv2.IMREAD_UNCHANGED:
        return image
    if deep and not flags & cv2.IMREAD_ANYDEPTH:
        image = (image >> 8).astype(np.uint8)
    if channels == 1:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)) if flags & cv2.IMREAD_COLOR else image
    image = np.ascontiguousarray(image[..., :3])
    coloured = flags & (cv2.IMREAD_COLOR | cv2.IMREAD_ANYCOLOR)
    return image if coloured else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
