"""One repair ahead with the truth in hand: a bound for what choosing contexts can bring."""

from torch import Tensor

from rovr.mdp.state import RepairState
from rovr.metrics import hole_error
from rovr.select.coverage import TIE, Coverage
from rovr.types import Edit


class Oracle(Coverage):
    """Tries contexts on repairs of the frame and keeps the best; frames in their order.

    Contexts are picked one after the other. Each candidate is completed to K by what the rule ``coverage`` would add,
    and the frame is repaired with these; the one that leaves the least squared error in the hole is picked. So a
    repair is never worse than with the rule's own contexts, and costs K · 2 · radius trials. No policy can know what
    this one knows. It is no bound for whole clips: a worse repair today may make a better context tomorrow.

    Args:
        alpha: as in :class:`Coverage`.
        radius: likewise.

    Attributes:
        truth: (T, 3, H, W) uint8, the whole undamaged video; to be set before each.
    """

    name = "oracle"
    truth: Tensor

    def __init__(self, alpha: float = 0.02, radius: int = 24) -> None:
        super().__init__(alpha, radius)

    def select(self, state: RepairState) -> Edit:
        """Choose the earliest pending frame, and its contexts by trial."""
        assert self.session is not None, "an oracle has to meet the editor"
        rule = super().select(state)
        # In a second pass the frame is whole, and it is repairs of its hole that are tried.
        state.reopen(rule.frame)
        self.session.forget(rule.frame)
        tried = {rule.contexts: self._error(state, rule.frame, rule.contexts)}
        picked: tuple[int, ...] = ()
        while len(picked) < self.contexts:
            for j in self._near(rule.frame, picked):
                contexts = self._complete(rule.frame, (*picked, j))
                if contexts not in tried:
                    tried[contexts] = self._error(state, rule.frame, contexts)
            own = {contexts: error for contexts, error in tried.items() if contexts[: len(picked)] == picked}
            picked = min(own, key=own.__getitem__)[: len(picked) + 1]
        return Edit(rule.frame, picked)

    def _near(self, frame: int, but: tuple[int, ...]) -> list[int]:
        around = range(max(0, frame - self._reach), min(len(self._seen), frame + self._reach + 1))
        return [j for j in around if j != frame and j not in but]

    def _complete(self, frame: int, picked: tuple[int, ...]) -> tuple[int, ...]:
        """Add what the rule would, given those picked."""
        hidden = self._holes[frame]
        for j in picked:
            hidden = hidden * (1 - self._seen[j])
        while len(picked) < self.contexts:
            near = self._near(frame, picked)
            scores = self._seen[near] @ hidden
            best = max(zip(scores, near, strict=True), key=lambda pair: pair[0] - self._price(frame, pair[1]))[1]
            picked, hidden = (*picked, best), hidden * (1 - self._seen[best])
        return picked

    def _price(self, frame: int, j: int) -> float:
        return max(self.alpha, TIE) * abs(frame - j)

    def _error(self, state: RepairState, frame: int, contexts: tuple[int, ...]) -> float:
        """Mean squared error in the hole after a repair that is not kept."""
        assert self.session is not None, "an oracle has to meet the editor"
        mask = state.masks[frame]
        image = self.session.edit(frame, mask, contexts).frame
        truth = self.truth[state.numbers[frame]].to(image.device) / 255
        return float(hole_error(image[None], truth[None], mask[None].to(image)))
