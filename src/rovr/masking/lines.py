"""Near-vertical lines in one frame, and which of them are scratches."""

import cv2
import numpy as np
from numpy.typing import NDArray

from rovr.masking.write import Grey, Mask

# Greatest lean of a line, sideways pixels a row.
LEAN = 0.12
# Share of a stretch along which a line must show, and share of that which neighbours must not show.
SHOWN, NEW = 0.87, 0.15
# Lengths of a stretch and of a whole scratch as shares of the height: scratches bend, but stretches are straight.
STRETCH, WHOLE = 0.25, 0.5


def thin(width: int) -> int:
    """Pixels, odd, that are too wide to be a scratch in a picture of this width."""
    return 2 * max(2, round(width * 0.012)) + 1


def find_lines(grey: Grey, fresh: dict[int, Mask], step: float) -> Mask:
    """Scratches that run down a frame.

    Args:
        grey: (H, W) uint8.
        fresh: for bright (1) and dark (-1): (H, W), where a neighbour does not show the same.
        step: grey levels by which a line differs from what is on either side of it.

    Returns:
        (H, W) bool.
    """
    mask = np.zeros(grey.shape, bool)
    kernel = np.ones((1, thin(grey.shape[1])), np.uint8)
    for sign, kind in ((1, cv2.MORPH_TOPHAT), (-1, cv2.MORPH_BLACKHAT)):
        across = cv2.morphologyEx(grey, kind, kernel) > step
        # Along stretches what stands out, and gaps of a few rows between.
        solid = cv2.morphologyEx(across.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((7, 1), np.uint8)) > 0
        mask |= _whole(_stretches(across, across & fresh[sign])) & solid
    return mask


def _stretches(across: Mask, fresh: Mask) -> Mask:
    """Straight stretches (H, W) along which nearly all stands out, and much of it is new."""
    height, width = across.shape
    rows = max(8, round(height * STRETCH))
    most = max(1, round(LEAN * rows))
    outstanding, novel = across.astype(np.uint8), fresh.astype(np.uint8)
    mask = np.zeros((height, width), bool)
    for lean in range(-most, most + 1):
        # Sheared by the lean, stretches are upright, and a box of one column counts their pixels.
        shear = np.array([[1, -lean / rows, 0], [0, 1, 0]], np.float32)
        back = np.array([[1, lean / rows, 0], [0, 1, 0]], np.float32)
        shown = _counted(_warp(outstanding, shear), rows)
        # A large picture has many leans, and in most of them no column holds a stretch.
        columns = np.flatnonzero(shown.max(0) > SHOWN * rows)
        if not len(columns):
            continue
        shown, new = shown.take(columns, 1), _counted(_warp(novel, shear).take(columns, 1), rows)
        found = (shown > SHOWN * rows) & (new > NEW * shown)
        path = np.zeros((height, width), np.uint8)
        path[:, columns] = cv2.dilate(found.astype(np.uint8), np.ones((rows, 1), np.uint8)).reshape(height, -1)
        mask |= _warp(path, back) > 0
    return mask


def _warp(image: Grey, matrix: NDArray[np.float32]) -> Grey:
    height, width = image.shape
    return np.asarray(cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_NEAREST), np.uint8)


def _counted(image: Grey, rows: int) -> NDArray[np.int32]:
    counts = cv2.boxFilter(image, cv2.CV_32S, (1, rows), normalize=False, borderType=cv2.BORDER_REFLECT)
    return np.asarray(counts, np.int32).reshape(image.shape)


def _whole(stretches: Mask) -> Mask:
    """Those that join to a scratch of some length."""
    joined = cv2.morphologyEx(stretches.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((9, 3), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    tall = stats[:, cv2.CC_STAT_HEIGHT] >= WHOLE * len(stretches)
    tall[0] = False
    return np.asarray(tall[labels])
