"""Fixed rules that look at nothing but the frames' places in time: what the clever strategies must beat."""

import torch

from rovr.mdp.state import RepairState
from rovr.select.base import Selector
from rovr.types import Edit


def first_pending(state: RepairState) -> int:
    """The earliest frame still to be repaired."""
    return int(state.pending.byte().argmax())


def due(order: list[int], state: RepairState) -> int:
    """The last frame of a list that is still to be repaired; those behind it are dropped."""
    while not state.pending[order[-1]]:
        order.pop()
    return order[-1]


def neighbours(frame: int, length: int, count: int) -> tuple[int, ...]:
    """The frames of a clip that lie nearest in time, ``count`` or all of them; on ties the past one first."""
    near = range(max(0, frame - count), min(length, frame + count + 1))
    return tuple(sorted((j for j in near if j != frame), key=lambda j: (abs(j - frame), j))[:count])


class Sequential(Selector):
    """From the first frame to the last, looking back at the frames just before: the rule of Vid2Vid.

    Vid2Vid (Wang et al. 2018, arXiv 1808.06601) generates frame i from the two frames before it. At the start
    of a clip, where fewer than K frames lie before, the frames that follow stand in: 0 looks at (1, 2) and 1
    at (0, 2).
    """

    name = "sequential"

    def select(self, state: RepairState) -> Edit:
        """Choose the earliest pending frame and the K frames before it."""
        i = first_pending(state)
        past = range(i - 1, max(-1, i - 1 - self.contexts), -1)
        future = range(i + 1, i + 1 + self.contexts - len(past))
        return Edit(i, (*past, *future))


class Nearest(Selector):
    """From the first frame to the last, looking at the K frames nearest in time; on ties at the past one."""

    name = "nearest"

    def select(self, state: RepairState) -> Edit:
        """Choose the earliest pending frame and its neighbours."""
        i = first_pending(state)
        return Edit(i, neighbours(i, state.length, self.contexts))


class Random(Selector):
    """Any pending frame, any contexts, all equally likely."""

    name = "random"

    def reset(self, state: RepairState, generator: torch.Generator, contexts: int = 2) -> None:
        """Begin a clip: shuffle its frames."""
        super().reset(state, generator, contexts)
        self._order = self._shuffle(state.length)

    def select(self, state: RepairState) -> Edit:
        """Take the next pending frame of the shuffled ones and draw K other frames."""
        i = due(self._order, state)
        chosen: list[int] = []
        # Floyd's sampling without replacement: K draws, however long the clip. Indices skip the target.
        for last in range(state.length - 1 - self.contexts, state.length - 1):
            drawn = int(torch.randint(last + 1, (), generator=self.generator, device=self.generator.device))
            chosen.append(last if drawn in chosen else drawn)
        # Floyd's set is uniform but its order is not.
        return Edit(i, tuple(chosen[k] + (chosen[k] >= i) for k in self._shuffle(len(chosen))))

    def _shuffle(self, n: int) -> list[int]:
        order = torch.randperm(n, generator=self.generator, device=self.generator.device)
        return [int(k) for k in order]
