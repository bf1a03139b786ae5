"""How alike local structure is: SSIM, on whole frames or inside the holes."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from rovr.errors import UserError
from rovr.metrics.pooled import Pooled, check, unit

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
    x, y = unit(restored), unit(truth)
    radius, unbiased = size // 2, size * size / (size * size - 1) if window == "uniform" else 1.0
    planes = torch.cat([x, y, x * x, y * y, x * y])[None]
    for dim in (2, 3):
        side = planes.shape[dim]
        where = torch.arange(-radius, side + radius, device=x.device) % (2 * side)
        planes = planes.index_select(dim, torch.minimum(where, 2 * side - 1 - where))
    means = _smooth(planes, window, size)[0]
    mean_x, mean_y, xx, yy, xy = means.split(3)
    var_x, var_y = (xx - mean_x**2) * unbiased, (yy - mean_y**2) * unbiased
    cov = (xy - mean_x * mean_y) * unbiased
    c1, c2 = 0.01**2, 0.03**2
    alike = (2 * mean_x * mean_y + c1) * (2 * cov + c2)
    return alike / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))


def _side(window: str, size: int | None) -> int:
    if window not in ("gaussian", "uniform"):
        raise UserError(f"SSIM has no window '{window}'; choose gaussian or uniform")
    if size is None:
        size = 11 if window == "gaussian" else 65
    if size % 2 == 0 or size < 3:
        raise UserError(f"the side of SSIM's window is {size}; give an odd number from 3")
    return size


def _smooth(planes: Tensor, window: str, size: int) -> Tensor:
    """Weighted mean in a window around each pixel, one dimension after the other."""
    if window == "uniform":
        return (_sums(_sums(planes.double(), 3, size), 2, size) / size**2).float()
    offset = torch.arange(size, dtype=torch.float32, device=planes.device) - size // 2
    kernel = torch.exp(-(offset**2) / (2 * 1.5**2))
    kernel = kernel / kernel.sum()
    # Planes as channels of one picture, each by itself: a twelfth of the time that pictures of one channel take.
    count = planes.shape[1]
    across, down = kernel.expand(count, 1, 1, -1), kernel[:, None].expand(count, 1, -1, 1)
    return conv2d(conv2d(planes, across, groups=count), down, groups=count)


def _sums(planes: Tensor, dim: int, size: int) -> Tensor:
    """Sums of ``size`` neighbours: differences of running sums, whose cost does not grow with the size."""
    first = planes.narrow(dim, 0, 1)
    running = torch.cat([torch.zeros_like(first), planes.cumsum(dim)], dim)
    count = planes.shape[dim] - size + 1
    return running.narrow(dim, size, count) - running.narrow(dim, 0, count)


def similarity(
    restored: Tensor,
    truth: Tensor,
    masks: Tensor | None = None,
    window: Window = "gaussian",
    size: int | None = None,
) -> Pooled:
    """SSIM values of a clip, over whole frames or the holes' pixels; see :func:`ssim`."""
    return similarities(restored, truth, [masks], window, size)[0]


def similarities(
    restored: Tensor,
    truth: Tensor,
    areas: Sequence[Tensor | None],
    window: Window = "gaussian",
    size: int | None = None,
) -> list[Pooled]:
    """The same over several areas, each masks or None for whole frames, for the price of one."""
    for masks in areas:
        check(restored, truth, masks)
    edge = _side(window, size) // 2
    if any(masks is None for masks in areas) and min(truth.shape[-2:]) <= 2 * edge:
        raise UserError(
            f"frames of {truth.shape[-2]}x{truth.shape[-1]} are too small for SSIM's window of {2 * edge + 1}; "
            "give a smaller size"
        )
    found: list[list[Pooled]] = [[] for _ in areas]
    for t in range(len(truth)):
        values = ssim_map(restored[t], truth[t], window, size)
        # Over whole frames, windows that reach beyond the border do not count, as everywhere else.
        inner = values[:, edge:-edge, edge:-edge]
        for masks, parts in zip(areas, found, strict=True):
            parts.append(Pooled.of(inner if masks is None else values[masks[t].expand_as(values)]))
    return [Pooled.over(parts) for parts in found]


def ssim(
    restored: Tensor,
    truth: Tensor,
    masks: Tensor | None = None,
    window: Window = "gaussian",
    size: int | None = None,
) -> float:
    """Mean structural similarity of a clip (Wang et al. 2004): luminance, contrast and structure in windows compared.

    Higher is better. It lies in [−1, 1], 1 = equal. All frames being of one size, the mean over the clip is the mean
    over its frames. Figures for windows of different kinds or sizes must not be compared.

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
