"""The U-Net over the mosaic that all policies and critics share.

The first layers never look beyond a cell: a mixing of channels at every place of the 80 × 80 mosaic, then patches of
4 × 4. They run on the cells before these are laid out, which gives the same numbers, since no patch crosses the border
of a cell, and spares spreading out whatever is the same in all cells or all over a cell. The U-Net then works on
20 × 20, a sixteenth of the places, with a cell 4, 2 and 1 wide at its three scales.

Empty places of the mosaic hold zeros and a flag that says so. Beyond its border there are zeros too, but a U-Net's
biases let it tell the two apart, so a cell's place in the mosaic matters as it does in the poster. What the whole clip
is like reaches every cell, however large the mosaic, by the mean of all cells and through the coarsest scale.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rovr.mdp.mosaic import pool_cells, to_mosaic
from rovr.unet import Block, UNet

PATCH = 4
"""Side of the patches, a divisor of the cell's."""


class Trunk(nn.Module):
    """Features of every frame, from its cell among all others.

    Args:
        maps: number of maps of a frame.
        flags: number of flags of a frame.
        common: number of maps common to all frames, beside the mean of all cells.
        vector: length of the vector common to all frames.
        mixed: channels at full resolution.
        widths: channels of the U-Net's scales, finest first.
    """

    def __init__(self, maps: int, flags: int, common: int, vector: int, mixed: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.own = nn.Conv2d(maps, mixed, 1)
        self.common = nn.Conv2d(maps + common, mixed, 1, bias=False)
        self.flags = nn.Linear(flags, mixed, bias=False)
        self.patches = nn.Conv2d(mixed, widths[0], PATCH, stride=PATCH)
        self.unet = UNet(widths[0] + 1, 0, widths)
        self.whole = nn.Linear(widths[-1] + vector, widths[-1])
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        normalise(self, math.sqrt(2))
        for block in self.unet.modules():
            if isinstance(block, Block):
                # What it adds to its shortcut: small, or features grow from block to block.
                normalise(block.second, 0.5)

    def forward(
        self, maps: Tensor, flags: Tensor, common: Sequence[Tensor], vector: Tensor, own: Tensor | None = None
    ) -> Tensor:
        """Look at n frames.

        Args:
            maps: (B, n, maps, 16, 16).
            flags: (B, n, F).
            common: maps common to all frames, (B, M, 16, 16) each.
            vector: (B, V).
            own: see :meth:`mix`.

        Returns:
            (B, n, widths[0]), means over the cells.
        """
        return self.compare(self.mix(maps, flags, common, own), vector)

    def mix_own(self, maps: Tensor) -> Tensor:
        """What a frame's own maps bring to :meth:`mix`, (B, n, mixed, 16, 16)."""
        mixed: Tensor = self.own(maps.flatten(0, 1)).unflatten(0, maps.shape[:2])
        return mixed

    def mix(self, maps: Tensor, flags: Tensor, common: Sequence[Tensor], own: Tensor | None = None) -> Tensor:
        """What is known at each place of each cell, (B, n, mixed, 16, 16).

        Arguments as for ``forward``; ``own`` by :meth:`mix_own` where it is known.
        """
        own = self.mix_own(maps) if own is None else own
        shared = self.common(torch.cat([maps.mean(1), *common], 1)).unsqueeze(1)
        return F.leaky_relu(own + shared + self.flags(flags)[..., None, None], 0.1)

    def compare(self, mixed: Tensor, vector: Tensor) -> Tensor:
        """The U-Net over what was mixed; see ``forward``."""
        batch, count = mixed.shape[:2]
        patches = F.leaky_relu(self.patches(mixed.flatten(0, 1)), 0.1).unflatten(0, (batch, count))
        mosaic = to_mosaic(torch.cat([patches, torch.ones_like(patches[:, :, :1])], 2))
        scales = self.unet.encode(mosaic.contiguous(memory_format=torch.channels_last))
        there = F.interpolate(mosaic[:, -1:], size=scales[-1].shape[-2:], mode="area")
        whole = (scales[-1] * there).sum((2, 3)) / there.sum((2, 3))
        scales[-1] = F.leaky_relu(scales[-1] + self.whole(torch.cat([whole, vector], 1))[..., None, None], 0.1)
        return pool_cells(self.unet.decode(scales), count)


@torch.no_grad()
def normalise(network: nn.Module, norm: float) -> None:
    """Scale the weights of every unit of convolutions and linear layers to a Euclidean norm, and zero their biases.

    This is the start of phasic policy gradient (Cobbe et al. 2020, arXiv 2009.04416). With √2 a layer hands on the
    power that its ReLU halved, so that features are of order one at any depth without normalisation layers.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            size = layer.weight.flatten(1).norm(dim=1).clamp(min=1e-12)
            layer.weight.mul_((norm / size).view(-1, *[1] * (layer.weight.dim() - 1)))
            if layer.bias is not None:
                layer.bias.zero_()
