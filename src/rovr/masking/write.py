"""From a video to the masks of it, one frame at a time; the output appears only when it is complete."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rovr.errors import UserError
from rovr.outputs import prepared, writing
from rovr.types import check_dilate
from rovr.video.colour import Frame
from rovr.video.limits import MAX_PIXELS
from rovr.video.mask_sink import mask_frame, open_mask_sink
from rovr.video.masks import widened
from rovr.video.source import Source, VideoInfo, open_source

KEENEST = 100
"""Greatest sensitivity: less than a grey level counts as a difference then, so that any noise does."""

Mask = NDArray[np.bool_]
Grey = NDArray[np.uint8]


@dataclass(frozen=True)
class Shown:
    """A frame as it is played.

    Attributes:
        index: from 0.
        time: seconds since the first frame.
        frame: as stored.
        info: of the video.
    """

    index: int
    time: float
    frame: Frame
    info: VideoInfo

    @property
    def bgr(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8, made anew at every call."""
        return np.asarray(cv2.cvtColor(self.info.orientation.to_shown(self.frame.rgb), cv2.COLOR_RGB2BGR), np.uint8)

    @property
    def grey(self) -> Grey:
        """(H, W) uint8, made anew at every call."""
        return np.asarray(cv2.cvtColor(self.info.orientation.to_shown(self.frame.rgb), cv2.COLOR_RGB2GRAY), np.uint8)


Masker = Callable[[Iterator[Shown]], Iterator[Mask]]
"""Turns frames into as many masks (H, W), in order; it may read some frames ahead."""


@dataclass(frozen=True)
class Written:
    """What became of a mask.

    Attributes:
        frames: count.
        masked: how many of them have a hole.
        share: of all pixels that are missing, 0–1.
    """

    frames: int
    masked: int
    share: float


@dataclass(frozen=True)
class Place:
    """What goes where.

    Attributes:
        video: a file or a folder of frames.
        out: the masks: ``.mp4``, ``.mov``, ``.m4v``, ``.mkv``, or a folder of PNGs.
        overwrite: whether an output that exists may be replaced.
        rate: frames per second of a folder; a video knows its own.
        dilate: pixels to widen the holes by.
        max_pixels: that a frame may have.
    """

    video: Path
    out: str | Path
    overwrite: bool = False
    rate: Fraction | None = None
    dilate: int = 0
    max_pixels: int = MAX_PIXELS


def check_sensitivity(sensitivity: float) -> None:
    """Refuse what nothing, or everything, would be found by.

    Raises:
        UserError: it is not above 0, or beyond :data:`KEENEST`.
    """
    if not 0 < sensitivity <= KEENEST:
        raise UserError(f"--sensitivity {sensitivity:g}: give a number above 0, up to {KEENEST}; 1 is the default.")


def shown(source: Source) -> Iterator[Shown]:
    """All frames of a video as they are played."""
    start: float | None = None
    for index, frame in enumerate(source):
        native = frame.native
        now = float(native.pts * native.time_base) if native.pts is not None and native.time_base else None
        if now is None:
            now = index / float(source.info.rate)
        start = now if start is None else start
        yield Shown(index, now - start, frame, source.info)


def write_masks(
    place: Place,
    masker: Masker,
    *,
    least: str | None = None,
    on_frame: Callable[[], None] = lambda: None,
) -> Written:
    """Write the masks of a video, as large as it is played and as many as it has frames.

    Args:
        place: what goes where.
        masker: finds or draws them.
        least: what to say where no frame has a hole; None if that may be.
        on_frame: called after every frame.

    Raises:
        UserError: an input that cannot be read, an output that cannot be written, or nothing masked though
            something must be.
    """
    check_dilate(place.dilate)
    out = prepared(place.out)
    with writing(out), ExitStack() as stack:
        source = stack.enter_context(open_source(place.video, rate=place.rate, max_pixels=place.max_pixels))
        sink = open_mask_sink(out, source.info, overwrite=place.overwrite)
        stack.callback(sink.abort)
        frames = masked = 0
        share = 0.0
        natives: deque[object] = deque()
        for mask in masker(_noted(source, natives)):
            mask = widened(mask, place.dilate)
            sink.write(mask_frame(mask, natives.popleft()))
            frames, masked, share = frames + 1, masked + bool(mask.any()), share + float(mask.mean())
            on_frame()
        if natives:
            raise RuntimeError(f"{len(natives)} frames got no mask")
        if least is not None and not masked:
            raise UserError(least)
        sink.commit()
    return Written(frames, masked, share / max(frames, 1))


def _noted(source: Source, natives: deque[object]) -> Iterator[Shown]:
    """The frames, while it is kept in mind which of them still lack a mask."""
    for frame in shown(source):
        natives.append(frame.frame.native)
        yield frame
