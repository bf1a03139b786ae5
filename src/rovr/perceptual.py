"""Perceptual distance of two pictures by VGG-16 features: in the editor's loss and in the agents' reward."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rovr._compat import import_torchvision
from rovr.errors import UserError
from rovr.pretrained import download, read_state
from rovr.vgg import Pool, Vgg16


class PerceptualLoss(nn.Module):
    """Distance of VGG-16 features (Johnson et al. 2016; unit-normalised over channels as in LPIPS, uniform weights).

    Args:
        state: weights keyed as torchvision's ``vgg16().features``.
        pool: what the weights were tuned with, see :class:`rovr.vgg.Vgg16`.
    """

    def __init__(self, state: Mapping[str, Tensor], pool: Pool = "max") -> None:
        super().__init__()
        self.features = Vgg16(state, pool, taps=4)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225])[:, None, None], persistent=False)

    @classmethod
    def load(cls, path: Path | None) -> "PerceptualLoss":
        """Read weights from a file, safetensors or PyTorch's, or download torchvision's ImageNet weights.

        Names may start with ``features.`` or not. A file with ``blur`` or ``stlpips`` in its name is taken as tuned for
        blur pooling.

        Raises:
            UserError: weights that are missing, damaged, of another network, or cannot be downloaded.
        """
        if path is None:
            models = import_torchvision().models
            hint = "give a file of them with --perceptual, or do without: --perceptual none"
            net = download(lambda: models.vgg16(weights=models.VGG16_Weights.IMAGENET1K_V1), "VGG-16", hint)
            return cls(net.features.state_dict())
        state = read_state(path)
        try:
            state = {name.removeprefix("features."): tensor for name, tensor in state.items()}
            return cls(state, "blur" if "stlpips" in path.name or "blur" in path.name else "max")
        except (KeyError, RuntimeError, AttributeError) as error:
            raise UserError(f"the weights in {path} do not fit VGG-16; name them as torchvision does") from error

    def forward(self, image: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
        """Mean distance over the layers, inside the hole: (B,)."""
        both = (torch.cat([image, truth]) - self.mean) / self.std
        total = image.new_zeros(len(image))
        for found in self.features(both):
            ours, theirs = F.normalize(found.float(), dim=1, eps=1e-6).chunk(2)
            inside = F.adaptive_avg_pool2d(mask, (found.shape[-2], found.shape[-1]))
            gap = ((ours - theirs).square().sum(1, keepdim=True) * inside).flatten(1).sum(1)
            total = total + gap / inside.flatten(1).sum(1).clamp(min=1e-3)
        return total / len(self.features.taps)
