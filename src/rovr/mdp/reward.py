"""What a repair is worth (the poster's rewards): R_t = L(X̃, X) − L(Γ(X̃), X) of the repaired frame, and O at the end.

L = λ · perceptual + (1 − λ) · mean squared error, inside the hole. Here λ never changes: the schedule that grows it
belongs to the editor's training, and with it the same repair would be worth something else every day.
"""

import math

import torch
from torch import Tensor

from rovr.flow import FlowEstimator
from rovr.metrics import flow_error, flow_recovery, hole_error
from rovr.perceptual import PerceptualLoss


class Reward:
    """Judges repairs against the truth.

    Args:
        perceptual: features that tell how alike pictures look; None leaves them out, λ = 0.
        perceptual_weight: λ.
        flow: estimator for the reward at the end; None leaves it out.
        flow_weight: β, what recovering all of the motion is worth.
    """

    def __init__(
        self,
        perceptual: PerceptualLoss | None = None,
        perceptual_weight: float = 0.9,
        flow: FlowEstimator | None = None,
        flow_weight: float = 0.1,
    ) -> None:
        self.perceptual = perceptual
        self.perceptual_weight = perceptual_weight if perceptual is not None else 0.0
        self.flow, self.flow_weight = flow, flow_weight

    @torch.no_grad()
    def loss(self, images: Tensor, truth: Tensor, masks: Tensor) -> Tensor:
        """L of each frame: (R, 3, H, W) in [0, 1] twice and (R, 1, H, W) bool → (R,)."""
        error = (1 - self.perceptual_weight) * hole_error(images, truth, masks.float())
        if self.perceptual is not None:
            error = error + self.perceptual_weight * self.perceptual(images, truth, masks.float())
        return error

    def ending(self, repaired: Tensor, damaged: Tensor, truth: Tensor) -> float:
        """β times the share of the flow's error that the repair of a clip took away; all (T, 3, H, W) in [0, 1]."""
        if self.flow is None:
            return 0.0
        true, before, after = (self.flow.clip(frames) for frames in (truth, damaged, repaired))
        recovered = flow_recovery([flow_error(after, true)], [flow_error(before, true)])
        return 0.0 if math.isnan(recovered) else self.flow_weight * recovered
