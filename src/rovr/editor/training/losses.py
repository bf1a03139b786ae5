"""The editor's loss: L = λ · L_perceptual + (1 − λ) · MSE inside the hole (the poster's local network loss)."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rovr.editor.training.samples import Lesson

VGG16 = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512)
"""Widths of VGG-16's convolutions up to relu4_3 and beyond; 0 = pooling (Simonyan and Zisserman 2015)."""

TAPS = (3, 8, 15, 22)
"""torchvision's indices of relu1_2, relu2_2, relu3_3, relu4_3."""

EASY = 3e-4
"""Squared error (35 dB) below which a sample is good enough; keeps still, flat clips from outweighing the rest."""


def perceptual_weight(step: int, total: int, final: float = 0.9, steepness: float = 5.0) -> float:
    """λ, grown exponentially from 0 to ``final`` over training.

    A pure exponential never leaves 0, so it is shifted: final · (e^{k·u} − 1) / (e^k − 1) with u = step / total.
    """
    share = min(max(step / max(total, 1), 0.0), 1.0)
    return final * math.expm1(steepness * share) / math.expm1(steepness)


def hole_error(image: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error inside the hole: (B, 3, H, W), (B, 3, H, W), (B, 1, H, W) → (B,)."""
    squared = ((image - truth).square() * mask).flatten(1).sum(1)
    return squared / (3 * mask.flatten(1).sum(1)).clamp(min=1)


class PerceptualLoss(nn.Module):
    """Distance of VGG-16 features (Johnson et al. 2016; unit-normalised over channels as in LPIPS, uniform weights).

    Args:
        state: weights keyed as torchvision's ``vgg16().features``.
        pool: ``max`` for ImageNet weights, ``blur`` for weights tuned with a 3×3 binomial filter instead.
    """

    def __init__(self, state: Mapping[str, Tensor], pool: Literal["max", "blur"] = "max") -> None:
        super().__init__()
        self.pool = pool
        layers: list[nn.Module] = []
        before = 3
        for width in VGG16:
            if width:
                layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
                before = width
            else:
                layers.append(nn.Identity())  # the pooling is done in forward
        self.features = nn.Sequential(*layers[: TAPS[-1] + 1])
        wanted = self.features.state_dict()
        self.features.load_state_dict({name: state[name].float() for name in wanted})
        self.features.requires_grad_(False).eval()
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225])[:, None, None], persistent=False)

    @classmethod
    def load(cls, path: Path | None) -> "PerceptualLoss":
        """Read weights from a safetensors file, or download torchvision's ImageNet weights.

        A file whose names start with ``features.`` or whose metadata says nothing is taken as plain VGG-16; one with
        ``blur`` in its name as tuned for blur pooling.
        """
        if path is None:
            from rovr._compat import import_torchvision

            models = import_torchvision().models
            return cls(models.vgg16(weights=models.VGG16_Weights.IMAGENET1K_V1).features.state_dict())
        from safetensors.torch import load_file

        state = load_file(path)
        state = {name.removeprefix("features."): tensor for name, tensor in state.items()}
        return cls(state, "blur" if "stlpips" in path.name or "blur" in path.name else "max")

    def forward(self, image: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
        """Mean distance over the layers, inside the hole: (B,)."""
        both = (torch.cat([image, truth]) - self.mean) / self.std
        total = image.new_zeros(len(image))
        for index, layer in enumerate(self.features):
            both = self._shrink(both) if isinstance(layer, nn.Identity) else layer(both)
            if index in TAPS:
                ours, theirs = F.normalize(both.float(), dim=1, eps=1e-6).chunk(2)
                inside = F.adaptive_avg_pool2d(mask, (both.shape[-2], both.shape[-1]))
                gap = ((ours - theirs).square().sum(1, keepdim=True) * inside).flatten(1).sum(1)
                total = total + gap / inside.flatten(1).sum(1).clamp(min=1e-3)
        return total / len(TAPS)

    def _shrink(self, x: Tensor) -> Tensor:
        if self.pool == "max":
            return F.max_pool2d(x, 2)
        line = x.new_tensor([0.25, 0.5, 0.25])
        kernel = (line[:, None] * line).expand(x.shape[1], 1, 3, 3)
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), kernel, stride=2, groups=x.shape[1])


def lesson_losses(
    image: Tensor, consensus: Tensor, flows: Tensor, lesson: Lesson, perceptual: PerceptualLoss | None
) -> dict[str, Tensor]:
    """Named terms of the training loss, each a mean over the batch.

    The squared error enters by its logarithm, sample by sample, so that a decibel is worth the same in every clip.
    Its plain mean is ruled by the samples that nobody can repair: there it pays to hedge, and the network unlearns to
    trust a good match. ``psnr`` is for the log alone.

    Args:
        image: (B, 3, 2h, 2w) the network's repair.
        consensus: (B, 3, h, w) its half-size estimate.
        flows: (B, K, 2, h, w) its flows.
        lesson: what it saw and should have made.
        perceptual: None leaves the perceptual term away.
    """
    mask, truth = lesson.views.mask, lesson.truth
    error = hole_error(image, truth, mask)
    small_mask = F.avg_pool2d(mask, 2)
    small_error = hole_error(consensus, F.avg_pool2d(truth, 2), small_mask)
    where = lesson.agree * (0.1 + small_mask[:, None])
    gap = ((flows - lesson.teacher).square().sum(2, keepdim=True) + 0.01).sqrt().clamp(max=30)
    losses = {
        "log_mse": torch.log(error + EASY).mean(),
        "consensus": torch.log(small_error + EASY).mean(),
        "flow": (gap * where).sum() / where.sum().clamp(min=1),
        "psnr": -10 * torch.log10(error.detach().clamp(min=1e-8)).mean(),
    }
    if perceptual is not None:
        pasted = torch.lerp(truth, image, mask)
        losses["perceptual"] = perceptual(pasted, truth, mask).mean()
    return losses
