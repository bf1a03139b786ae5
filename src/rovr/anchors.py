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

    def __init__(self, count: int, mode: str = "novel") -> None:
        self.count = count
        self.mode = mode
        self.step = EVERY
        self.kept: list[Anchor[T]] = []
        self._alike = np.zeros((0, 0))

    def wants(self, index: int) -> bool:
        """Whether a frame is considered."""
        return self.count > 0 and index % self.step == 0

    def offer(self, index: int, item: T, thumb: Thumb) -> None:
        """Consider a frame; to be called in the order of the video."""
        if self.mode == "spread":
            self.kept.append(Anchor(index, item, thumb, 0))
            if len(self.kept) > self.count:
                self.step *= 2
                self.kept = [a for a in self.kept if a.index % self.step == 0]
            return
        row = [likeness(thumb, other.thumb) for other in self.kept]
        size = len(row)
        self._alike = np.pad(self._alike, (0, 1))
        self._alike[size, :size] = row
        self.kept.append(Anchor(index, item, thumb, float(thumb.known.mean())))
        if len(self.kept) > self.count:
            later, earlier = np.unravel_index(np.where(np.tri(size + 1, k=-1) > 0, self._alike, -2).argmax(), self._alike.shape)
            worse = int(later if self.kept[later].shown < self.kept[earlier].shown - 0.02 else earlier)
            del self.kept[worse]
            self._alike = np.delete(np.delete(self._alike, worse, 0), worse, 1)


def anchor_count(pixels: int, count: int) -> int:
    """How many anchors of a size fit into memory; never more than ``count``."""
    return min(count, MEMORY // (pixels * BYTES))
