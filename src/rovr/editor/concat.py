"""The ``concat`` editor Γ: the poster's, a U-Net on the target and its contexts laid on top of each other.

Nothing is aligned: the network has to find by itself what moved where. Kept as the baseline that ``aligned`` answers.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rovr.editor.base import Prepared
from rovr.editor.learned import LearnedEditor
from rovr.editor.views import Fusion, Views
from rovr.editor.window import Window, read
from rovr.unet import UNet, zero_init

SLOTS = 2
"""Contexts that are concatenated, as in the poster."""


class ConcatNet(nn.Module):
    """U-Net on [target, mask, context 1, its visibility, context 2, its visibility], folded to half size.

    More contexts than two are taken in pairs and the results averaged; a single one fills both places.
    """

    def __init__(self, widths: tuple[int, ...] = (48, 80, 128, 160)) -> None:
        super().__init__()
        self.unet = UNet(4 * (4 + 4 * SLOTS), 12, widths)
        zero_init(self.unet.head)

    def forward(self, views: Views) -> Fusion:
        """Fill the hole of the smoothly filled target with a residual."""
        batch, count = views.contexts.shape[:2]
        size = views.base.shape[-2:]
        contexts = torch.cat([views.contexts - 0.5, views.known], 2)
        corners = views.origin.long().tolist()
        cut = torch.stack([Window(x, y, size[1], size[0]).crop(c) for c, (x, y) in zip(contexts, corners, strict=True)])
        target = torch.cat([views.base - 0.5, views.mask], 1)
        padded = [cut[:, k % count] for k in range(-(-count // SLOTS) * SLOTS)]
        residuals = []
        for first in range(0, len(padded), SLOTS):
            stacked = torch.cat([target, *padded[first : first + SLOTS]], 1)
            folded = F.pixel_unshuffle(stacked, 2).contiguous(memory_format=torch.channels_last)
            residuals.append(F.pixel_shuffle(self.unet(folded).float(), 2))
        residual = torch.stack(residuals).mean(0)
        image = views.base + residual * views.mask
        seen = cut[:, :, 3:].amax(1)
        half = (size[0] // 2, size[1] // 2)
        return Fusion(
            image=image,
            flows=image.new_zeros(batch, count, 2, *half),
            weights=image.new_zeros(batch, count + 1, 1, *size),
            gains=image.new_ones(batch, count, 3, 1, 1),
            residual=residual,
            doubt=(1 - seen) * views.mask,
            consensus=F.avg_pool2d(image, 2),
        )


class ConcatEditor(LearnedEditor):
    """Runs :class:`ConcatNet` on a window around the hole."""

    name = "concat"

    def __init__(self, net: ConcatNet | None = None, device: torch.device | str = "cpu") -> None:
        super().__init__(net or ConcatNet(), device)

    def flows(self, target: Prepared, contexts: Sequence[Prepared]) -> tuple[Tensor, Tensor]:
        """No motion at all."""
        height, width = (side // 2 for side in target.cache.small.shape[-2:])
        flows = torch.zeros(len(contexts), 2, height, width)
        return flows, flows[:, :1]

    def enlarge(
        self, target: Prepared, mask: Tensor, contexts: Sequence[Prepared], window: Window, fusion: Fusion
    ) -> tuple[Tensor, Tensor, Window]:
        """Enlarge the residual with the smooth filling that it was added to."""
        base = window.crop(target.cache.small[:, :3])
        maps, place = read(torch.cat([base + fusion.residual, fusion.doubt], 1), mask, window)
        return maps[:, :3], maps[:, 3:], place
