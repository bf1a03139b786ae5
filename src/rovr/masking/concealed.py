"""What a decoder has made up: where a damaged recording comes out otherwise once errors are not concealed.

Most codecs predict frames from others. What such a recording has lost, FFmpeg's decoders of MPEG-2, MPEG-4 and H.264
fill in from elsewhere, and frames predicted from that carry it on until the next one that stands for itself. Decoded
once more without the filling in, just that comes out otherwise, and all else the same to the last bit.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

import cv2
import numpy as np

from rovr.editor.alignment import follow
from rovr.editor.camera import FloatArray
from rovr.errors import UserError
from rovr.masking.write import Mask, Shown
from rovr.video.colour import Frame
from rovr.video.source import VideoInfo, open_source

ROWS = 48
"""Rows of pixels, three times the 16 that codecs go by, in which errors are looked for that the decoder missed."""

SLACK = 33
"""Pixels, odd, around what is carried on from the frame before, in which what was made up is nothing new."""


def with_bare(frames: Iterable[Shown]) -> Iterator[tuple[Shown, Frame | None]]:
    """Each frame of a video, and the same without concealment of errors; None where there is no such frame."""
    with ExitStack() as stack:
        bare: Iterator[Frame] | None = None
        other: Frame | None = None
        for frame in frames:
            bare = _bare(frame.info, stack) if bare is None else bare
            while other is None or _time(other) < _time(frame.frame):
                other = next(bare, None)
                if other is None:
                    break
            yield frame, other if other is not None and _time(other) == _time(frame.frame) else None


class Unnoticed:
    """What was decoded to nonsense before the decoder noticed: above what it has made up, and carried on as that is."""

    def __init__(self) -> None:
        self._mask: Mask | None = None
        self._made_up: Mask | None = None

    def at(self, made_up: Mask, fresh: Callable[[], Mask], flow: FloatArray) -> Mask:
        """Look at a frame; to be called for one after the other.

        Args:
            made_up: (H, W) what the decoder has made up of it.
            fresh: gives blocks (H, W) that the frame before does not show.
            flow: (H, W, 2) to the frame before.
        """
        before, self._made_up = self._made_up, made_up
        if not made_up.any():
            self._mask = None
            return made_up
        mask = np.zeros_like(made_up)
        if self._mask is not None:
            mask |= follow(self._mask.astype(np.uint8), flow) > 0
        new = made_up
        if before is not None:
            carried = follow(before.astype(np.uint8), flow)
            new = made_up & (cv2.dilate(carried, np.ones((SLACK, SLACK), np.uint8)) == 0)
        if new.any():
            # Codecs go through a picture row by row.
            rows = np.asarray(new.any(1, keepdims=True), np.uint8)
            near = cv2.dilate(rows, np.ones((2 * ROWS + 1, 1), np.uint8)).reshape(-1, 1) > 0
            mask |= fresh() & near & ~made_up
        self._mask = mask
        return mask


def _time(frame: Frame) -> int:
    return frame.native.pts or 0


def _bare(info: VideoInfo, stack: ExitStack) -> Iterator[Frame]:
    """The video without concealment, as far as that can be decoded."""
    if info.kind == "folder":
        return iter(())
    try:
        source = stack.enter_context(open_source(info.path, max_pixels=info.max_pixels, conceal=False))
    except UserError:
        return iter(())

    def begin() -> Iterator[Frame]:
        try:
            yield from source
        except UserError:
            # Whoever reads the video as usual says what is wrong with it.
            return

    return begin()
