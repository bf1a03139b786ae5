"""The encoder φ: each frame, with its repairs so far, becomes a cell of 3 × 16 × 16 numbers.

The poster takes a pre-trained ResNet-50 from (256, 256, 3) to (16, 16, 3). Its third stage gives 1024 channels at this
size, and how they become 3 the poster leaves open. ``resnet50`` is that with a fixed projection; ``editor`` computes
what choosing a context needs (what is there, where it is unknown, where there is detail to copy) for next to nothing.
Neither is trained, so the state means the same all through training, and only a repaired frame is encoded anew.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rovr._compat import import_torchvision
from rovr.editor.fullsize import MADE_UP
from rovr.editor.sampling import push_pull, shrunk_and_filled
from rovr.errors import UserError
from rovr.pretrained import download, read_state

CELL = 16
"""Side of a cell."""

GRID = 4 * CELL
"""Side at which the ``editor`` encoder looks for detail."""

FAINT = 0.01
"""Gradient of luminance, per step of that grid, from which on detail counts."""

UNUSED = ("layer4.", "fc.")
"""What ResNet-50 has beyond its third stage."""


class Encoder(nn.Module, ABC):
    """φ; frozen."""

    name: str

    @abstractmethod
    def encode(self, frames: Tensor, doubt: Tensor) -> Tensor:
        """As :meth:`forward`."""

    @torch.no_grad()
    def forward(self, frames: Tensor, doubt: Tensor) -> Tensor:
        """Turn frames into cells.

        Args:
            frames: (B, 3, H, W) float in [0, 1]; the values under doubt 1 are never used.
            doubt: (B, 1, H, W) float in [0, 1].

        Returns:
            (B, 3, 16, 16).
        """
        return self.encode(frames, doubt)

    def train(self, mode: bool = True) -> Self:
        """Stay as it is, whatever is asked."""
        return super().train(False)


class EditorEncoder(Encoder):
    """What an editor knows of a frame before it looks at any other.

    The channels, each within about [−1, 1] whatever the clip:

    1. luminance of the frame with its holes filled smoothly, 2 y − 1;
    2. doubt;
    3. detail: the gradient g of that luminance, root mean square over a place of the cell, as
       log(1 + g / 0.01) / log(101). Filled holes have next to none.
    """

    name = "editor"

    def encode(self, frames: Tensor, doubt: Tensor) -> Tensor:
        """Average over the grid first: whatever the frames' size, all else costs the same."""
        seen = (doubt < MADE_UP).to(frames)
        red, green, blue = frames.split(1, 1)
        luminance = 0.299 * red + 0.587 * green + 0.114 * blue
        filled = shrunk_and_filled(luminance, seen, GRID)
        edged = F.pad(filled, (0, 1, 0, 1), mode="replicate")
        across, down = edged[..., :-1, 1:] - filled, edged[..., 1:, :-1] - filled
        detail = F.avg_pool2d(across.square() + down.square(), GRID // CELL).sqrt()
        detail = torch.log1p(detail / FAINT) / torch.log1p(detail.new_tensor(1 / FAINT))
        luminance = 2 * F.avg_pool2d(filled, GRID // CELL) - 1
        return torch.cat([luminance, F.adaptive_avg_pool2d(doubt, CELL), detail], 1)


class ResNetEncoder(Encoder):
    """ResNet-50 up to its third stage, then a projection from 1024 channels to 3; frames are brought to 256 × 256.

    The projection is a random orthonormal one. PCA would keep more of what varies, but from frames that would have to
    ship or be named with every result; this is known from its seed alone. Each place is normalised over its channels
    first, so that cells have about unit variance under any weights.

    Args:
        weights: file of a state dict with torchvision's names, safetensors or PyTorch's; by default torchvision
            downloads those trained on ImageNet.
        seed: of the projection.
        state: of another such encoder, projection included; in place of the two.

    Raises:
        UserError: weights that are missing, damaged, of another network, or cannot be downloaded.
    """

    name = "resnet50"
    size = 256

    def __init__(
        self, weights: Path | str | None = None, seed: int = 0, state: Mapping[str, Tensor] | None = None
    ) -> None:
        super().__init__()
        import_torchvision()
        from torchvision import models

        if weights is None and state is None:
            # The first recipe's weights, "pre-trained ResNet-50" for as long as there was only one.
            trained = models.ResNet50_Weights.IMAGENET1K_V1
            hint = "train with --encoder-weights FILE, or with --encoder editor"
            net = download(lambda: models.resnet50(weights=trained), "ResNet-50", hint)
        else:
            # Without initial values, which would take longer to draw than the weights to read.
            with torch.device("meta"):
                net = models.resnet50(weights=None)
            net.layer4 = net.fc = nn.Identity()
            if weights is not None:
                found = read_state(Path(weights))
                _fill(net, {name: found[name] for name in found if not name.startswith(UNUSED)}, weights)
        stem = (net.conv1, net.bn1, net.relu, net.maxpool)
        self.stages = nn.Sequential(*stem, net.layer1, net.layer2, net.layer3)
        self.mean: Tensor
        self.std: Tensor
        self.projection: Tensor
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None])
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225])[:, None, None])
        basis, upper = torch.linalg.qr(torch.randn(1024, 3, generator=torch.Generator().manual_seed(seed)))
        # QR leaves signs open; these make the basis unique.
        self.register_buffer("projection", (basis * upper.diagonal().sign()).T[:, :, None, None].contiguous())
        if state is not None:
            _fill(self, state, "the agent's file")
        self.float().requires_grad_(False).eval()

    def encode(self, frames: Tensor, doubt: Tensor) -> Tensor:
        """Fill holes smoothly first: their values mean nothing."""
        seen = (doubt < MADE_UP).to(frames)
        both = torch.cat([frames * seen, seen], 1)
        if frames.shape[-2:] != (self.size, self.size):
            both = F.interpolate(both, (self.size, self.size), mode="bilinear", antialias=True)
        filled = push_pull(both[:, :3] / both[:, 3:].clamp(min=1e-6), both[:, 3:])
        features = self.stages((filled - self.mean) / self.std)
        even = F.layer_norm(features.movedim(1, -1), (features.shape[1],)).movedim(-1, 1)
        return F.conv2d(even, self.projection)


ENCODERS: dict[str, Callable[..., Encoder]] = {"editor": EditorEncoder, "resnet50": ResNetEncoder}


def load_encoder(name: str = "editor", device: torch.device | str = "cpu", **options: Any) -> Encoder:
    """Make an encoder ready for use.

    Args:
        name: a key of ``ENCODERS``.
        device: where it runs.
        options: what the encoder's constructor takes; ``editor`` takes none.

    Raises:
        UserError: for an unknown name, or weights that are missing, damaged, of another network, or cannot be had.
    """
    if name not in ENCODERS:
        raise UserError(f"no encoder is called '{name}'; choose from {', '.join(ENCODERS)}")
    return ENCODERS[name](**options).eval().to(device)


def _fill(net: nn.Module, state: Mapping[str, Tensor], place: Path | str) -> None:
    try:
        net.load_state_dict(state, assign=True)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise UserError(f"the weights in {place} do not fit ResNet-50; name them as torchvision does") from error
