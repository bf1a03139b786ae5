"""How alike pictures look to people: LPIPS from torchmetrics, and LPIPS-like distances of VGG-16 from a file."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn import functional as F

from rovr._compat import import_torchvision
from rovr.device import has_bf16
from rovr.errors import UserError
from rovr.metrics.pooled import check, unit
from rovr.vgg import TAPS, Pool, Vgg16

ROOM = 1 << 30
"""Bytes that features of a true clip may take, kept while repairs of it are compared: 25 frames of 256×256 fit."""

Features = list[Tensor]
"""A frame's features, one tensor a layer."""


class Perceptual(ABC):
    """A distance of pictures: lower is better, 0 = equal, hardly ever above 1.

    Attributes:
        key: short name for results.
        label: name for readers.
        by: what computes it.
    """

    key: str
    label: str
    by: str

    @abstractmethod
    def distance(self, images: Tensor, truth: Tensor) -> Tensor:
        """Distances of pairs of pictures: (N, 3, H, W) in [0, 1] twice → (N,)."""

    def remember(self, truth: Tensor) -> list[Features]:
        """Features of a true clip's first frames, as many as there is room for, to spare repairs of it half the work.

        Args:
            truth: (T, 3, H, W) uint8, or float in [0, 1].
        """
        return []

    @torch.inference_mode()
    def clip(self, restored: Tensor, truth: Tensor, known: Sequence[Features] = ()) -> float:
        """Mean over the frames of two clips.

        Args:
            restored: (T, 3, H, W) uint8, or float in [0, 1].
            truth: likewise.
            known: what :meth:`remember` gave for the truth.
        """
        check(restored, truth, None)
        # One by one: features of a single frame take tens of megabytes already.
        pairs = enumerate(zip(restored.split(1), truth.split(1), strict=True))
        return float(torch.cat([self._one(unit(a), unit(b), known[k : k + 1]) for k, (a, b) in pairs]).mean())

    def _one(self, image: Tensor, truth: Tensor, known: Sequence[Features]) -> Tensor:
        return self.distance(image, truth)


class Lpips(Perceptual):
    """LPIPS (Zhang et al. 2018, arXiv 1801.03924), version 0.1, as torchmetrics computes it.

    The network's weights are downloaded once, by torchvision; the linear heads come with torchmetrics.

    Args:
        net: ``alex``, the authors' choice for measuring, or ``vgg``.
        device: where it runs.

    Raises:
        UserError: torchmetrics is missing, or the weights cannot be had.
    """

    key, label = "lpips", "LPIPS"

    def __init__(self, net: Literal["alex", "vgg"] = "alex", device: torch.device | str = "cpu") -> None:
        import_torchvision()
        try:
            from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity
        except ModuleNotFoundError:
            raise UserError("LPIPS needs torchmetrics; install it with: pip install 'rovr[metrics]'") from None
        self.by, self.device = f"torchmetrics, {net}", torch.device(device)
        try:
            metric: Any = LearnedPerceptualImagePatchSimilarity(net_type=net, normalize=True)
        except OSError as error:
            raise UserError(
                f"the weights of LPIPS's network could not be downloaded ({error}); try again with a connection, or "
                "give a file of weights in place of 'lpips'"
            ) from None
        self.net = metric.net.to(self.device).eval()

    def distance(self, images: Tensor, truth: Tensor) -> Tensor:
        """See :class:`Perceptual`."""
        return self.net(images.to(self.device), truth.to(self.device), normalize=True).flatten().cpu()


class VggDistance(nn.Module, Perceptual):
    """LPIPS on VGG-16, plain or shift-tolerant, from one file.

    Features after five activations are normalised over channels, their squared differences weighed by the linear heads,
    averaged over space and summed over the layers (Zhang et al. 2018, arXiv 1801.03924). The shift-tolerant kind
    (ST-LPIPS, Ghildyal and Liu 2022, arXiv 2207.13686) pools in steps of one pixel and then thins out behind a 3×3
    binomial filter; its weights were tuned with that, and its scores are no LPIPS scores.

    Args:
        state: convolutions keyed as torchvision's ``vgg16().features``, heads ``lin0.weight`` … ``lin4.weight``, and
            optionally ``shift`` and ``scale`` of the input in [−1, 1].
        pool: ``max`` for plain LPIPS, ``blur`` for ST-LPIPS.
        bf16: whether features are computed in bfloat16, in less than half the time; scores differ by about 0.0001.
    """

    def __init__(self, state: Mapping[str, Tensor], pool: Pool = "max", bf16: bool = False) -> None:
        super().__init__()
        self.key, self.label = ("st_lpips", "ST-LPIPS") if pool == "blur" else ("lpips", "LPIPS")
        self.by = f"vgg16, {pool} pooling" + (", bfloat16" if bf16 else "")
        self.bf16 = bf16
        self.features = Vgg16({name.removeprefix("features."): tensor for name, tensor in state.items()}, pool)
        self.lin = nn.ParameterList([state[f"lin{k}.weight"].float().view(1, -1, 1, 1) for k in range(len(TAPS))])
        self.shift: Tensor
        self.scale: Tensor
        for name, usual in (("shift", [-0.030, -0.088, -0.188]), ("scale", [0.458, 0.448, 0.450])):
            self.register_buffer(name, state.get(name, torch.tensor(usual)).float().view(1, 3, 1, 1))
        self.requires_grad_(False).eval()

    @classmethod
    def load(cls, path: Path, bf16: bool = False) -> "VggDistance":
        """Read a safetensors file; one whose ``pool`` in the header, or whose name, says so is taken as ST-LPIPS.

        Raises:
            UserError: the file is missing, damaged, or holds something else.
        """
        if not path.is_file():
            raise UserError(
                f"{path}: no such file; give 'none', 'lpips', or a safetensors file of VGG-16 and its heads"
            )
        try:
            with safe_open(path, framework="pt") as file:
                known = (file.metadata() or {}).get("pool", "blur" if "stlpips" in path.name else "max")
                state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
            return cls(state, "blur" if known == "blur" else "max", bf16)
        except (SafetensorError, OSError, KeyError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"{path}: these are not VGG-16 and the linear heads of LPIPS ({reason})") from None

    def distance(self, images: Tensor, truth: Tensor) -> Tensor:
        """See :class:`Perceptual`."""
        both = [pair.chunk(2) for pair in self._features(torch.cat([images, truth]))]
        return self._apart([ours for ours, _ in both], [theirs for _, theirs in both])

    @torch.inference_mode()
    def remember(self, truth: Tensor) -> list[Features]:
        """See :class:`Perceptual`."""
        found: list[Features] = []
        for frame in truth.split(1):
            found.append(list(self._features(unit(frame))))
            if sum(part.nbytes for part in found[0]) * (len(found) + 1) > ROOM:
                break
        return found

    def _one(self, image: Tensor, truth: Tensor, known: Sequence[Features]) -> Tensor:
        return self._apart(list(self._features(image)), known[0]) if known else self.distance(image, truth)

    def _features(self, images: Tensor) -> Iterator[Tensor]:
        """Of unit length at every place, (B, C, h, w) each."""
        ready = (images.to(self.shift.device) * 2 - 1 - self.shift) / self.scale
        if self.bf16:
            ready = ready.contiguous(memory_format=torch.channels_last)
        with torch.autocast(ready.device.type, torch.bfloat16, enabled=self.bf16):
            for found in self.features(ready):
                yield F.normalize(found.float(), dim=1, eps=1e-10).to(found.dtype)

    def _apart(self, ours: Features, theirs: Features) -> Tensor:
        parts = zip(ours, theirs, self.lin, strict=True)
        return sum(((a.float() - b.float()).square() * w).sum(1).flatten(1).mean(1) for a, b, w in parts).cpu()


def load_perceptual(name: str, device: torch.device | str = "cpu") -> Perceptual | None:
    """Make a distance by its name.

    Args:
        name: ``none``, ``lpips`` (weights are downloaded), or a safetensors file, see :class:`VggDistance`.
        device: where it runs; a file's network computes in bfloat16 where that has instructions for it.

    Raises:
        UserError: weights that are missing, damaged or of something else.
    """
    if name == "none":
        return None
    if name == "lpips":
        return Lpips(device=device)
    return VggDistance.load(Path(name), has_bf16(torch.device(device))).to(device)
