"""Flow to frames filmed long before or after, to which no chain leads.

Such a frame is compared directly, and not with every target: some frames of the clip are docks, from which links lead
to the far ones, and a target is chained to the nearest dock. Most of a link is measured; inside holes it is continued,
as the camera moved (a homography) and smoothly. How far that may be off is told by what lies around: places that both
frames show without agreeing, and motion that is not the camera's.
"""

from collections import OrderedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rovr.editor.alignment import Aligner, FloatArray, Look, follow
from rovr.editor.chaining import LOST, MEASURED, Ask
from rovr.editor.motion import Moves
from rovr.editor.sampling import push_pull
from rovr.editor.sight import coarse

BETWEEN = 8
"""Frames from dock to dock."""

KEEP = 48
"""Links that are kept."""

GUESSED = 0.5
"""Expected error, in half-size pixels, of flow that was continued although all around it agrees."""

STRANGE = 8.0
"""What is added to it where nothing around it agrees."""

SAME = 0.4
"""Share of the places seen by both that has to agree, or else the two frames show different things."""


class Links:
    """Measures links and keeps them.

    Args:
        aligner: compares two frames.
        length: frames of the clip.
    """

    def __init__(self, aligner: Aligner, length: int) -> None:
        self.aligner, self.length = aligner, length
        self.kept: OrderedDict[tuple[int, int], tuple[FloatArray, Tensor]] = OrderedDict()

    def dock(self, frame: int) -> int:
        """The nearest dock of a frame."""
        return min(frame // BETWEEN * BETWEEN + BETWEEN // 2, self.length - 1)

    def link(self, dock: int, far: int, look: Ask) -> FloatArray:
        """Flow from a dock to a far frame and its expected error, (h, w, 3)."""
        return self._both(dock, far, look)[0]

    def rough(self, dock: int, far: int, look: Ask) -> Tensor:
        """The same on the coarse grid, (3, GRID, GRID)."""
        return self._both(dock, far, look)[1]

    def _both(self, dock: int, far: int, look: Ask) -> tuple[FloatArray, Tensor]:
        if (dock, far) not in self.kept:
            link = measure(self.aligner, look(dock), look(far))
            self.kept[dock, far] = link, coarse(torch.from_numpy(link).permute(2, 0, 1)[None])[0]
            while len(self.kept) > KEEP:
                self.kept.popitem(last=False)
        self.kept.move_to_end((dock, far))
        return self.kept[dock, far]


def measure(aligner: Aligner, here: Look, there: Look) -> FloatArray:
    """Flow between any two frames and its expected error, (h, w, 3); LOST where they show different things."""
    move = aligner.moves(here, there)[0]
    both = (here.known > 0.99) & (follow(there.known, move.flow, 0) > 0.99)
    if move.trust.sum() < SAME * max(1, both.sum()):
        return np.concatenate([move.flow, np.full((*both.shape, 1), LOST, np.float32)], 2)
    return _completed(Moves.stack([move]), both)


@torch.inference_mode()
def _completed(moves: Moves, both: NDArray[np.bool_]) -> FloatArray:
    compared = torch.from_numpy(both.astype(np.float32))[None, None]
    sure = moves.trust > 0.5
    own = moves.flow - moves.camera
    flow = torch.where(sure, moves.flow, moves.camera + push_pull(own, moves.trust))
    strange = push_pull(1 - moves.trust, compared)
    loose = push_pull(own.norm(dim=1, keepdim=True), moves.trust)
    error = torch.where(sure, MEASURED, GUESSED + loose + STRANGE * strange)
    return np.ascontiguousarray(torch.cat([flow, error], 1)[0].permute(1, 2, 0).numpy())
