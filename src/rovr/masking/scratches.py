"""Scratches and dropouts: what one frame shows and its motion-compensated neighbours do not.

A blotch is beyond what both neighbours show, in one direction, while they agree with each other; Kokaram (Motion
Picture Restoration, 1998) calls it a spike. A scratch may stay in place for many frames: :mod:`rovr.masking.lines`
looks for lines down the frame that are partly new, since they do not move with the scene below.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice

import cv2
import numpy as np
from numpy.typing import NDArray

from rovr.editor.alignment import Aligner, follow
from rovr.masking.lines import find_lines, thin
from rovr.masking.neighbours import with_neighbours
from rovr.masking.write import Grey, Mask, Masker, Shown, check_sensitivity
from rovr.types import BLACK, check_dilate
from rovr.video.fields import LOOKED_AT, Field, fields_of, much_moves
from rovr.video.masks import widened
from rovr.video.orient import Orientation

# Grey levels by which damage differs, at sensitivity 1.
STEP = 18.0
# Grey levels by which neighbours may differ and still agree.
AGREE = 25.0
# A frame of which more than this is new is a cut or a flash, and no damage.
CUT = 0.25
# Rows and columns from one to the next of those that tell how bright a frame is.
_SPARSE = 4
_TINY = 4


@dataclass(frozen=True)
class _Seen:
    """A frame, and how it looks without lines.

    Attributes:
        grey: (H, W) uint8.
        plain: likewise, thin near-vertical lines removed, so that motion is that of the scene.
    """

    grey: Grey
    plain: Grey


def finding_scratches(sensitivity: float = 1.0, dilate: int = 0) -> Masker:
    """A masker that finds scratches and dropouts, reading up to two frames ahead, of interlaced video some more.

    Where much moves between the fields of a video, each is compared with the fields before and after it.

    Args:
        sensitivity: 1 by default; 2 finds what differs half as much.
        dilate: pixels to widen what was found by, of a field where it was found in that.

    Raises:
        UserError: a sensitivity or a width that is none; from the masker, fewer than three frames.
    """
    check_sensitivity(sensitivity)
    check_dilate(dilate)
    step = STEP / sensitivity

    def find(frames: Iterator[Shown]) -> Iterator[Mask]:
        aligner = Aligner()
        pictures = (frame.grey for frame in frames)
        for here, one, other in with_neighbours(_Seen(grey, _without_lines(grey)) for grey in pictures):
            yield _damage(aligner, here, one, other, step)

    def wide(frames: Iterator[Shown]) -> Iterator[Mask]:
        return (widened(mask, dilate) for mask in find(frames))

    def choose(frames: Iterator[Shown]) -> Iterator[Mask]:
        head = list(islice(frames, 1))
        if head and head[0].info.interlaced:
            head += islice(frames, LOOKED_AT - 1)
            nothing = np.zeros((head[0].info.height, head[0].info.width), bool)
            if much_moves(head[0].info, ((one.frame, nothing) for one in head)):
                return _by_field(wide, chain(head, frames))
        return wide(chain(head, frames))

    return choose


def _by_field(find: Masker, frames: Iterator[Shown]) -> Iterator[Mask]:
    """Masks of frames by those of their fields."""
    fields: deque[tuple[Field, Orientation]] = deque()

    def apart() -> Iterator[Shown]:
        for frame in frames:
            for field in fields_of(frame.frame):
                fields.append((field, frame.info.orientation))
                yield replace(frame, frame=field)

    masks = find(apart())
    for mask in masks:
        (field, orientation), _ = fields.popleft(), fields.popleft()
        pair = [orientation.to_stored(half) for half in (mask, next(masks))]
        whole = np.empty((2 * len(pair[0]), pair[0].shape[1]), bool)
        whole[field.first :: 2], whole[1 - field.first :: 2] = pair
        yield np.ascontiguousarray(orientation.to_shown(whole))


def _without_lines(grey: Grey) -> Grey:
    """Opened and closed sideways: what is thin across goes, edges stay."""
    kernel = np.ones((1, thin(grey.shape[1])), np.uint8)
    opened = cv2.morphologyEx(grey, cv2.MORPH_OPEN, kernel)
    return np.asarray(cv2.morphologyEx(opened, cv2.MORPH_CLOSE, kernel), np.uint8)


def _damage(aligner: Aligner, here: _Seen, one: _Seen, other: _Seen, step: float) -> Mask:
    guesses = [_guess(aligner, here, there) for there in (one, other)]
    blotches = _blotches(here.grey, guesses, step)
    if blotches.mean() > CUT:
        return np.zeros(here.grey.shape, bool)
    gaps = [here.grey.astype(np.float32) - guess for guess in guesses]
    fresh = {sign: np.asarray(np.maximum(sign * gaps[0], sign * gaps[1]) > step) for sign in (1, -1)}
    return _without_specks(blotches) | find_lines(here.grey, fresh, step)


def _guess(aligner: Aligner, here: _Seen, there: _Seen) -> NDArray[np.float32]:
    """A frame (H, W) as its neighbour shows it, moved to where it is now and as bright as it is now."""
    moved = follow(there.grey, aligner.flow(here.plain, there.plain)).astype(np.float32)
    return np.minimum(moved * _brighter(here.grey, moved), 255)


def _brighter(grey: Grey, guess: NDArray[np.float32]) -> float:
    """How much brighter a frame is than its guess, (H, W) each: old film flickers, and a flicker is no damage.

    The median, which damage hardly moves.
    """
    # Some pixels tell as much as all, and what is next to black, such as bars, tells nothing.
    seen, expected = (image[::_SPARSE, ::_SPARSE] for image in (grey, guess))
    lit = expected > BLACK
    return float(np.median(seen[lit] / expected[lit])) if lit.any() else 1.0


def _blotches(grey: Grey, guesses: list[NDArray[np.float32]], step: float) -> Mask:
    """Where (H, W) a frame is beyond all that both neighbours show within a pixel, while they agree."""
    square = np.ones((3, 3), np.uint8)
    most = np.maximum(*(cv2.dilate(guess, square) for guess in guesses))
    least = np.minimum(*(cv2.erode(guess, square) for guess in guesses))
    agree = np.abs(guesses[0] - guesses[1]) < AGREE
    return np.asarray(agree & ((grey > most + step) | (grey < least - step)))


def _without_specks(mask: Mask) -> Mask:
    """Noise goes: areas of fewer pixels than a person would see."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= max(_TINY, mask.size * 1e-4)
    large[0] = False
    return np.asarray(large[labels])
