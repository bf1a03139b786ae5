"""Interlaced video, field by field: pictures of every other line, in the order in which they were filmed.

The two fields of a frame were filmed one after the other. What moves is in two places in such a frame, and what one
field has lost, as where a tape dropped out, the other one may have.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from rovr.errors import UserError
from rovr.video import pixels
from rovr.video.colour import Frame
from rovr.video.frames import duplicate, filtered
from rovr.video.masks import Mask
from rovr.video.source import VideoInfo

if TYPE_CHECKING:
    import av

_NAMES = ("top", "bottom")

COMBED = 1.0
"""Of :class:`Combing`: where more moves, fields repaired one by one come out better (``benchmarks/fields.py``)."""

LOOKED_AT, READ = 50, 1000
"""Frames by which a video is judged, and frames at most that are read to find so many that are damaged."""

BY_FIELD = "The video is interlaced, and its fields are repaired one by one."
"""What is said then."""


@dataclass(kw_only=True)
class Field(Frame):
    """A picture of every other line of a frame.

    Attributes:
        whole: the frame.
        first: its first line, 0 or 1.
    """

    whole: Frame
    first: int


def choose_fields(info: VideoInfo, wanted: bool | None, begin: Callable[[], Iterable[tuple[Frame, Mask]]]) -> bool:
    """Whether the fields of a video are to be repaired one by one.

    Args:
        info: of the video.
        wanted: what the user says; None = where that repairs better.
        begin: its frames with their masks from the start.

    Raises:
        UserError: they are to be, and cannot.
    """
    if wanted is None:
        damaged = (pair for pair in islice(begin(), READ) if pair[1].any()) if info.interlaced else ()
        return much_moves(info, damaged)
    rows = pixels.field_rows(info.pix_fmt)
    if wanted and not info.interlaced:
        raise UserError(f"{info.path} does not say that it is interlaced; repair it without --fields yes.")
    if wanted and info.height % rows:
        raise UserError(
            f"{info.path} has {info.height} lines, and fields of {info.pix_fmt} can be taken apart only where {rows} "
            "divides them; repair it without --fields yes."
        )
    return wanted


def much_moves(info: VideoInfo, pairs: Iterable[tuple[Frame, Mask]]) -> bool:
    """Whether a video has fields that can be taken apart, and much moves between them in the first few frames given."""
    if not info.interlaced or info.height % pixels.field_rows(info.pix_fmt):
        return False
    meter = Combing()
    for frame, mask in islice(pairs, LOOKED_AT):
        meter.look(frame, mask)
    return meter.ratio > COMBED


def _begins_below(frame: "av.VideoFrame") -> bool:
    """Whether the lower field was filmed first. PyAV does not tell, but one of FFmpeg's filters lets only such pass."""
    try:
        filtered(frame, "select", "eq(interlace_type,BOTTOMFIRST)")
    except BlockingIOError:
        return False
    return True


def fields_of(frame: Frame) -> Iterator[Field]:
    """The two fields of a frame that has them, the earlier one first."""
    for first in (1, 0) if _begins_below(frame.native) else (0, 1):
        native = filtered(frame.native, "field", f"type={_NAMES[first]}")
        yield Field(native, frame.colour, frame.grey, frame.profile, whole=frame, first=first)


def split(frame: Frame, mask: Mask) -> Iterator[tuple[Field, Mask]]:
    """The same with their masks: (H, W) → twice (H / 2, W) bool."""
    for field in fields_of(frame):
        yield field, np.ascontiguousarray(mask[field.first :: 2])


def woven(parts: Sequence[Field]) -> Frame:
    """The frame of two fields, all else as in the frame that they were split from."""
    whole = parts[0].whole
    native = duplicate(whole.native)
    for part in parts:
        for lines, own in zip(pixels.planes(native), pixels.planes(part.native), strict=True):
            lines[part.first :: 2] = own
    return replace(whole, native=native)


class Combing:
    """Whether much moves from one field to the other: a line then is less like its neighbours than like its field's."""

    def __init__(self) -> None:
        self._neighbours = self._own = 0.0

    def look(self, frame: Frame, mask: Mask) -> None:
        """Look at a frame around its hole, (H, W) bool."""
        lines = pixels.planes(frame.native)[0][..., 0].astype(np.float32)
        if len(lines) < 5:
            return
        seen = ~(mask[2:-2] | mask[1:-3] | mask[3:-1] | mask[:-4] | mask[4:])
        self._neighbours += float(np.abs(2 * lines[2:-2] - lines[1:-3] - lines[3:-1])[seen].sum())
        self._own += float(np.abs(2 * lines[2:-2] - lines[:-4] - lines[4:])[seen].sum())

    def watched(self, pairs: Iterable[tuple[Frame, Mask]]) -> Iterator[tuple[Frame, Mask]]:
        """Look at the damaged ones of frames that pass by."""
        for frame, mask in pairs:
            if mask.any():
                self.look(frame, mask)
            yield frame, mask

    @property
    def ratio(self) -> float:
        """How unlike its neighbours a line is, over how unlike the next ones of its field; 0 where nothing was seen."""
        return self._neighbours / self._own if self._own else 0.0

    def advice(self, fields: bool) -> str:
        """What to say where another way should repair better; empty where none does.

        Args:
            fields: whether fields were repaired one by one.
        """
        if self.ratio > COMBED and not fields:
            return "Much moves between the fields of this video: --fields yes should repair it better."
        if 0 < self.ratio < COMBED and fields:
            return "Little moves between the fields of this video: --fields no should repair it better."
        return ""
