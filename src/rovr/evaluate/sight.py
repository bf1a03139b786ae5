"""What the frames that a repair looked at had to show of its hole; masks and edits alone decide it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rovr.data.cases import Case
from rovr.metrics import psnr

Edits = Sequence[tuple[int, Sequence[int]]]
"""Frame and contexts of each repair, in the order of repair."""


@dataclass(frozen=True)
class Sight:
    """How much of a hole's place was not hidden in the frames that a repair looked at, 0 … 1.

    Attributes:
        saw: share that the camera saw in at least one of them.
        knew: the same with what earlier repairs had brought into them from other frames.
        each_saw: ``saw`` of every single context.
        each_knew: ``knew`` of every single context.
    """

    saw: float
    knew: float
    each_saw: list[float]
    each_knew: list[float]


def sights(masks: NDArray[np.bool_], edits: Edits) -> list[Sight | None]:
    """What each repair could draw on, at the same place of the picture: motion is not followed.

    Args:
        masks: (T, H, W) bool, True = missing.
        edits: of one run.

    Returns:
        One for each edit; None for a frame without a hole.
    """
    seen = ~masks.reshape(len(masks), -1)
    known = seen.copy()
    found: list[Sight | None] = []
    for frame, contexts in edits:
        hole = np.flatnonzero(~seen[frame])
        if not len(hole):
            found.append(None)
            continue
        shown = [array[np.ix_(np.array(contexts, int), hole)] for array in (seen, known)]
        saw, knew = (float(part.any(0).mean()) for part in shown)
        found.append(Sight(saw, knew, *([float(share) for share in part.mean(1)] for part in shown)))
        known[frame, hole] |= shown[1].any(0)
    return found


def repairs(repaired: Tensor, case: Case, edits: Edits) -> dict[str, list[Any]]:
    """What is kept of every repair of a run; None where there is no such number.

    Args:
        repaired: (T, 3, H, W) uint8, the whole clip.
        case: what it was repaired from.
        edits: of the run.

    Returns:
        Lists as long as the edits: ``saw`` and ``knew`` as of :class:`Sight`, and ``psnr``, the hole-PSNR of that frame
        in dB.
    """
    found = sights(case.masks[:, 0].numpy(), edits)
    scores = [psnr(repaired[[k]], case.truth[[k]], case.masks[[k]]) for k, _ in edits]
    return {
        "saw": [sight and round(sight.saw, 4) for sight in found],
        "knew": [sight and round(sight.knew, 4) for sight in found],
        "psnr": [round(score, 3) if math.isfinite(score) else None for score in scores],
    }
