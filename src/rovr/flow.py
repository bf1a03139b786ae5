"""Optical flow between frames: φ of the flow reward and of the flow metric."""

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import cv2
import torch
from torch import Tensor
from torch.nn.functional import pad

from rovr._compat import import_torchvision
from rovr.errors import UserError
from rovr.pretrained import download, read_state

# DIS loses its way on frames smaller than its coarsest patches.
DIS_LEAST = 32
# RAFT's features are an eighth of the frame and must be at least 16 pixels wide.
RAFT_LEAST, RAFT_MULTIPLE = 128, 8


class FlowEstimator(ABC):
    """Where each pixel of one frame lies in another.

    Attributes:
        name: which estimator this is, to be reported with every number computed by it.
    """

    name: str

    def __call__(self, first: Tensor, second: Tensor) -> Tensor:
        """Estimate the flow between pairs of frames.

        Args:
            first: (N, 3, H, W) uint8, or float in [0, 1].
            second: likewise.

        Returns:
            (N, 2, H, W) float: how far right and down, in pixels, each pixel of the first frame lies in the
            second.
        """
        if first.shape != second.shape or first.dim() != 4 or first.shape[1] != 3:
            raise UserError(
                f"flow needs two batches of colour frames of one size, not {tuple(first.shape)} "
                f"and {tuple(second.shape)}"
            )
        return self._flow(first, second) if len(first) else _none(first)

    def clip(self, frames: Tensor) -> Tensor:
        """Flow from each frame to the next: (T, 3, H, W) to (T-1, 2, H, W)."""
        return self(frames[:-1], frames[1:])

    @abstractmethod
    def _flow(self, first: Tensor, second: Tensor) -> Tensor:
        """As ``__call__``, on at least one valid pair."""


class DIS(FlowEstimator):
    """Dense inverse search (Kroeger et al. 2016) from OpenCV: fast, classical, nothing to download.

    Args:
        preset: ``"ultrafast"``, ``"fast"`` or ``"medium"``.
    """

    PRESETS = ("ultrafast", "fast", "medium")

    def __init__(self, preset: str = "medium") -> None:
        if preset not in self.PRESETS:
            raise UserError(f"DIS has no preset '{preset}'; choose from {', '.join(self.PRESETS)}")
        self.name = "dis" if preset == "medium" else f"dis_{preset}"
        # OpenCV's stubs ask for a flow to start from, which DIS does not need.
        self._dis: Any = cv2.DISOpticalFlow.create(self.PRESETS.index(preset))

    def _flow(self, first: Tensor, second: Tensor) -> Tensor:
        flows = []
        for a, b in zip(first, second, strict=True):
            pair = torch.stack([_grey(a), _grey(b)])[:, None]
            padded, corner = _pad(pair, DIS_LEAST, 1)
            flow = self._dis.calc(padded[0, 0].numpy(), padded[1, 0].numpy(), None)
            flows.append(_crop(torch.from_numpy(flow).permute(2, 0, 1), corner, first))
        return torch.stack(flows).to(first.device)


class RAFT(FlowEstimator):
    """RAFT (Teed & Deng 2020) from torchvision.

    Args:
        size: ``"small"`` or ``"large"``.
        weights: a file with torchvision's keys, safetensors or PyTorch's; by default torchvision's own weights, which
            it downloads once.
        device: where to run.
        batch: pairs at once.

    Raises:
        UserError: an unknown size, weights that do not fit or cannot be had, or no torchvision.
    """

    def __init__(
        self,
        size: str = "small",
        weights: str | os.PathLike[str] | None = None,
        device: str | torch.device = "cpu",
        batch: int = 4,
    ) -> None:
        if size not in ("small", "large"):
            raise UserError(f"RAFT comes small or large, not '{size}'")
        import_torchvision()
        from torchvision.models import optical_flow

        self.name = f"raft_{size}"
        self.device, self.batch = torch.device(device), batch
        make = getattr(optical_flow, self.name)
        if weights is None:
            hint = "give their file with --flow-weights, or take the flow dis"
            model = download(lambda: make(weights="DEFAULT"), self.name, hint)
        else:
            model, state = make(weights=None), read_state(Path(weights))
            try:
                model.load_state_dict(state)
            except (RuntimeError, TypeError, AttributeError) as error:
                raise UserError(f"{weights}: these are not {self.name} weights with torchvision's keys") from error
        self._model = model.eval().requires_grad_(False).to(self.device)

    @torch.inference_mode()
    def _flow(self, first: Tensor, second: Tensor) -> Tensor:
        flows = []
        for some in torch.stack([first, second]).split(self.batch, 1):
            pairs = _signed(some.to(self.device))
            padded, corner = _pad(pairs.flatten(0, 1), RAFT_LEAST, RAFT_MULTIPLE)
            a, b = padded.chunk(2)
            # The network gives every step of its refinement; the last is the best.
            flows.append(_crop(self._model(a, b)[-1], corner, first).to(first.device))
        return torch.cat(flows)


FLOWS = ("dis", "raft_small", "raft_large")


def load_flow(
    name: str = "dis",
    weights: str | os.PathLike[str] | None = None,
    device: str | torch.device = "cpu",
) -> FlowEstimator:
    """Make an estimator by its name.

    Args:
        name: one of ``FLOWS``.
        weights: for RAFT, as in :class:`RAFT`.
        device: for RAFT; DIS always runs on the CPU.

    Raises:
        UserError: for an unknown name, weights that cannot be read or had, or RAFT without torchvision.
    """
    if name not in FLOWS:
        raise UserError(f"no flow estimator is called '{name}'; choose from {', '.join(FLOWS)}")
    return DIS() if name == "dis" else RAFT(name.removeprefix("raft_"), weights, device)


def _grey(frame: Tensor) -> Tensor:
    """(3, H, W) to (H, W) uint8 luma."""
    scale = 1.0 if frame.dtype == torch.uint8 else 255.0
    luma = torch.tensor([0.299, 0.587, 0.114], device=frame.device).view(3, 1, 1)
    return (frame.float() * luma).sum(0).mul(scale).round().clamp(0, 255).byte().cpu()


def _signed(frames: Tensor) -> Tensor:
    """To [-1, 1]."""
    return (frames.float() / 255 if frames.dtype == torch.uint8 else frames.float()) * 2 - 1


def _pad(frames: Tensor, least: int, multiple: int) -> tuple[Tensor, tuple[int, int]]:
    """Repeat the borders until the sides suffice; also gives the corner where the frame begins."""
    missing = [-(-max(side, least) // multiple) * multiple - side for side in frames.shape[-2:]]
    if not any(missing):
        return frames, (0, 0)
    top, left = missing[0] // 2, missing[1] // 2
    edges = (left, missing[1] - left, top, missing[0] - top)
    padded = pad(frames.float(), edges, mode="replicate").to(frames.dtype)
    return padded, (top, left)


def _crop(flow: Tensor, corner: tuple[int, int], like: Tensor) -> Tensor:
    """Undo :func:`_pad`."""
    (top, left), (height, width) = corner, like.shape[-2:]
    return flow[..., top : top + height, left : left + width]


def _none(like: Tensor) -> Tensor:
    """The flow of no pairs."""
    return torch.zeros((0, 2, *like.shape[-2:]), device=like.device)
