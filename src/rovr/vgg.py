"""The features of VGG-16 that perceptual distances compare."""

from collections.abc import Iterator, Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTHS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512)
"""Widths of VGG-16's convolutions (Simonyan and Zisserman 2015); 0 = pooling."""

TAPS = (3, 8, 15, 22, 29)
"""torchvision's indices of relu1_2, relu2_2, relu3_3, relu4_3, relu5_3."""

Pool = Literal["max", "blur"]


class Vgg16(nn.Module):
    """VGG-16's convolutions, frozen.

    Args:
        state: weights keyed as torchvision's ``vgg16().features``; others in it are left alone.
        pool: ``max``, or ``blur``: the largest of each 2×2 at every pixel, thinned out behind a 3×3 binomial filter, as
            ST-LPIPS has it (Ghildyal and Liu 2022, arXiv 2207.13686). Weights suit the one they were tuned with.
        taps: how many of the five activations are wanted, from the first on.
    """

    def __init__(self, state: Mapping[str, Tensor], pool: Pool = "max", taps: int = len(TAPS)) -> None:
        super().__init__()
        self.pool, self.taps = pool, TAPS[:taps]
        layers: list[nn.Module] = []
        before = 3
        for width in WIDTHS:
            # Pooling is done in forward; its place is kept, so that torchvision's indices hold.
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()] if width else [nn.Identity()]
            before = width or before
        self.layers = nn.Sequential(*layers[: self.taps[-1] + 1])
        self.layers.load_state_dict({name: state[name].float() for name in self.layers.state_dict()})
        self.requires_grad_(False).eval()

    def forward(self, x: Tensor) -> Iterator[Tensor]:
        """Activations, finest first: (B, 3, H, W), normalised as the weights want it → (B, C, h, w) each."""
        for index, layer in enumerate(self.layers):
            x = self._shrink(x) if isinstance(layer, nn.Identity) else layer(x)
            if index in self.taps:
                yield x

    def _shrink(self, x: Tensor) -> Tensor:
        if self.pool == "max":
            return F.max_pool2d(x, 2)
        # The largest of each 2×2, in a third of the time of a pooling in steps of one pixel.
        x = torch.maximum(x[..., :-1], x[..., 1:])
        x = F.pad(torch.maximum(x[..., :-1, :], x[..., 1:, :]), (2, 2, 2, 2), mode="reflect")
        line = x.new_tensor([0.25, 0.5, 0.25])
        kernel = (line[:, None] * line).expand(x.shape[1], 1, 3, 3)
        return F.conv2d(x, kernel, stride=2, groups=x.shape[1])
