"""Perceptual distance of two pictures by VGG-16 features: in the editor's loss and in the agents' reward."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

VGG16 = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512)
"""Widths of VGG-16's convolutions up to relu4_3 and beyond; 0 = pooling (Simonyan and Zisserman 2015)."""

TAPS = (3, 8, 15, 22)
"""torchvision's indices of relu1_2, relu2_2, relu3_3, relu4_3."""


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
