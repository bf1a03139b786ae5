"""An object followed from one box by OpenCV's multiple-instance tracker, the one that needs no model file."""

from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rovr.errors import UserError
from rovr.masking.write import Mask, Masker, Shown
from rovr.video.masks import Box

# Correlation with how the object looked, below which it counts as lost, unless it differs by fewer grey levels: what is
# of one colour correlates with nothing. The tracker itself never gives up.
ALIKE, CLOSE = 0.5, 15.0
# Pixels around the object that belong to its look, and by which its place is mended, at the size of tracking.
_MARGIN, _REACH = 3, 6
# Sides in pixels at which the object is tracked: larger ones cost time and gain nothing.
_SIDE = 64
# Pixels beside the object that the tracker needs.
_ROOM = 16
# Share of the new look that goes into what is remembered of the object.
_LEARN = 0.1


def following(box: Box, start: int = 0, on_lost: Callable[[int, float], None] = lambda frame, time: None) -> Masker:
    """A masker of the box around an object; frames before the start and after a loss have no hole.

    The box keeps its size, so an object that comes nearer grows out of it.

    Args:
        box: x, y, width and height around the object in the first frame followed, in pixels as played.
        start: index of that frame.
        on_lost: called once with the frame and its time in seconds where the object is not found again.

    Raises:
        UserError: a start before the first frame; from the masker, one beyond the last, or a box outside the picture.
    """
    if start < 0:
        raise UserError(f"--from {start}: frames count from 0.")

    def follow(frames: Iterator[Shown]) -> Iterator[Mask]:
        track: _Track | None = None
        lost = False
        count = 0
        for frame in frames:
            count += 1
            width, height = frame.info.shown_size
            mask = np.zeros((height, width), bool)
            if frame.index == start:
                track = _Track(frame.bgr, _checked(box, width, height))
            elif track is not None and not lost and not track.step(frame.bgr):
                lost = True
                on_lost(frame.index, frame.time)
            if track is not None and not lost:
                x, y, w, h = track.box
                mask[max(y, 0) : max(y + h, 0), max(x, 0) : max(x + w, 0)] = True
            yield mask
        if track is None:
            raise UserError(f"--from {start}: the video has only {count} frames, counted from 0.")

    return follow


def _checked(box: Box, width: int, height: int) -> Box:
    x, y, w, h = box
    if x < 0 or y < 0 or x + w > width or y + h > height:
        raise UserError(f"The box {x},{y},{w},{h} sticks out of the {width}×{height} picture; move it inside.")
    if (w, h) == (width, height):
        raise UserError(f"The box {x},{y},{w},{h} is the whole picture, in which nothing can move; make it smaller.")
    if min(w, h) < 8:
        raise UserError(f"The box {x},{y},{w},{h} is too small to follow; give at least 8×8 pixels.")
    return box


class _Track:
    """One object on its way.

    Args:
        image: (H, W, 3) uint8, where it starts.
        box: around it.
    """

    def __init__(self, image: NDArray[np.uint8], box: Box) -> None:
        self.box = box
        self._scale = min(1.0, _SIDE / max(box[2:]))
        # The tracker compares with places beside the object, which a box as wide or high as the picture leaves none of.
        sides = zip(box[2:], image.shape[1::-1], strict=True)
        self._pad = _ROOM if any((side - own) * self._scale < _ROOM for own, side in sides) else 0
        # The tracker draws lots; as far as OpenCV lets it, the same video shall give the same mask.
        cv2.setRNGSeed(0)
        self._tracker: Any = cv2.TrackerMIL.create()
        small = self._small(image)
        self._size = tuple(max(4, round(side * self._scale)) for side in box[2:])
        corner = tuple(round(at * self._scale) + self._pad for at in box[:2])
        self._tracker.init(small, (*corner, *self._size))
        self._corner = (corner[0], corner[1])
        self._look = self._crop(small, self._corner, _MARGIN)

    def step(self, image: NDArray[np.uint8]) -> bool:
        """Look for the object in the next frame; False where it is lost."""
        small = self._small(image)
        found, (x, y, _, _) = self._tracker.update(small)
        if not found:
            return False
        # The tracker draws lots and drifts: its proposal and the last place are where the remembered look is sought.
        score, self._corner = max(self._sought(small, (x, y)), self._sought(small, self._corner))
        look = self._crop(small, self._corner, _MARGIN)
        if score < ALIKE and np.abs(look - self._look).mean() > CLOSE:
            return False
        self._look = (1 - _LEARN) * self._look + _LEARN * look
        x, y = (round((at - self._pad) / self._scale) for at in self._corner)
        self.box = (x, y, *self.box[2:])
        return True

    def _sought(self, image: NDArray[np.uint8], near: tuple[int, int]) -> tuple[float, tuple[int, int]]:
        """Correlation, −1 to 1, where the object is likest to itself near a corner, and that corner."""
        window = self._crop(image, near, _MARGIN + _REACH)
        scores = cv2.matchTemplate(window, self._look, cv2.TM_CCOEFF_NORMED)
        _, best, _, (x, y) = cv2.minMaxLoc(scores)
        return best, (near[0] + x - _REACH, near[1] + y - _REACH)

    def _small(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self._scale != 1:
            image = np.asarray(
                cv2.resize(image, None, fx=self._scale, fy=self._scale, interpolation=cv2.INTER_AREA), np.uint8
            )
        if self._pad:
            by = self._pad
            image = np.asarray(cv2.copyMakeBorder(image, by, by, by, by, cv2.BORDER_REPLICATE), np.uint8)
        return image

    def _crop(self, image: NDArray[np.uint8], corner: tuple[int, int], margin: int) -> NDArray[np.float32]:
        """The object and what is around it, blurred, so that noise does not count; beyond the edge its last pixels."""
        width, height = (side + 2 * margin for side in self._size)
        centre = (corner[0] - margin + (width - 1) / 2, corner[1] - margin + (height - 1) / 2)
        patch = cv2.getRectSubPix(image, (width, height), centre)
        return np.asarray(cv2.GaussianBlur(patch, (0, 0), 1), np.float32)
