"""Where one scene ends and the next begins, found in passing, whatever holes the frames have.

A cut is where nothing of the two frames before looks like either of the two frames after, although those that belong
together do. Small pictures are compared by correlation, which does not care about flicker, and only where both are
known; comparing two frames on either side keeps a flash or a spoiled frame from being taken for a cut. Frames that are
missing as a whole, as splices leave them, are passed over and go with the scene before; what they show of a letterbox's
bars tells nothing.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from rovr.types import BLACK, MOSTLY

T = TypeVar("T")

SIZE = (40, 24)
"""Width and height of the small pictures: motion between two frames moves them by less than a pixel or two."""

UNLIKE = 0.65
"""Correlation below which two pictures may be of different scenes."""

CONTRAST = 4.0
"""How much less alike the two sides of a cut are than frames within a scene."""

NOISE = 2.0
"""Standard deviation, in grey levels, added to that of the pictures, so that empty ones are alike."""

SEEN = 0.05
"""Share of a picture that has to be known for it to be compared."""

HELD = 2
"""Frames missing as a whole, in a row, that are passed over; beyond more of them nobody looks for a cut."""


@dataclass(frozen=True)
class Thumb:
    """A small picture.

    Attributes:
        color: (h, w, 3) float, grey levels.
        known: (h, w) float in [0, 1], share of each pixel that no hole covers.
    """

    color: NDArray[np.float32]
    known: NDArray[np.float32]


def thumb(frame: NDArray[np.uint8], hole: NDArray[np.bool_]) -> Thumb:
    """Shrink a frame, leaving its holes out.

    Args:
        frame: (H, W, 3).
        hole: (H, W), True = missing.
    """
    # Large frames are thinned first: each small pixel still is the mean of some sixty.
    step = max(1, min(frame.shape[0] // (8 * SIZE[1]), frame.shape[1] // (8 * SIZE[0])))
    frame, hole = frame[::step, ::step], hole[::step, ::step]
    if not hole.any():
        color = cv2.resize(np.ascontiguousarray(frame), SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)
        return Thumb(color, np.ones(color.shape[:2], np.float32))
    seen = (~hole).astype(np.uint8)
    known = np.float32(1 / 255) * cv2.resize(seen * 255, SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)
    color = cv2.resize(frame * seen[..., None], SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)
    return Thumb(color / np.maximum(known, np.float32(1e-3))[..., None], known)


def likeness(a: Thumb, b: Thumb) -> float:
    """Correlation of two pictures where both are known, in [−1, 1]; 1 where nothing can be compared."""
    weight = (a.known * b.known)[..., None]
    total = float(weight.sum())
    if total < SEEN * weight.size:
        return 1.0
    left, right = (x.color - (weight * x.color).sum((0, 1)) / total for x in (a, b))
    spread = [float((weight * x * x).sum()) / (3 * total) for x in (left, right)]
    shared = float((weight * left * right).sum()) / (3 * total)
    # Noise is shared too: two grey fields are alike, and a grey field is not like a picture.
    floor = NOISE**2
    return (shared + floor) / float(np.sqrt((spread[0] + floor) * (spread[1] + floor)))


def _shows(small: Thumb) -> bool:
    """Whether enough is known of a picture; of one that is mostly missing, black bars do not count."""
    known = small.known
    if known.mean() < MOSTLY:
        known = known * (small.color.max(-1) > BLACK)
    return bool(known.sum() >= SEEN * known.size)


def _is_cut(around: list[Thumb], gap: int) -> bool:
    """Whether the third of four frames in a row begins a scene, before which some were passed over."""
    before, after = around[:2], around[2:]
    across = max(likeness(a, b) for a in before for b in after)
    if across > UNLIKE:
        return False
    within = (likeness(*before) + likeness(*after)) / 2
    # Within a scene, too, pictures grow unlike with the time between them.
    return 1 - across >= CONTRAST * (gap + 1) * (1 - within)


def with_cuts(items: Iterable[T], look: Callable[[T], Thumb]) -> Iterator[tuple[T, bool]]:
    """Say of each item whether a new scene begins with it, one item late, or some where frames are passed over.

    A scene of a single frame is no scene: such a frame belongs to its neighbours.

    Args:
        items: of one video, in order.
        look: an item's small picture.
    """
    thumbs: deque[Thumb] = deque(maxlen=4)
    # A frame that shows something, and those after it that do not.
    waiting: list[T] = []
    since = before = 0
    for item in items:
        small = look(item)
        if not _shows(small):
            waiting.append(item)
            if len(waiting) > HELD + 1 or not thumbs:
                yield from ((one, False) for one in waiting)
                waiting, since = [], 0
                thumbs.clear()
            continue
        thumbs.append(small)
        if waiting:
            cut = since >= 2 and len(thumbs) == 4 and _is_cut(list(thumbs), before)
            yield waiting[0], cut
            yield from ((one, False) for one in waiting[1:])
            since, before = (1 if cut else since + 1), len(waiting) - 1
        waiting = [item]
    yield from ((one, False) for one in waiting)
