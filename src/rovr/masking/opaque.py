"""Opaque logos: areas that hardly change while the picture around them does.

Edges alone do not tell them all. Where a logo is about as bright as what is behind it, its edges turn with every frame,
and a box in the corner of the picture has edges on two sides only.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from rovr.masking.write import Mask
from rovr.types import BLACK

# Grey levels by which an opaque area may change, in so large a share of the frames. Half would not do: between sky and
# a horizon that goes up and down lies a line on one side of which most show the sky.
STILL, NEARLY = 4.0, 0.8
# Grey levels by which what is around it usually changes at least.
MOVES = 8.0
# Least share of what is around an area that moves so, and least share of it that is no such area itself: clear sky and
# walls of one colour change little, too, but nor does what is next to them.
AROUND, FREE = 0.8, 0.5
# Pixels from an area, which compression blurs, to where the ring around it begins and ends.
NEAR, FAR = 2, 4
_TINY = 10
# Rows worked on at a time.
STRIP = 32


def stillness(frames: NDArray[np.uint8]) -> tuple[NDArray[np.float32], Mask]:
    """How much each pixel of frames (T, H, W) usually changes, in grey levels, and where it hardly ever does.

    Returns:
        (H, W) each; what is black counts as nothing that is held.
    """
    change, held = np.zeros(frames.shape[1:], np.float32), np.zeros(frames.shape[1:], bool)
    for top in range(0, len(held), STRIP):
        rows = slice(top, top + STRIP)
        grey = np.median(frames[:, rows], 0)
        stray = np.abs(frames[:, rows] - grey)
        change[rows] = np.median(stray, 0)
        held[rows] = (np.quantile(stray, NEARLY, axis=0) <= STILL) & (grey > BLACK)
    return change, held


def opaque_areas(change: NDArray[np.float32], held: Mask, largest: float, moves: float = MOVES) -> Mask:
    """Find them.

    Args:
        change: (H, W), see :func:`stillness`.
        held: likewise.
        largest: share of the picture that one area takes at most.
        moves: see :data:`MOVES`.

    Returns:
        (H, W), areas without holes in them.
    """
    _, labels, stats, _ = cv2.connectedComponentsWithStats(held.astype(np.uint8))
    sizes = stats[:, cv2.CC_STAT_AREA]
    sizes[0] = 0  # what is no area
    mask = np.zeros(change.shape, bool)
    for label in np.flatnonzero((sizes >= _TINY) & (sizes < largest * change.size)):
        x, y, width, height = stats[label, :4]
        box = np.s_[max(y - FAR, 0) : y + height + FAR, max(x - FAR, 0) : x + width + FAR]
        outlines, _ = cv2.findContours(
            (labels[box] == label).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        area = cv2.drawContours(np.zeros(change[box].shape, np.uint8), outlines, -1, 1, cv2.FILLED)
        near, far = (cv2.dilate(area, np.ones((3, 3), np.uint8), iterations=count) for count in (NEAR, FAR))
        ring = far > near
        free = ring & ~held[box]
        if free.sum() > FREE * ring.sum() and (change[box][free] >= moves).mean() > AROUND:
            mask[box] |= area > 0
    return mask
