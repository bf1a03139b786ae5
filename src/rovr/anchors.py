"""A few frames of a scene that were filmed long before, so that a repair can find what was seen there.

They are chosen while the video passes by: whenever there is one too many, of the two that look most alike the one goes
that shows less. So a camera that moves leaves an anchor wherever it has been, however long ago, and memory stays flat.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from rovr.video.cuts import Thumb, likeness

T = TypeVar("T")

ANCHORS = 12
"""Frames that are kept, unless they are large."""

EVERY = 4
"""One frame in so many is considered."""

MEMORY = 1 << 26
"""Bytes for anchors."""

BYTES = 10
"""What a pixel of an anchor takes: colours, mask and doubt, kept and laid beside a block."""


@dataclass(frozen=True)
class Anchor(Generic[T]):
    """A frame that is kept.

    Attributes:
        index: in the video.
        item: the frame.
        thumb: its small picture.
        shown: share of it that no hole covers.
    """

    index: int
    item: T
    thumb: Thumb
    shown: float


class Anchors(Generic[T]):
    """Keeps frames that look unlike each other.

    Args:
        count: how many at most.

    Attributes:
        kept: in the order of the video.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.kept: list[Anchor[T]] = []
        # How alike each is to every earlier one.
        self._alike = np.zeros((0, 0))

    def wants(self, index: int) -> bool:
        """Whether a frame is considered."""
        return self.count > 0 and index % EVERY == 0

    def offer(self, index: int, item: T, thumb: Thumb) -> None:
        """Consider a frame; to be called in the order of the video."""
        size = len(self.kept)
        grown = np.full((size + 1, size + 1), -np.inf)
        grown[:size, :size] = self._alike
        grown[size, :size] = [likeness(thumb, other.thumb) for other in self.kept]
        self.kept.append(Anchor(index, item, thumb, float(thumb.known.mean())))
        self._alike = grown
        if size == self.count:
            later, earlier = (int(k) for k in np.unravel_index(grown.argmax(), grown.shape))
            worse = later if self.kept[later].shown < self.kept[earlier].shown else earlier
            del self.kept[worse]
            self._alike = np.delete(np.delete(grown, worse, 0), worse, 1)


def anchor_count(pixels: int, count: int) -> int:
    """How many anchors of a size fit into memory; never more than ``count``."""
    return min(count, MEMORY // (pixels * BYTES))
