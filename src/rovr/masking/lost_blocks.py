"""Lost blocks: squares of a digital recording of which one frame shows what its motion-compensated neighbours do not.

Codecs that store each frame by itself, as those of DV tapes, of Motion JPEG and of editing do, lose 8×8 pixels at a
time, or some multiple of that, and what the decoder shows instead is gone in the next frame. What moves too fast to be
followed is not shown by the neighbours either. But where a block was lost, the difference ends where the block does, in
steps of 8 pixels, and what moves keeps to no such grid.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from rovr.editor.alignment import Aligner, follow
from rovr.masking.neighbours import with_neighbours
from rovr.masking.write import Mask, Masker, Shown, check_sensitivity
from rovr.types import BLACK
from rovr.video.orient import Orientation

SIDE = 8
"""Of a block, in pixels of the video as it is stored."""

# Levels of luma and of both kinds of chroma by which damage differs, at sensitivity 1.
_STEPS = np.array([18, 10, 10], np.float32)
# Of these: where motion cannot be followed all differs somewhat, and lost blocks stand out from that.
_TIMES = (1, 2, 4)
# Share of a block that differs, for it to be a lost one, and to be one beside a lost one.
_SEED, _JOIN = 0.3, 0.12
# How much more of the rim of lost blocks differs, two pixels wide, than of what lies just outside of it.
_SHARP, _RIM = 0.4, np.ones((5, 5), np.uint8)
# A frame of which more than this differs may be a flash, and blocks tell nothing; so much of one colour is no scene.
_MOST, _WHITE = 0.4, 220
# Share of that which has to be new: some of what it hides may well be of its colour.
_SOME = 0.2


def finding_blocks(sensitivity: float = 1.0) -> Masker:
    """A masker that finds lost blocks, reading up to two frames ahead.

    Args:
        sensitivity: 1 by default; 2 finds what differs half as much.

    Raises:
        UserError: a sensitivity that is none; from the masker, fewer than three frames.
    """
    check_sensitivity(sensitivity)
    steps = _STEPS / sensitivity

    def find(frames: Iterator[Shown]) -> Iterator[Mask]:
        aligner = Aligner()
        for (orientation, here), *others in with_neighbours(_planes(frame) for frame in frames):
            flows = [aligner.flow(here[..., 0].copy(), there[..., 0].copy()) for _, there in others]
            moved = [follow(there, flow) for (_, there), flow in zip(others, flows, strict=True)]
            far = np.minimum(*(_beyond(here, guess, steps) for guess in moved))
            lost = _filled(here, far > 1)
            if (far > 1).mean() < _MOST:
                lost |= np.logical_or.reduce([_lost(far > times) for times in _TIMES])
            yield np.ascontiguousarray(orientation.to_shown(lost))

    return find


def _planes(frame: Shown) -> tuple[Orientation, NDArray[np.uint8]]:
    """How a frame is to be turned, and luma and chroma (H, W, 3) as it is stored, where blocks lie at multiples."""
    ycc = cv2.cvtColor(frame.frame.rgb, cv2.COLOR_RGB2YCrCb)
    return frame.info.orientation, np.asarray(ycc, np.uint8)


def _beyond(here: NDArray[np.uint8], guess: NDArray[np.uint8], steps: NDArray[np.float32]) -> NDArray[np.float32]:
    """How many steps (H, W) a frame is beyond all that a guess at it shows within a pixel, in any plane (H, W, 3)."""
    square = np.ones((3, 3), np.uint8)
    above, below = cv2.subtract(here, cv2.dilate(guess, square)), cv2.subtract(cv2.erode(guess, square), here)
    return np.asarray((np.maximum(above, below) / steps).max(-1), np.float32)


def _lost(new: Mask) -> Mask:
    """Whole blocks (H, W) of what is new, where that ends with them."""
    height, width = new.shape
    grid = np.zeros((-(-height // SIDE) * SIDE, -(-width // SIDE) * SIDE), np.float32)
    grid[:height, :width] = new
    shares = grid.reshape(len(grid) // SIDE, SIDE, -1, SIDE).mean((1, 3))
    _, labels, stats, _ = cv2.connectedComponentsWithStats((shares > _JOIN).astype(np.uint8), connectivity=4)
    whole = labels.repeat(SIDE, 0).repeat(SIDE, 1)[:height, :width]
    lost = np.zeros_like(new)
    for label in np.setdiff1d(labels[shares > _SEED], 0):
        x, y, w, h = SIDE * stats[label, :4]
        place = np.s_[max(0, y - 2) : y + h + 2, max(0, x - 2) : x + w + 2]
        mine, taken, found = whole[place] == label, whole[place] > 0, new[place]
        inside = mine & (cv2.dilate((~mine).astype(np.uint8), _RIM) > 0)
        outside = (cv2.dilate(mine.astype(np.uint8), _RIM) > 0) & ~taken
        if _mean(found[inside], 1.0) - _mean(found[outside], 0.0) > _SHARP:
            lost[place] |= mine
    return lost


def _filled(here: NDArray[np.uint8], new: Mask) -> Mask:
    """Where (H, W) most of a picture has one new colour, as where a decoder has not found the rest of it."""
    counts = np.bincount(here[..., 0].ravel(), minlength=256)[BLACK:_WHITE]
    if not counts.any():
        return np.zeros_like(new)
    colour = np.median(here[here[..., 0] == BLACK + counts.argmax()], axis=0)
    alike = (np.abs(here - colour) <= 2).all(-1).astype(np.uint8)
    whole = cv2.morphologyEx(alike, cv2.MORPH_OPEN, np.ones((SIDE, SIDE), np.uint8)) > 0
    return np.asarray(whole & (whole.mean() > _MOST and _mean(new[whole], 0.0) > _SOME))


def _mean(values: Mask, otherwise: float) -> float:
    """Share of what is so; blocks that fill the picture, or lie between others, have no rim."""
    return float(values.mean()) if len(values) else otherwise
