"""A few frames of a scene for repairs far away from them, so that what was seen there can be found, before or after.

They are chosen before the scene is repaired, while it passes by: whenever there is one too many, of the two that look
most alike the one goes that shows less. So a camera that moves leaves an anchor wherever it comes, however long ago or
ahead, and memory stays flat.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np

from rovr.video.cuts import Thumb, likeness

T = TypeVar("T")

ANCHORS = 24
"""Frames that are kept, unless they are large."""

EVERY = 4
"""One frame in so many is considered."""

MEMORY = 1 << 28
"""Bytes for anchors. Large frames come in small blocks, which need them more."""

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
        length: frames that have passed by.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.kept: list[Anchor[T]] = []
        self.length = 0
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

    def replace(self, index: int, item: T) -> None:
        """Put a frame that has been repaired into the place of what it was, if it is kept."""
        self.kept = [replace(anchor, item=item) if anchor.index == index else anchor for anchor in self.kept]

    def outside(self, frames: range) -> Sequence[Anchor[T]]:
        """Those that are none of some frames."""
        return [anchor for anchor in self.kept if anchor.index not in frames]

    def among(self, frames: range) -> tuple[int, ...]:
        """Which of some frames are kept, by their places among them."""
        return tuple(anchor.index - frames.start for anchor in self.kept if anchor.index in frames)


def anchor_count(pixels: int, count: int) -> int:
    """How many anchors of a size fit into memory; never more than ``count``."""
    return min(count, MEMORY // (pixels * BYTES))
