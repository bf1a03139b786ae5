"""Rules of earlier work that look at what the frames show: key frames by their news, and attention.

Both are known to us from the poster's words alone, so what follows is our reading of these. Both compare every frame
with every other, O(n²) for a video of n frames, which is what ROVR wants to do without.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from rovr.errors import UserError
from rovr.mdp.state import RepairState
from rovr.select.base import Selector
from rovr.select.coverage import CHUNK, Maps
from rovr.select.rules import first_pending
from rovr.types import Edit

DIGITS = 5
"""Decimals to which frames are compared; what differs less counts as equal."""


class Pooled(Selector):
    """Sees frames on a coarse grid of c = cells² cells.

    Args:
        cells: side of the grid.

    Attributes:
        weighed: number of pairs of frames compared since the last reset.
    """

    def __init__(self, cells: int) -> None:
        if cells < 1:
            raise UserError(f"{self.name}: cells must be at least 1")
        self.cells = cells
        self.weighed = 0

    def reset(self, state: RepairState, generator: torch.Generator, contexts: int = 2) -> None:
        """Begin a clip: pool all its frames."""
        super().reset(state, generator, contexts)
        self._seen, self._colour = self._pool(state, torch.arange(state.length))
        self._known = len(state.edits)
        self.weighed = 0

    def _refresh(self, state: RepairState) -> list[int]:
        """Pool the frames that were repaired since the last choice, and say which."""
        changed = [edit.frame for edit in state.edits[self._known :]]
        self._known = len(state.edits)
        if changed:
            self._seen[changed], self._colour[changed] = self._pool(state, torch.tensor(changed))
        return changed

    def _pool(self, state: RepairState, frames: Tensor) -> tuple[Maps, Maps]:
        """How well each cell is seen, (m, c), and its mean colour as far as it is, (m, c, 3), all in [0, 1]."""
        step = max(1, CHUNK // (4 * state.frames[0].numel()))
        parts = []
        for part in frames.split(step):
            known = 1 - state.doubt[part].float() / 255
            both = torch.cat([known, state.frames[part].float() / 255 * known], 1)
            parts.append(adaptive_avg_pool2d(both, self.cells).flatten(2).cpu())
        maps = torch.cat(parts).transpose(1, 2).numpy()
        return maps[..., 0].copy(), maps[..., 1:] / np.maximum(maps[..., :1], np.float32(1e-6))


class KeyFrames(Pooled):
    """The frame that adds most new information next, as the poster describes the work of Liang et al.

    What frame j adds to frames S is the mean over the grid of v_j · min_s (1 − v_s (1 − d_js)), with v for how well a
    cell is seen and d for the mean difference of its colours: a cell is all new where no frame of S saw it, and else
    as new as its colour. To be repaired next is the pending frame that adds most to those repaired before, so that
    frames come like key frames, each as unlike the earlier ones as can be. Contexts are picked likewise, each to add
    most to the target and those picked before it: what the hole hides is all new, but so is whatever else the target
    does not show. On ties the earliest frame is repaired and the nearest looked at.

    The poster speaks of the choice for style transfer, where a frame is the source of news itself; that contexts follow
    the same rule, the grid and the measure are ours.

    Args:
        cells: side of the grid.
    """

    name = "key_frames"

    def __init__(self, cells: int = 8) -> None:
        super().__init__(cells)

    def reset(self, state: RepairState, generator: torch.Generator, contexts: int = 2) -> None:
        """Begin a clip: all is new."""
        super().reset(state, generator, contexts)
        self._news = np.ones_like(self._seen)

    def select(self, state: RepairState) -> Edit:
        """Choose the pending frame with most news for the repaired ones, and contexts with most for it."""
        for j in self._refresh(state):
            self._news = np.minimum(self._news, self._beside(j))
        worth = self._worth(self._news)
        worth[~state.pending.cpu().numpy()] = -np.inf
        i = int(worth.round(DIGITS).argmax())
        news, picked = self._beside(i), [i]
        for _ in range(self.contexts):
            worth = self._worth(news)
            worth[picked] = -np.inf
            picked.append(best := favourite(worth, i))
            news = np.minimum(news, self._beside(best))
        return Edit(i, tuple(picked[1:]))

    def _beside(self, j: int) -> Maps:
        """How new each cell of every frame is to who saw frame j alone, (n, c)."""
        self.weighed += len(self._seen)
        alike = 1 - np.abs(self._colour - self._colour[j]).mean(2)
        return np.asarray(1 - self._seen[j] * alike, np.float32)

    def _worth(self, news: Maps) -> Maps:
        """What each frame adds, (n,)."""
        return np.asarray((self._seen * news).mean(1))


class Attention(Pooled):
    """The frames with the highest attention to the target, as the poster describes the work of Huang et al.

    Every frame is pooled to a short vector: the colours of its cells, as far as they are seen, less what the cell shows
    on average over the clip, all of it brought to length 1. Frame i attends to frame j by softmax(q_i · k_j) with these
    vectors as queries and as keys, and its contexts are the K frames with the highest attention. The softmax does not
    change which these are and is left out. The order is that of the video. On ties the nearest frames win.

    Pooling stands in for the network that the poster speaks of, so that nothing has to be trained.

    Args:
        cells: side of the grid.
    """

    name = "attention"

    def __init__(self, cells: int = 4) -> None:
        super().__init__(cells)

    def reset(self, state: RepairState, generator: torch.Generator, contexts: int = 2) -> None:
        """Begin a clip: make the vectors of all its frames."""
        super().reset(state, generator, contexts)
        total = np.maximum(self._seen.sum(0), np.float32(1e-6))
        self._mean = np.einsum("nc,ncd->cd", self._seen, self._colour) / total[:, None]
        self._keys = self._vectors(slice(None))

    def select(self, state: RepairState) -> Edit:
        """Choose the earliest pending frame and whom it attends to."""
        if changed := self._refresh(state):
            self._keys[changed] = self._vectors(changed)
        i = first_pending(state)
        attention = self._keys @ self._keys[i]
        attention[i] = -np.inf
        self.weighed += len(attention)
        contexts: list[int] = []
        for _ in range(self.contexts):
            contexts.append(best := favourite(attention, i))
            attention[best] = -np.inf
        return Edit(i, tuple(contexts))

    def _vectors(self, frames: slice | list[int]) -> Maps:
        """The vectors of some frames, (m, 3c), each of length 1."""
        vectors = (self._seen[frames][..., None] * (self._colour[frames] - self._mean)).reshape(-1, self._mean.size)
        return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-6)))


def favourite(worth: Maps, target: int) -> int:
    """The frame that is worth most, (n,); of equal ones the nearest to the target, the past one first."""
    distance = np.abs(np.arange(len(worth)) - target) / len(worth)
    return int((worth.astype(np.float64).round(DIGITS) - distance * 0.1**DIGITS / 2).argmax())
