"""Sums that know what they are sums of, and the checks that all metrics share."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from rovr.errors import UserError


@dataclass(frozen=True)
class Pooled:
    """A sum and what it is the sum of, so that means over clips can be taken over all their pixels at once.

    Attributes:
        total: sum of the values.
        count: number of values.
    """

    total: float
    count: int

    @property
    def mean(self) -> float:
        """The mean; NaN where there is nothing to average."""
        return self.total / self.count if self.count else math.nan

    @classmethod
    def over(cls, parts: "Iterable[Pooled]") -> "Pooled":
        """Pool several clips."""
        found = list(parts)
        return cls(sum(part.total for part in found), sum(part.count for part in found))

    @classmethod
    def of(cls, values: Tensor) -> "Pooled":
        """Pool the values of a tensor."""
        return cls(float(values.sum(dtype=torch.float64)), values.numel())


def unit(frames: Tensor) -> Tensor:
    """Frames as float in [0, 1], whichever way they were given."""
    return frames.float() / 255 if frames.dtype == torch.uint8 else frames.float()


def check(restored: Tensor, truth: Tensor, masks: Tensor | None) -> None:
    """Raise a UserError where two clips, or a clip and its masks, do not belong together."""
    if restored.shape != truth.shape or restored.dim() != 4:
        raise UserError(
            f"cannot compare clips of shapes {tuple(restored.shape)} and {tuple(truth.shape)}; "
            "give two clips of the same length and size"
        )
    kinds = {frames.dtype for frames in (restored, truth)} - {torch.uint8}
    if other := sorted(str(kind) for kind in kinds if not kind.is_floating_point):
        raise UserError(f"cannot compare frames of {', '.join(other)}; give uint8, or float in [0, 1]")
    if masks is not None and masks.is_floating_point():
        raise UserError(f"masks are of {masks.dtype}; give bool, True = missing")
    if masks is not None and masks.shape != (len(truth), 1, *truth.shape[-2:]):
        raise UserError(f"masks {tuple(masks.shape)} do not fit clips {tuple(truth.shape)}; give one per frame")
