"""Rules of earlier work that look at the frames' places in time and at the size of their holes."""

from bisect import bisect_left, bisect_right, insort

import torch

from rovr.errors import UserError
from rovr.mdp.state import RepairState
from rovr.select.base import Selector
from rovr.select.rules import due, first_pending, neighbours
from rovr.types import Edit


class LocalStride(Selector):
    """Everything near by, and every tenth frame of the whole video: the rule of STTN, E2FGVI and ProPainter.

    STTN (Zeng, Fu and Chao 2020, arXiv 2007.10247), E2FGVI (Li et al. 2022, arXiv 2204.02663) and ProPainter (Zhou et
    al. 2023, arXiv 2309.03897) repair windows of eleven frames together, each with every tenth frame outside of it.
    Here one frame is repaired at a time and stands in the middle of its own window. Of videos of more than 80 frames
    ProPainter takes the tenth frames within 40 only; this is the rule without that limit.

    Contexts are those of the rule that lie nearest in time, K of them. Up to K = 5 this is what ``nearest`` does: the
    rule comes into its own with ``every``, and then takes O(n) per frame, O(n²) for a video of n frames.

    Args:
        neighbours: r, frames on either side that are looked at.
        stride: every how many frames of the video one is looked at, counted from its first.
        every: whether to look at as many frames as the rule asks for, however many K are.

    Attributes:
        weighed: number of contexts that the rule asked for since the last reset.
    """

    name = "local_stride"

    def __init__(self, neighbours: int = 5, stride: int = 10, every: bool = False) -> None:
        if neighbours < 1 or stride < 1:
            raise UserError("local_stride: neighbours and stride must be at least 1")
        self.neighbours, self.stride, self.every = neighbours, stride, every
        self.weighed = 0

    def reset(self, state: RepairState, generator: torch.Generator, contexts: int = 2) -> None:
        """Begin a clip: lay the grid of every tenth frame over it."""
        super().reset(state, generator, contexts)
        self._grid = tuple(i for i, k in enumerate(state.numbers[: state.length]) if k % self.stride == 0)
        self.weighed = 0

    def select(self, state: RepairState) -> Edit:
        """Choose the earliest pending frame, its neighbours and the grid."""
        i, r = first_pending(state), self.neighbours
        near = [j for j in neighbours(i, state.length, 2 * r) if abs(j - i) <= r]
        before, after = bisect_left(self._grid, i - r), bisect_right(self._grid, i + r)
        far = len(self._grid) if self.every else self.contexts
        asked = [*near, *self._grid[max(0, before - far) : before], *self._grid[after : after + far]]
        self.weighed += len(asked)
        if self.every:
            return Edit(i, tuple(asked))
        asked.sort(key=lambda j: (abs(j - i), j))
        # Where the rule asks for fewer than K, the nearest of the others fill up.
        filled = dict.fromkeys((*asked, *neighbours(i, state.length, self.contexts)))
        return Edit(i, tuple(filled)[: self.contexts])


class LargestHoleFirst(Selector):
    """The frame with the largest hole first, with the K frames nearest in time: after RGVI.

    RGVI (Cho et al. 2024, arXiv 2412.08975) pulls pixels along flow from all frames, the nearest first, and then
    generates the frame with the most pixels still missing, counted together with those that they lie on in other
    frames, as a reference for all. Here area is what the mask hides, and the order goes on down to the smallest hole;
    of frames with holes of the same size the earliest comes first.
    """

    name = "largest_hole_first"

    def reset(self, state: RepairState, generator: torch.Generator, contexts: int = 2) -> None:
        """Begin a clip: sort its frames by their holes."""
        super().reset(state, generator, contexts)
        areas = state.masks.flatten(1).sum(1).tolist()
        self._order = sorted(range(state.length), key=lambda j: (areas[j], -j))

    def select(self, state: RepairState) -> Edit:
        """Choose the pending frame with the largest hole, and its neighbours."""
        i = due(self._order, state)
        return Edit(i, neighbours(i, state.length, self.contexts))


class Midpoint(Selector):
    """First and last frame, then the middle between two that are done, and so on: the order of hierarchical B pictures.

    Video coders predict pictures in this order, each from the nearest coded ones on either side (Schwarz, Marpe and
    Wiegand 2006, "Analysis of hierarchical B pictures and MCTF"), and frame interpolation fills longer gaps in the same
    way (Reda et al. 2022, arXiv 2202.04901). Contexts are the nearest frames that have no hole or were repaired before,
    first one on either side; where there are fewer than K of them, the nearest of the others fill up.
    """

    name = "midpoint"

    def reset(self, state: RepairState, generator: torch.Generator, contexts: int = 2) -> None:
        """Begin a clip: set its order, and see what needs no repair."""
        super().reset(state, generator, contexts)
        self._order = bisecting(state.length)[::-1]
        # Of a longer video a clip may hold frames that were repaired before, and others that will be later.
        whole = ~state.masks.flatten(1).any(1)
        repaired = (state.masks & (state.doubt < 255)).flatten(1).any(1)
        self._done = (~state.pending & (whole | repaired)).nonzero().flatten().tolist()
        self._known = len(state.edits)

    def select(self, state: RepairState) -> Edit:
        """Choose the next frame of the order, between those that are done."""
        for edit in state.edits[self._known :]:
            insort(self._done, edit.frame)
        self._known = len(state.edits)
        i, k = due(self._order, state), self.contexts
        place = bisect_left(self._done, i)
        before, after = self._done[:place][-k:][::-1], self._done[place : place + k]

        def distance(j: int) -> tuple[int, int]:
            return abs(j - i), j

        either = sorted([*before[:1], *after[:1]], key=distance)
        beyond = sorted([*before[1:], *after[1:]], key=distance)
        filled = dict.fromkeys((*either, *beyond, *neighbours(i, state.length, 2 * k)))
        return Edit(i, tuple(filled)[:k])


def bisecting(length: int) -> list[int]:
    """Indices of a clip: first, last, middle, the middles of both halves, and so on by ever smaller gaps."""
    order = [0, length - 1][:length]
    gaps = [(0, length - 1)]
    for low, high in gaps:
        if high - low > 1:
            middle = (low + high) // 2
            order.append(middle)
            gaps += [(low, middle), (middle, high)]
    return order
