"""Film scans as DPX (SMPTE ST 268), which OpenCV does not read and FFmpeg does.

They are written by putting other samples into a file that is there, so that its header – time code, film, scanner – and
whatever else it holds stay as they are.
"""

import contextlib
import io
import struct
from dataclasses import dataclass
from typing import Any

import av
import cv2
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

MAGIC = (b"SDPX", b"XPDS")
"""What a file begins with: of big and of little endian."""


HEADER = 2048
"""Bytes of a file that say how the rest is laid out."""

SAMPLES = {6: 1, 50: 3}
"""Samples of a pixel by the header's number for luma and RGB, the kinds that are written."""


@dataclass(frozen=True)
class Layout:
    """How samples lie in a file.

    Attributes:
        order: of bytes, as :mod:`struct` writes it.
        start: of the samples, in bytes.
        shape: (height, width, samples of a pixel).
        bits: of a sample.
    """

    order: str
    start: int
    shape: tuple[int, int, int]
    bits: int


def layout_of(data: bytes) -> Layout | None:
    """How samples lie in a file, by its first :data:`HEADER` bytes; None for kinds that are not written."""
    order = _order(data)
    try:
        start, elements = struct.unpack_from(f"{order}I762xH", data, 4)
        width, height = dpx_size(data)
        kind, bits, packing, encoding = struct.unpack_from(f"{order}B2xBHH", data, 800)
    except struct.error:
        return None
    # Ten bits are three to a word, and twelve one to a half, if the packing is the usual one.
    packed = (kind, bits, packing) in {(50, 10, 1), (50, 12, 1), (6, 12, 1)}
    if encoding or elements != 1 or kind not in SAMPLES or not (bits in (8, 16) or packed):
        return None
    return Layout(order, start, (height, width, SAMPLES[kind]), bits)


def with_samples(data: bytes, samples: NDArray[Any]) -> bytes:
    """The same file with other samples.

    Args:
        data: a whole file that :func:`layout_of` knows.
        samples: (H, W, 3) RGB or (H, W, 1), uint8, or uint16 where those of the file have more bits: they are spread
            over all 16 then.

    Raises:
        TypeError: the file is cut off.
    """
    layout, out = layout_of(data), bytearray(data)
    assert layout is not None
    height, width, count = layout.shape
    bits = layout.bits

    def words(kind: str, each: int) -> NDArray[Any]:
        """Those of the picture, in the file."""
        form = np.dtype(f"{layout.order}{kind}")
        row = width * each * form.itemsize
        # Rows begin at whole words where the file is long enough for that, as FFmpeg has it.
        whole = (row + 3) // 4 * 4
        row = whole if layout.start + whole * height <= len(out) else row
        return np.ndarray((height, width, each), form, out, layout.start, (row, each * form.itemsize, form.itemsize))

    if bits in (8, 16):
        words(f"u{bits // 8}", count)[:] = samples
        return bytes(out)
    values = (samples.astype(np.uint32) * ((1 << bits) - 1) + 32767) // 65535
    if bits == 12:
        place = words("u2", count)
        place[:] = (place & 15) | values << 4
    else:
        place = words("u4", 1)
        place[:] = (place & 3) | (values << np.array([22, 12, 2], np.uint32)).sum(-1, dtype=np.uint32, keepdims=True)
    return bytes(out)


def is_kept(data: bytes) -> bool:
    """Whether a file that is read and written again stays as it is, byte for byte."""
    if (layout := layout_of(data)) is None:
        return False
    with contextlib.suppress(TypeError, ValueError, FFmpegError, StopIteration):
        image = read_dpx(data, cv2.IMREAD_UNCHANGED, layout.shape[0] * layout.shape[1])
        return with_samples(data, image[..., ::-1] if image.ndim == 3 else image[..., None]) == data
    return False


def dpx_size(data: bytes) -> tuple[int, int]:
    """(width, height) by the header; raises struct.error where that ends early."""
    width, height = struct.unpack_from(f"{_order(data)}II", data, 772)
    return width, height


def _order(data: bytes) -> str:
    """Of bytes, as :mod:`struct` writes it."""
    return ">" if data[:4] == MAGIC[0] else "<"


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
