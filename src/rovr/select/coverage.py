"""Look at the frames that show what the hole hides: a closed-form strategy that needs no training.

Let h_i be the hole of frame i as a distribution over the cells of a coarse grid, and v_j how well frame j is
seen there (1 − doubt). Contexts are picked greedily: each maximises the share of the hole it shows that those
picked before do not, less a price α for every frame of distance in time, since far frames align worse. The
share shown by a set, Σ h_i (1 − Π_j (1 − v_j)), is submodular, so greedy picks reach at least 1 − 1/e of the
best possible share.
"""

import math
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from rovr.errors import UserError
from rovr.mdp.state import RepairState
from rovr.select.base import Selector
from rovr.select.rules import first_pending
from rovr.types import Edit

Maps = NDArray[np.float32]

# Pixels averaged at once: keeps the float copy of a long clip small.
CHUNK = 1 << 22
# Least price of distance, so that among frames that show the same the nearest wins even where α is 0.
TIE = 1e-5


class Coverage(Selector):
    """Prefers contexts by how much of the hole they show, against their distance in time.

    A whole video of n frames costs O(n · radius): each frame is averaged once onto the grid and once more
    after its repair, and each choice weighs the frames within the radius only.

    Args:
        alpha: α, share of the hole that one frame of distance must be worth.
        radius: farthest context in frames, each way.
        anchors: frames spread evenly over the clip that are weighed too, however far; beyond the radius the
            price of distance grows no further.
        order: ``"sequential"``, or ``"easiest"``: the frame whose contexts show the most first, so that
            repairs build on the surest ones.
        cells: side of the grid.

    Attributes:
        weighed: number of (target, context) pairs weighed since the last reset, for measuring the cost.
    """

    name = "coverage"

    def __init__(
        self,
        alpha: float = 0.02,
        radius: int = 24,
        anchors: int = 0,
        order: Literal["sequential", "easiest"] = "sequential",
        cells: int = 32,
    ) -> None:
        if order not in ("sequential", "easiest"):
            raise UserError(f"coverage has no order '{order}'; choose sequential or easiest")
        if not 0 <= alpha < math.inf or radius < 1 or anchors < 0 or cells < 1:
            raise UserError("coverage: alpha must be a finite number, alpha and anchors at least 0, radius and cells 1")
        self.alpha, self.radius, self.anchors, self.order, self.cells = alpha, radius, anchors, order, cells
        self.weighed = 0

    def reset(self, state: RepairState, generator: torch.Generator, contexts: int = 2) -> None:
        """Begin a clip: average its holes and doubt onto the grid."""
        super().reset(state, generator, contexts)
        holes = self._average(state.masks)
        self._holes: Maps = holes / np.maximum(holes.sum(1, keepdims=True), np.float32(1e-9))
        self._seen = self._sight(state.doubt)
        self._known = len(state.edits)
        self._reach = max(self.radius, self.contexts)
        spread = np.linspace(0, state.length - 1, self.anchors + 2)[1:-1]
        self._far = np.unique(np.rint(spread).astype(np.int64))
        self.weighed = 0
        self._plans: dict[int, tuple[int, ...]] = {}
        self._worth = np.full(state.length, -np.inf)
        if self.order == "easiest":
            self._plan(state.pending.nonzero().flatten().tolist())

    def select(self, state: RepairState) -> Edit:
        """Choose a pending frame by the order, and its contexts by coverage."""
        changed = [edit.frame for edit in state.edits[self._known :]]
        self._known = len(state.edits)
        for j in changed:
            self._seen[j] = self._sight(state.doubt[j : j + 1])[0]
        if self.order == "sequential":
            i = first_pending(state)
            return Edit(i, self._pick(i)[0])
        self._worth[changed] = -np.inf
        self._plan(self._touched(state, changed))
        i = int(self._worth.argmax())
        return Edit(i, self._plans[i])

    def _average(self, planes: Tensor) -> Maps:
        """(n, 1, H, W) of any type to (n, cells²)."""
        step = max(1, CHUNK // planes[0].numel())
        small = [adaptive_avg_pool2d(part.float(), self.cells) for part in planes.split(step)]
        maps: Maps = torch.cat(small).flatten(1).cpu().numpy()
        return maps

    def _sight(self, doubt: Tensor) -> Maps:
        """How well each cell is seen: (n, 1, H, W) uint8 to (n, cells²) in [0, 1]."""
        return np.asarray(1 - self._average(doubt) / 255, np.float32)

    def _pick(self, i: int) -> tuple[tuple[int, ...], float]:
        """Greedy contexts of frame i, and what they are worth: the share they show less the price."""
        low, high = max(0, i - self._reach), min(len(self._seen), i + self._reach + 1)
        candidates, seen = np.arange(low, high), self._seen[low:high]
        if len(self._far):
            far = self._far[(self._far < low) | (self._far >= high)]
            candidates, seen = np.r_[candidates, far], np.concatenate([seen, self._seen[far]])
        price = max(self.alpha, TIE) * np.minimum(np.abs(candidates - i), self._reach)
        price[i - low] = np.inf
        self.weighed += len(candidates) * self.contexts
        hidden, picked, worth = self._holes[i], [], 0.0
        for _ in range(self.contexts):
            score = seen @ hidden - price
            best = int(score.argmax())
            picked.append(int(candidates[best]))
            worth += float(score[best])
            price[best] = np.inf
            hidden = hidden * (1 - seen[best])
        return tuple(picked), worth

    def _plan(self, frames: list[int]) -> None:
        for i in frames:
            self._plans[i], self._worth[i] = self._pick(i)

    def _touched(self, state: RepairState, changed: list[int]) -> list[int]:
        """Pending frames whose contexts may be others since some frames changed."""
        near = np.zeros(state.length, bool)
        for j in changed:
            near[max(0, j - self._reach) : j + self._reach + 1] = True
            if j in self._far:
                near[:] = True
        return np.flatnonzero(near & state.pending.cpu().numpy()).tolist()
