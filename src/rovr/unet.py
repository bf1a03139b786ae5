"""One U-Net for the editor, the policies and the critics (the poster uses a U-Net for Γ, π1 and π2 alike)."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Block(nn.Module):
    """Two 3×3 convolutions with a shortcut; no normalisation, so one clip never depends on its batch."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → the same."""
        return F.leaky_relu(x + self.second(F.leaky_relu(self.first(x), 0.1)), 0.1)


class UNet(nn.Module):
    """Encoder and decoder with skip connections; fully convolutional, any H and W.

    The two halves can be called apart, so that several encodings may be merged before one decoding.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output; 0 leaves the output head away and returns ``widths[0]`` features.
        widths: channels of each scale, finest first; each scale halves the size of the one before.
    """

    def __init__(self, in_channels: int, out_channels: int, widths: Sequence[int] = (32, 64, 96)) -> None:
        super().__init__()
        self.stem = nn.Conv2d(in_channels, widths[0], 3, padding=1)
        self.encoders = nn.ModuleList(Block(w) for w in widths)
        pairs = list(pairwise(widths))
        self.downs = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairs)
        self.ups = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairs)
        self.decoders = nn.ModuleList(Block(a) for a, _ in pairs)
        self.head = nn.Conv2d(widths[0], out_channels, 3, padding=1) if out_channels else nn.Identity()

    def encode(self, x: Tensor) -> list[Tensor]:
        """(B, in_channels, H, W) → features of each scale, finest first."""
        x = F.leaky_relu(self.stem(x), 0.1)
        scales = [self.encoders[0](x)]
        for down, encoder in zip(self.downs, list(self.encoders)[1:], strict=True):
            scales.append(encoder(F.leaky_relu(down(scales[-1]), 0.1)))
        return scales

    def decode(self, scales: Sequence[Tensor]) -> Tensor:
        """Features of each scale → (B, out_channels, H, W)."""
        x = scales[-1]
        for up, decoder, skip in reversed(list(zip(self.ups, self.decoders, scales[:-1], strict=True))):
            # Projecting before the upsampling costs a quarter of doing it after.
            x = F.interpolate(up(x), size=skip.shape[-2:], mode="bilinear", align_corners=False)
            x = decoder(x + skip)
        return self.head(x)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) → (B, out_channels, H, W)."""
        return self.decode(self.encode(x))


def zero_init(layer: nn.Module, bias: Sequence[float] | None = None) -> nn.Conv2d:
    """Make a layer start by saying nothing but its bias, so that a network starts as the rule it refines."""
    assert isinstance(layer, nn.Conv2d)
    assert layer.bias is not None
    nn.init.zeros_(layer.weight)
    with torch.no_grad():
        layer.bias.copy_(torch.zeros(layer.out_channels) if bias is None else torch.tensor(bias))
    return layer
