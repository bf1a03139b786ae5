"""Lost blocks of a digital recording: squares of which one frame shows what its motion-compensated neighbours do not.

Codecs that store each frame by itself, as those of DV tapes, of Motion JPEG and of editing do, lose 8×8 pixels at a
time, or some multiple of that, and what the decoder shows instead is gone in the next frame. What moves too fast to be
followed is not shown by the neighbours either. But where a block was lost, the difference ends where the block does, in
steps of 8 pixels, and what moves keeps to no such grid. Where frames are predicted from others, damage stays for many
of them; there the decoder is asked, see :mod:`rovr.masking.concealed`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rovr.editor.alignment import Aligner, follow
from rovr.masking.concealed import Unnoticed, with_bare
from rovr.masking.neighbours import with_neighbours
from rovr.masking.write import Mask, Masker, Shown, check_sensitivity
from rovr.types import BLACK
from rovr.video.colour import Frame
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
# Levels by which a frame decoded without concealment differs: less is what remains of old damage, and is not seen.
_OTHER = 2
# Share of that which has to be new: some of what it hides may well be of its colour.
_SOME = 0.2


@dataclass(frozen=True)
class _Seen:
    """A frame as it is stored, where blocks lie at multiples of their side.

    Attributes:
        orientation: how it is to be turned.
        planes: luma and chroma, (H, W, 3) uint8.
        made_up: (H, W) whole blocks that the decoder has filled in.
    """

    orientation: Orientation
    planes: NDArray[np.uint8]
    made_up: Mask

    @classmethod
    def of(cls, frame: Shown, bare: Frame | None) -> "_Seen":
        """A frame, and the same without concealment of errors."""
        planes = _planes(frame.frame)
        other = planes if bare is None else _planes(bare)
        blocks = _shares(np.asarray((cv2.absdiff(planes, other) > _OTHER).any(-1))) > _JOIN
        made_up = _spread(blocks, planes.shape[:2])
        return cls(frame.info.orientation, planes, made_up)


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
        aligner, unnoticed = Aligner(), Unnoticed()
        for seen, *others in with_neighbours(_Seen.of(*both) for both in with_bare(frames)):
            here = seen.planes
            flows = [aligner.flow(here[..., 0].copy(), there.planes[..., 0].copy()) for there in others]
            moved = [follow(there.planes, flow) for there, flow in zip(others, flows, strict=True)]
            each = [_beyond(here, guess, steps) for guess in moved]
            far = np.minimum(*each)
            fresh = partial(_lost, np.where(seen.made_up, np.float32(0), each[0]))
            lost = seen.made_up | unnoticed.at(seen.made_up, fresh, flows[0]) | _filled(here, far > 1)
            if (far > 1).mean() < _MOST:
                lost |= _lost(far)
            yield np.ascontiguousarray(seen.orientation.to_shown(lost))

    return find


def _planes(frame: Frame) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2YCrCb), np.uint8)


def _shares(mask: Mask) -> NDArray[np.float32]:
    """Share of each block (rows, columns) that lies in a mask (H, W)."""
    height, width = mask.shape
    grid = np.zeros((-(-height // SIDE) * SIDE, -(-width // SIDE) * SIDE), np.float32)
    grid[:height, :width] = mask
    return np.asarray(grid.reshape(len(grid) // SIDE, SIDE, -1, SIDE).mean((1, 3)))


def _spread(blocks: NDArray[Any], size: tuple[int, ...]) -> NDArray[Any]:
    """Values of blocks, for each of their pixels (H, W)."""
    return blocks.repeat(SIDE, 0).repeat(SIDE, 1)[: size[0], : size[1]]


def _beyond(here: NDArray[np.uint8], guess: NDArray[np.uint8], steps: NDArray[np.float32]) -> NDArray[np.float32]:
    """How many steps (H, W) a frame is beyond all that a guess at it shows within a pixel, in any plane (H, W, 3)."""
    square = np.ones((3, 3), np.uint8)
    above, below = cv2.subtract(here, cv2.dilate(guess, square)), cv2.subtract(cv2.erode(guess, square), here)
    return np.asarray((np.maximum(above, below) / steps).max(-1), np.float32)


def _lost(far: NDArray[np.float32]) -> Mask:
    """Whole blocks (H, W) of what differs by so many steps, where that ends with them."""
    return np.asarray(np.logical_or.reduce([_sharp(far > times) for times in _TIMES]))


def _sharp(new: Mask) -> Mask:
    """Whole blocks (H, W) of what is new, where that ends with them."""
    shares = _shares(new)
    _, labels, stats, _ = cv2.connectedComponentsWithStats((shares > _JOIN).astype(np.uint8), connectivity=4)
    whole = _spread(labels, new.shape)
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
