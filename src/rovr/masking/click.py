"""The object at one place of a picture, as a box: a region grown around that place by GrabCut (Rother et al. 2004)."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from rovr.errors import UserError
from rovr.masking.write import Mask
from rovr.video.masks import Box

# Longer side in pixels of the picture in which the region is grown.
_SIDE = 320
# Half the sides of the windows that are tried, as shares of the longer side: outside a window there is no object.
_WINDOWS = (0.08, 0.13, 0.2, 0.3, 0.42)
# Grey levels by which neighbours of one surface differ at most, and share of the window that is object for a start.
_ALIKE, _CORE = 6, 0.25
# Least share of the window that the object takes, and greatest share of the window's open border that it touches.
_LEAST, _OPEN = 0.02, 0.04
# Fewer pixels than these are little more than the place itself.
_TINY = 60
# Pixels of the picture that the box is wider on each side, at the size of growing.
_MARGIN = 2


def parse_click(text: str) -> tuple[int, int, int | None]:
    """Read ``x,y`` or ``x,y,frame``, pixels of the video as it plays and a frame counted from 0.

    Raises:
        UserError: not two or three whole numbers from 0.
    """
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 3) or min(numbers) < 0:
        raise UserError(f"--click {text}: give whole numbers x,y or x,y,frame, as in 120,80,12.")
    return numbers[0], numbers[1], numbers[2] if len(numbers) == 3 else None


def place_within(x: int, y: int, image: NDArray[np.uint8]) -> None:
    """Make sure that a place lies in a picture (H, W, 3).

    Raises:
        UserError: it lies outside.
    """
    height, width = image.shape[:2]
    if x >= width or y >= height:
        raise UserError(f"--click {x},{y} lies outside the {width}×{height} picture; give a place inside.")


def box_at(image: NDArray[np.uint8], x: int, y: int) -> Box:
    """The box around the object at a place.

    Args:
        image: (H, W, 3) uint8.
        x: of the place.
        y: of the place.

    Raises:
        UserError: the place lies outside, or nothing there stands out from what is around it.
    """
    place_within(x, y, image)
    height, width = image.shape[:2]
    scale = min(1.0, _SIDE / max(width, height))
    small = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    place = min(int(x * scale), small.shape[1] - 1), min(int(y * scale), small.shape[0] - 1)
    for window in _windows(small.shape[1], small.shape[0], place):
        region = _grown(small, place, window)
        if region is not None:
            left, top, w, h = cv2.boundingRect(region.astype(np.uint8))
            corner = [max(0, int((at - _MARGIN) / scale)) for at in (left, top)]
            sides = zip((left + w, top + h), (width, height), corner, strict=True)
            right = [min(side, round((at + _MARGIN) / scale)) - start for at, side, start in sides]
            return corner[0], corner[1], right[0], right[1]
    raise UserError(f"--click {x},{y}: nothing there stands out from what is around it; give its --box.")


def _windows(width: int, height: int, place: tuple[int, int]) -> Iterator[Box]:
    """Ever larger squares around the place, as far as they lie in the picture."""
    for share in _WINDOWS:
        reach = max(8, round(share * max(width, height)))
        left, top = max(0, place[0] - reach), max(0, place[1] - reach)
        yield left, top, min(width, place[0] + reach + 1) - left, min(height, place[1] + reach + 1) - top


def _grown(image: NDArray[np.uint8], place: tuple[int, int], window: Box) -> Mask | None:
    """The region around the place within a window; None where it is not told from what is around it."""
    left, top, width, height = window
    marks = np.full(image.shape[:2], cv2.GC_BGD, np.uint8)
    marks[top : top + height, left : left + width] = cv2.GC_PR_BGD
    if (marks == cv2.GC_BGD).sum() < 99:
        return None
    start = _surface(image, place, window)
    marks[start] = cv2.GC_PR_FGD
    cv2.circle(marks, place, 2, cv2.GC_FGD, -1)
    # The colours of object and ground are sought from random beginnings.
    cv2.setRNGSeed(0)
    cv2.grabCut(image, marks, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
    kept = np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    kept = cv2.morphologyEx(kept, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) | (marks == cv2.GC_FGD)
    _, labels = cv2.connectedComponents(kept.astype(np.uint8))
    region = np.asarray(labels == labels[place[1], place[0]])
    return region if _stands_alone(region, window) else None


def _surface(image: NDArray[np.uint8], place: tuple[int, int], window: Box) -> Mask:
    """What has the colour of the place and hangs together with it, and a disc around it; within the window."""
    left, top, width, height = window
    flooded = np.zeros((image.shape[0] + 2, image.shape[1] + 2), np.uint8)
    soft = cv2.GaussianBlur(image, (0, 0), 1.5)
    cv2.floodFill(soft, flooded, place, 0, 3 * (_ALIKE,), 3 * (_ALIKE,), cv2.FLOODFILL_MASK_ONLY | (1 << 8))
    found = flooded[1:-1, 1:-1]
    cv2.circle(found, place, max(3, round(_CORE * min(width, height) / 2)), 1, -1)
    within = np.zeros_like(found)
    within[top : top + height, left : left + width] = 1
    return np.asarray(found & within, bool)


def _stands_alone(region: Mask, window: Box) -> bool:
    """Whether a region is of some size and does not run out of the window where the picture goes on."""
    left, top, width, height = window
    inner = region[top : top + height, left : left + width]
    edges = [
        side
        for side, open_ in (
            (inner[0], top > 0),
            (inner[-1], top + height < region.shape[0]),
            (inner[:, 0], left > 0),
            (inner[:, -1], left + width < region.shape[1]),
        )
        if open_
    ]
    touched = float(np.concatenate(edges).mean()) if edges else 0.0
    return touched < _OPEN and region.sum() > _TINY and _LEAST < float(inner.mean()) < 0.9
