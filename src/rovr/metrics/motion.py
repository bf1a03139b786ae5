"""How far the motion of a clip is from that of the truth: end-point error, and what of it a repair took away."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from rovr.errors import UserError
from rovr.metrics.pooled import Pooled

FLOOR = 0.05
"""Pixels: where flow is wrong by less there is nothing to recover."""


def endpoint_error(flow: Tensor, truth: Tensor) -> Tensor:
    """Distance between two flows at each pixel: (…, 2, H, W) in pixels to (…, H, W)."""
    return torch.linalg.vector_norm(flow - truth, dim=-3)


def flow_error(flow: Tensor, truth: Tensor) -> Pooled:
    """How far the motion of a clip is from that of the truth: E = mean ‖φ(Y_t, Y_t+1) − φ(X_t, X_t+1)‖₂.

    Lower is better; 0 is the truth's own motion, and there is no upper end.

    Args:
        flow: (T-1, 2, H, W) between consecutive frames of a restored or corrupted clip, in pixels; see
            :meth:`rovr.flow.FlowEstimator.clip`.
        truth: likewise, of the true clip.

    Returns:
        End-point errors in pixels over pairs and pixels.
    """
    if flow.shape != truth.shape:
        raise UserError(f"cannot compare flows of shapes {tuple(flow.shape)} and {tuple(truth.shape)}")
    return Pooled.of(endpoint_error(flow, truth))


def flow_residual(restored: Sequence[Pooled], corrupted: Sequence[Pooled], floor: float = FLOOR) -> float:
    """Share of the flow error that is left after restoration: E(restored) / E(corrupted), the poster's O.

    Lower is better: 0 = all recovered, 1 = as bad as before, above 1 the restoration did harm. Sums are taken over all
    clips before they are divided, so that clips where little was wrong do not dominate.

    Args:
        restored: one :func:`flow_error` a clip.
        corrupted: likewise, in the same order.
        floor: clips whose corrupted flow is wrong by less, in pixels, are left out: there is nothing to recover.

    Returns:
        The ratio, NaN where no clip is left.
    """
    pairs = [(after, before) for after, before in zip(restored, corrupted, strict=True) if before.mean >= floor]
    worst = Pooled.over(before for _, before in pairs).total
    return Pooled.over(after for after, _ in pairs).total / worst if worst else math.nan


def flow_recovery(restored: Sequence[Pooled], corrupted: Sequence[Pooled], floor: float = FLOOR) -> float:
    """Share of the flow error that the restoration took away: 1 − :func:`flow_residual`.

    Higher is better; 1 = all of it, 0 = none, below 0 the restoration did harm.
    """
    return 1 - flow_residual(restored, corrupted, floor)
