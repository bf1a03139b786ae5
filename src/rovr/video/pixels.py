"""Native pixel formats: which samples a mask may touch, and a frame's planes as arrays.

Decoded video is hardly ever RGB: the planes are kept as the decoder gave them, and only samples that lie wholly
in the hole are replaced, so that everything else keeps its bits through any number of repairs.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rovr.video.frames import duplicate

if TYPE_CHECKING:
    import av

Array = NDArray[Any]

# Formats whose planes are plain arrays of 8- or 16-bit little-endian samples.
_PLAIN = re.compile(
    r"yuv[aj]?4\d\dp(\d+le)?|gray(\d+le)?|gbra?p(\d+le)?|nv(12|16|21|24)|p[024]1[026]le"
    r"|rgb24|bgr24|rgba|bgra|argb|abgr|rgb0|bgr0|0rgb|0bgr|rgb48le|bgr48le|rgba64le|bgra64le"
)
_SUBSTITUTES = {
    "yuyv422": "yuv422p",
    "uyvy422": "yuv422p",
    "yvyu422": "yuv422p",
    "uyyvyy411": "yuv411p",
    "monow": "gray",
    "monob": "gray",
    "ya8": "gray",
    "xyz12le": "rgb48le",
}


def is_plain(pix_fmt: str) -> bool:
    """Whether frames of this format can be edited in place, sample by sample."""
    return _PLAIN.fullmatch(pix_fmt) is not None


def plain_substitute(pix_fmt: str) -> str:
    """The format to convert to, once, where :func:`is_plain` says no.

    Args:
        pix_fmt: FFmpeg's name of the source format.
    """
    from av import VideoFormat

    if pix_fmt in _SUBSTITUTES:
        return _SUBSTITUTES[pix_fmt]
    if pix_fmt.endswith("be") and is_plain(pix_fmt[:-2] + "le"):
        return pix_fmt[:-2] + "le"
    parts = VideoFormat(pix_fmt).components
    deep = any(part.bits > 8 for part in parts)
    if pix_fmt.startswith("gray"):
        return "gray16le" if deep else "gray"
    if len(parts) >= 3 and parts[1].is_chroma:
        return "yuv444p16le" if deep else "yuv444p"
    return "rgb48le" if deep else "rgb24"


@lru_cache(maxsize=32)
def _layout(pix_fmt: str) -> tuple[type, list[tuple[int, int, int, tuple[int, ...]]]]:
    """Sample type, and per plane: channels, log2 of the horizontal and vertical steps, channels to edit."""
    from av import VideoFormat

    shape = VideoFormat(pix_fmt)
    parts = shape.components
    deep = parts[0].bits > 8
    planes = []
    for index in range(max(part.plane for part in parts) + 1):
        own = [part for part in parts if part.plane == index]
        # Read from the sizes, which is all the descriptor offers: 2^12 >> shift.
        chroma = own[0].is_chroma and not shape.is_rgb
        across = 12 - (shape.chroma_width(4096).bit_length() - 1) if chroma else 0
        down = 12 - (shape.chroma_height(4096).bit_length() - 1) if chroma else 0
        packed = shape.is_rgb and not pix_fmt.startswith("gb")
        channels = shape.padded_bits_per_pixel // (16 if deep else 8) if packed else len(own)
        if packed:
            # The name spells the channels: alpha and padding keep what they held.
            letters = re.sub(r"\d{2}(le)?$", "", pix_fmt)
            edited = tuple(i for i, letter in enumerate(letters) if letter in "rgb")
        else:
            edited = () if own[0].is_alpha else tuple(range(channels))
        planes.append((channels, across, down, edited))
    return (np.uint16 if deep else np.uint8), planes


def chroma_steps(pix_fmt: str) -> tuple[int, int]:
    """Log2 of the pixels that a sample of colour spans horizontally and vertically.

    Args:
        pix_fmt: a plain format.
    """
    layout = _layout(pix_fmt)[1]
    return max(across for _, across, _, _ in layout), max(down for _, _, down, _ in layout)


def steps(pix_fmt: str) -> list[tuple[int, int]]:
    """Log2 of the pixels that a sample of each plane spans horizontally and vertically."""
    return [(across, down) for _, across, down, _ in _layout(pix_fmt)[1]]


def field_rows(pix_fmt: str) -> int:
    """What has to divide the height, so that each of two fields has whole samples of colour.

    Args:
        pix_fmt: a plain format.
    """
    return 2 << chroma_steps(pix_fmt)[1]


def planes(frame: "av.VideoFrame") -> list[Array]:
    """The frame's planes as writable views.

    Args:
        frame: of a plain format.

    Returns:
        One (height, width, channels) array a plane, uint8 or uint16. They are valid while the frame lives.
    """
    dtype, layout = _layout(frame.format.name)
    views = []
    for plane, (channels, *_) in zip(frame.planes, layout, strict=False):
        rows = np.frombuffer(plane, dtype).reshape(plane.height, -1)  # type: ignore[call-overload]
        views.append(rows[:, : plane.width * channels].reshape(plane.height, plane.width, channels))
    return views


def plane_mask(mask: Array, across: int, down: int) -> Array:
    """Samples of a subsampled plane all of whose pixels are in the mask.

    Args:
        mask: (H, W) bool.
        across: log2 of the pixels a sample spans horizontally.
        down: the same vertically.

    Returns:
        (ceil(H / 2^down), ceil(W / 2^across)) bool.
    """
    if not across and not down:
        return mask
    height, width = mask.shape
    # Past the border there are no pixels to protect.
    whole = np.pad(mask, ((0, -height % (1 << down)), (0, -width % (1 << across))), constant_values=True)
    # By halves, which takes a tenth of the time of one look at all pixels of each sample.
    for _ in range(down):
        whole = whole[::2] & whole[1::2]
    for _ in range(across):
        whole = whole[:, ::2] & whole[:, 1::2]
    return whole


def touched(mask: Array, across: int, down: int) -> Array:
    """Samples of a subsampled plane any of whose pixels is in the mask; as :func:`plane_mask` otherwise."""
    return ~plane_mask(~mask, across, down)


def shared_planes(frame: "av.VideoFrame") -> Iterator[tuple[Array, int, int, tuple[int, ...]]]:
    """The planes whose samples serve several pixels each.

    Args:
        frame: of a plain format.

    Yields:
        The plane as :func:`planes` has it, log2 of the pixels that a sample spans horizontally and vertically, and the
        channels that may be edited.
    """
    for plane, (_, across, down, edited) in zip(planes(frame), _layout(frame.format.name)[1], strict=True):
        if across or down:
            yield plane, across, down, edited


@dataclass(frozen=True)
class Samples:
    """Samples of a plane that a mask covers.

    Attributes:
        box: rows and columns around them.
        where: which of those they are, (rows, columns) bool.
        channels: that may be edited.
    """

    box: tuple[slice, slice]
    where: Array
    channels: tuple[int, ...]


def samples(mask: Array, pix_fmt: str) -> list[Samples]:
    """The samples of each plane all of whose pixels are in the mask, (H, W) bool."""
    top, bottom, left, right = around(mask)
    found = []
    for _, across, down, edited in _layout(pix_fmt)[1]:
        where = plane_mask(mask[top:bottom, left:right], across, down)
        rows, columns = top >> down, left >> across
        box = slice(rows, rows + where.shape[0]), slice(columns, columns + where.shape[1])
        found.append(Samples(box, where, edited))
    return found


def values(pix_fmt: str) -> tuple[int, int]:
    """The highest value of a sample, and the step from each to the next.

    Args:
        pix_fmt: a plain format.
    """
    from av import VideoFormat

    bits = VideoFormat(pix_fmt).components[0].bits
    # The p010 family keeps its samples in the upper bits.
    step = 1 << (16 - bits) if re.match(r"p[024]1", pix_fmt) else 1
    return ((1 << bits) - 1) * step, step


def merge(frame: "av.VideoFrame", filled: "av.VideoFrame", mask: Array) -> "av.VideoFrame":
    """A copy of the frame with ``filled`` under the mask.

    A luma sample changes only if its pixel is in the mask, a subsampled chroma sample only if all pixels that
    it covers are. Alpha never changes.

    Args:
        frame: of a plain format.
        filled: the same format and size.
        mask: (H, W) bool.
    """
    new = duplicate(frame)
    for target, fresh, own in zip(planes(new), planes(filled), samples(mask, frame.format.name), strict=True):
        # Masked copies are slow, and most of a picture is whole.
        for channel in own.channels:
            np.copyto(target[*own.box, channel], fresh[*own.box, channel], where=own.where)
    return new


def dither(frame: "av.VideoFrame", mask: Array, seed: int, grey: bool = False) -> None:
    """Spread samples that come from 8 bits over the finer steps of a deeper format, so that their steps do not show.

    Args:
        frame: of a plain format of more than 8 bits; changed in place, in a box around the mask.
        mask: (H, W) bool.
        seed: the same one gives the same values.
        grey: whether red, green and blue are to stay equal.
    """
    name = frame.format.name
    half = 1 << (frame.format.components[0].bits - 9)
    highest, step = values(name)
    chance = np.random.default_rng(seed)
    top, bottom, left, right = around(mask)
    for plane, (_, across, down, edited) in zip(planes(frame), _layout(name)[1], strict=True):
        part = plane[top >> down : -(-bottom >> down), left >> across : -(-right >> across), list(edited)]
        if grey:
            chance = np.random.default_rng(seed)
        shape = (*part.shape[:2], 1) if grey else part.shape
        noise = chance.integers(-half, half, shape, np.int32, endpoint=True) * step
        spread = np.clip(part + noise, 0, highest).astype(plane.dtype)
        plane[top >> down : -(-bottom >> down), left >> across : -(-right >> across), list(edited)] = spread


def around(mask: Array) -> tuple[int, int, int, int]:
    """First and last row, first and last column of a box around the hole (ends excluded), in steps of 8 pixels.

    No subsampling is coarser, so that a plane's samples lie within the box or outside.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return 0, 0, 0, 0
    ends = [min(int(last) // 8 * 8 + 8, size) for last, size in zip((rows[-1], columns[-1]), mask.shape, strict=True)]
    return int(rows[0]) // 8 * 8, ends[0], int(columns[0]) // 8 * 8, ends[1]
