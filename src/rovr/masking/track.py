"""The frames of a video in the hands of whatever follows one object through them."""

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rovr.errors import UserError
from rovr.masking.write import Mask, Masker, Shown
from rovr.types import counted
from rovr.video.masks import Box

OnLost = Callable[[int, float], None]
"""Told the frame, and its time in seconds, where an object is lost."""


class Track(Protocol):
    """One object on its way.

    Attributes:
        searches: whether it may find the object again; what does not is asked no more after a loss.
    """

    searches: bool

    def mask(self) -> Mask:
        """Where the object is in the last frame, (H, W)."""

    def step(self, image: NDArray[np.uint8]) -> bool:
        """Look for the object in the next frame, (H, W, 3) BGR; False where it is not found."""


def tracking(
    begin: Callable[[NDArray[np.uint8]], Track],
    start: int = 0,
    on_lost: OnLost = lambda frame, time: None,
) -> Masker:
    """A masker of one object; frames before the start, and frames in which it is not found, have no hole.

    Args:
        begin: given the first frame followed, (H, W, 3) BGR.
        start: index of that frame.
        on_lost: called once, where the object is not found for the first time.

    Raises:
        UserError: a start before the first frame; from the masker, one beyond the last, or what ``begin`` raises.
    """
    if start < 0:
        raise UserError(f"--from {start}: frames count from 0.")

    def follow(frames: Iterator[Shown]) -> Iterator[Mask]:
        track: Track | None = None
        lost = False
        count = 0
        for frame in frames:
            count += 1
            here = False
            if frame.index == start:
                track, here = begin(frame.bgr), True
            elif track is not None and (track.searches or not lost):
                here = track.step(frame.bgr)
                if not here and not lost:
                    lost = True
                    on_lost(frame.index, frame.time)
            width, height = frame.info.shown_size
            yield track.mask() if track is not None and here else np.zeros((height, width), bool)
        if track is None:
            raise UserError(f"--from {start}: the video has only {counted(count, 'frame')}, counted from 0.")

    return follow


def within(box: Box, image: NDArray[np.uint8]) -> Box:
    """A box, once it is known to lie in a picture (H, W, 3).

    Raises:
        UserError: it sticks out.
    """
    height, width = image.shape[:2]
    x, y, w, h = box
    if x < 0 or y < 0 or x + w > width or y + h > height:
        raise UserError(f"The box {x},{y},{w},{h} sticks out of the {width}×{height} picture; move it inside.")
    return box
