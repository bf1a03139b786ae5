"""What a repair is worth (the poster's rewards): R_t = L(X̃, X) − L(Γ(X̃), X) of the repaired frame, and O at the end.

L = λ · perceptual + (1 − λ) · mean squared error, inside the hole. Here λ never changes: the schedule that grows it
belongs to the editor's training, and with it the same repair would be worth something else every day.

In decibels, R_t = 10 log10 L(X̃, X) / L(Γ(X̃), X). The difference is ruled by what no policy can change, how wrong a hole
was and how hard its clip is; the ratio counts halving an error the same everywhere, as PSNR does.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from rovr.flow import FlowEstimator
from rovr.metrics import Pooled, flow_error, flow_recovery, hole_error
from rovr.perceptual import PerceptualLoss

NO_LOSS = 1e-4
"""Loss below which a repair is as good as any, 40 dB: nobody sees more, and the ratio of next to nothing is noise."""


class Reward:
    """Judges repairs against the truth.

    Args:
        perceptual: features that tell how alike pictures look; None leaves them out, λ = 0.
        perceptual_weight: λ.
        flow: estimator for the reward at the end; None leaves it out.
        flow_weight: β, what recovering all of the motion is worth; by default as much as 0.1 of error, or as 10 dB.
        decibels: whether losses are compared by their ratio.
    """

    def __init__(
        self,
        perceptual: PerceptualLoss | None = None,
        perceptual_weight: float = 0.9,
        flow: FlowEstimator | None = None,
        flow_weight: float | None = None,
        decibels: bool = False,
    ) -> None:
        self.perceptual = perceptual
        self.perceptual_weight = perceptual_weight if perceptual is not None else 0.0
        self.decibels = decibels
        self.flow, self.flow_weight = flow, (10.0 if decibels else 0.1) if flow_weight is None else flow_weight

    def gain(self, before: Tensor, after: Tensor) -> Tensor:
        """What bringing the losses of frames (R,) down is worth, (R,)."""
        if not self.decibels:
            return before - after
        return 10 * torch.log10(before.clamp(min=NO_LOSS) / after.clamp(min=NO_LOSS))

    @torch.no_grad()
    def loss(self, images: Tensor, truth: Tensor, masks: Tensor) -> Tensor:
        """L of each frame: (R, 3, H, W) in [0, 1] twice and (R, 1, H, W) bool → (R,)."""
        error = (1 - self.perceptual_weight) * hole_error(images, truth, masks.float())
        if self.perceptual is not None:
            error = error + self.perceptual_weight * self.perceptual(images, truth, masks.float())
        return error

    def opening(self, damaged: Tensor, truth: Tensor) -> "Motion | None":
        """What has to be known of a clip's motion before its repair; both (T, 3, H, W) in [0, 1]."""
        if self.flow is None:
            return None
        true = self.flow.clip(truth)
        return Motion(true, flow_error(self.flow.clip(damaged), true))

    def ending(self, repaired: Tensor, motion: "Motion | None") -> float:
        """β times the share of the flow's error that the repair of a clip (T, 3, H, W) took away."""
        if self.flow is None or motion is None:
            return 0.0
        recovered = flow_recovery([flow_error(self.flow.clip(repaired), motion.true)], [motion.error])
        return 0.0 if math.isnan(recovered) else self.flow_weight * recovered


@dataclass(frozen=True)
class Motion:
    """The motion of a clip.

    Attributes:
        true: (T - 1, 2, H, W) flow of the undamaged frames.
        error: how far off it is in the damaged ones.
    """

    true: Tensor
    error: Pooled
