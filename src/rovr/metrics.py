"""How close a restored clip is to the truth: PSNR and SSIM, on whole frames or inside the holes, and flow error."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d

from rovr.errors import UserError


def _unit(frames: Tensor) -> Tensor:
    return frames.float() / 255 if frames.dtype == torch.uint8 else frames.float()


def _check(restored: Tensor, truth: Tensor, masks: Tensor | None) -> None:
    if restored.shape != truth.shape or restored.dim() != 4:
        raise UserError(
            f"cannot compare clips of shapes {tuple(restored.shape)} and {tuple(truth.shape)}; "
            "give two clips of the same length and size"
        )
    if masks is not None and masks.shape != (len(truth), 1, *truth.shape[-2:]):
        raise UserError(f"masks {tuple(masks.shape)} do not fit clips {tuple(truth.shape)}; give one per frame")


@dataclass(frozen=True)
class Pooled:
    """A sum and what it is the sum of, so that means over clips can be taken over all their pixels at once.

    Attributes:
        total: sum of the values.
        count: number of values.
    """

    total: float
    count: int

    @property
    def mean(self) -> float:
        """The mean; NaN where there is nothing to average."""
        return self.total / self.count if self.count else math.nan

    @classmethod
    def over(cls, parts: "Iterable[Pooled]") -> "Pooled":
        """Pool several clips."""
        found = list(parts)
        return cls(sum(part.total for part in found), sum(part.count for part in found))


def squared_error(restored: Tensor, truth: Tensor, masks: Tensor | None = None) -> Pooled:
    """Squared differences of two clips in [0, 1], over all pixels and channels or those in the holes.

    Args:
        restored: (T, 3, H, W) uint8, or float in [0, 1].
        truth: likewise, the type may differ.
        masks: (T, 1, H, W) bool; None for whole frames.
    """
    _check(restored, truth, masks)
    total, count = 0.0, 0
    for t in range(len(truth)):
        error = (_unit(restored[t]) - _unit(truth[t])).square()
        if masks is not None:
            error = error[masks[t].expand_as(error)]
        total, count = total + float(error.sum(dtype=torch.float64)), count + error.numel()
    return Pooled(total, count)


def hole_error(image: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error inside the hole: (B, 3, H, W), (B, 3, H, W), (B, 1, H, W) → (B,)."""
    squared = ((image - truth).square() * mask).flatten(1).sum(1)
    return squared / (3 * mask.flatten(1).sum(1)).clamp(min=1)


def psnr(restored: Tensor, truth: Tensor, masks: Tensor | None = None) -> float:
    """Peak signal-to-noise ratio in dB from the squared error pooled over the clip.

    Args:
        restored: (T, 3, H, W) uint8, or float in [0, 1].
        truth: likewise.
        masks: (T, 1, H, W) bool to look inside the holes only; None for whole frames.

    Returns:
        Infinity for equal clips, NaN where no pixel was asked for.
    """
    return decibels(squared_error(restored, truth, masks).mean)


def decibels(mean_squared_error: float) -> float:
    """PSNR of a mean squared error on the scale from 0 to 1."""
    return -10 * math.log10(mean_squared_error) if mean_squared_error != 0 else math.inf


Window = Literal["gaussian", "uniform"]


def ssim_map(restored: Tensor, truth: Tensor, window: Window = "gaussian", size: int | None = None) -> Tensor:
    """Structural similarity around each pixel (Wang et al. 2004), borders mirrored.

    Args:
        restored: (3, H, W) uint8, or float in [0, 1].
        truth: likewise.
        window: ``"gaussian"`` (σ = 1.5, as in the paper) or ``"uniform"`` with unbiased covariances, which
            work on video inpainting reports with a side of 65.
        size: odd side of the window; 11 for gaussian and 65 for uniform where None.

    Returns:
        (3, H, W) float.
    """
    size = _side(window, size)
    x, y = _unit(restored), _unit(truth)
    radius, unbiased = size // 2, size * size / (size * size - 1) if window == "uniform" else 1.0
    planes = torch.cat([x, y, x * x, y * y, x * y])[:, None]
    for dim in (2, 3):
        side = planes.shape[dim]
        where = torch.arange(-radius, side + radius, device=x.device) % (2 * side)
        planes = planes.index_select(dim, torch.minimum(where, 2 * side - 1 - where))
    means = _smooth(planes, window, size)[:, 0]
    mean_x, mean_y, xx, yy, xy = means.split(3)
    var_x, var_y = (xx - mean_x**2) * unbiased, (yy - mean_y**2) * unbiased
    cov = (xy - mean_x * mean_y) * unbiased
    c1, c2 = 0.01**2, 0.03**2
    alike = (2 * mean_x * mean_y + c1) * (2 * cov + c2)
    return alike / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))


def _side(window: str, size: int | None) -> int:
    if window not in ("gaussian", "uniform"):
        raise UserError(f"SSIM has no window '{window}'; choose gaussian or uniform")
    size = size or (11 if window == "gaussian" else 65)
    if size % 2 == 0 or size < 3:
        raise UserError(f"the side of SSIM's window is {size}; give an odd number from 3")
    return size


def _smooth(planes: Tensor, window: str, size: int) -> Tensor:
    """Weighted mean in a window around each pixel, one dimension after the other."""
    if window == "uniform":
        return avg_pool2d(avg_pool2d(planes, (1, size), 1), (size, 1), 1)
    offset = torch.arange(size, dtype=torch.float32, device=planes.device) - size // 2
    kernel = torch.exp(-(offset**2) / (2 * 1.5**2))
    kernel = kernel / kernel.sum()
    return conv2d(conv2d(planes, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))


def similarity(
    restored: Tensor,
    truth: Tensor,
    masks: Tensor | None = None,
    window: Window = "gaussian",
    size: int | None = None,
) -> Pooled:
    """SSIM values of a clip, over whole frames or the holes' pixels; see :func:`ssim`."""
    _check(restored, truth, masks)
    edge = _side(window, size) // 2
    if masks is None and min(truth.shape[-2:]) <= 2 * edge:
        raise UserError(
            f"frames of {truth.shape[-2]}x{truth.shape[-1]} are too small for SSIM's window of {2 * edge + 1}; "
            "give a smaller size"
        )
    total, count = 0.0, 0
    for t in range(len(truth)):
        values = ssim_map(restored[t], truth[t], window, size)
        # Over whole frames, windows that reach beyond the border do not count, as everywhere else.
        values = values[:, edge:-edge, edge:-edge] if masks is None else values[masks[t].expand_as(values)]
        total, count = total + float(values.sum(dtype=torch.float64)), count + values.numel()
    return Pooled(total, count)


def ssim(
    restored: Tensor,
    truth: Tensor,
    masks: Tensor | None = None,
    window: Window = "gaussian",
    size: int | None = None,
) -> float:
    """Mean structural similarity of a clip, 1 = equal.

    Args:
        restored: (T, 3, H, W) uint8, or float in [0, 1].
        truth: likewise.
        masks: (T, 1, H, W) bool to average over the holes' pixels only; None for whole frames.
        window: as in :func:`ssim_map`.
        size: as in :func:`ssim_map`.

    Returns:
        The mean; NaN where the masks are empty.
    """
    return similarity(restored, truth, masks, window, size).mean


def endpoint_error(flow: Tensor, truth: Tensor) -> Tensor:
    """Distance between two flows at each pixel: (…, 2, H, W) in pixels to (…, H, W)."""
    return torch.linalg.vector_norm(flow - truth, dim=-3)


def flow_error(flow: Tensor, truth: Tensor) -> Pooled:
    """How far the motion of a clip is from that of the truth: E = mean ‖φ(Y_t, Y_t+1) − φ(X_t, X_t+1)‖₂.

    Args:
        flow: (T-1, 2, H, W) between consecutive frames of a restored or corrupted clip, in pixels; see
            :meth:`rovr.flow.FlowEstimator.clip`.
        truth: likewise, of the true clip.

    Returns:
        End-point errors in pixels over pairs and pixels.
    """
    if flow.shape != truth.shape:
        raise UserError(f"cannot compare flows of shapes {tuple(flow.shape)} and {tuple(truth.shape)}")
    error = endpoint_error(flow, truth)
    return Pooled(float(error.sum(dtype=torch.float64)), error.numel())


def flow_residual(restored: Sequence[Pooled], corrupted: Sequence[Pooled], floor: float = 0.05) -> float:
    """Share of the flow error that is left after restoration: E(restored) / E(corrupted), 0 = all recovered.

    Sums are taken over all clips before they are divided, so that clips where little was wrong do not
    dominate.

    Args:
        restored: one :func:`flow_error` a clip.
        corrupted: likewise, in the same order.
        floor: clips whose corrupted flow is wrong by less, in pixels, are left out: there is nothing to recover.

    Returns:
        The ratio, NaN where no clip is left. Above 1 the restoration did harm.
    """
    pairs = [(after, before) for after, before in zip(restored, corrupted, strict=True) if before.mean >= floor]
    worst = Pooled.over(before for _, before in pairs).total
    return Pooled.over(after for after, _ in pairs).total / worst if worst else math.nan


def flow_recovery(restored: Sequence[Pooled], corrupted: Sequence[Pooled], floor: float = 0.05) -> float:
    """Share of the flow error that the restoration took away: 1 − :func:`flow_residual`; 1 = perfect."""
    return 1 - flow_residual(restored, corrupted, floor)
