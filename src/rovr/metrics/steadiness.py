"""How steady a clip is in time: warping error and flicker."""

import math

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, pad

from rovr.metrics.pooled import check, unit


def warp(frames: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
    """Fetch every pixel from where it went.

    Args:
        frames: (N, C, H, W) float, the second frame of each pair.
        flow: (N, 2, H, W) in pixels, from the first to the second.

    Returns:
        (N, C, H, W) the second frames as the first would have seen them, and (N, H, W) bool, where that lies inside.
    """
    height, width = frames.shape[-2:]
    x = torch.arange(width, device=flow.device) + flow[:, 0]
    y = torch.arange(height, device=flow.device)[:, None] + flow[:, 1]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    grid = torch.stack([x * 2 / max(1, width - 1) - 1, y * 2 / max(1, height - 1) - 1], -1)
    return grid_sample(frames, grid, padding_mode="border", align_corners=True), inside


def unoccluded(forward: Tensor, backward: Tensor) -> Tensor:
    """Where flow can be believed: both ways agree, and no edge of a motion is near (Sundaram, Brox, Keutzer 2010).

    A pixel is left out where |f + b|² > 0.01 (|f|² + |b|²) + 0.5, b being the backward flow where f leads to, where
    |∇f|² > 0.01 |f|² + 0.002, and where f leads out of the picture.

    Args:
        forward: (N, 2, H, W) in pixels, from the first to the second frame of each pair.
        backward: likewise, from the second to the first.

    Returns:
        (N, H, W) bool.
    """
    back, inside = warp(backward, forward)
    strength = forward.square().sum(1)
    apart = (forward + back).square().sum(1) > 0.01 * (strength + back.square().sum(1)) + 0.5
    across = pad(forward.diff(dim=3), (0, 1))
    down = pad(forward.diff(dim=2), (0, 0, 0, 1))
    edge = (across.square() + down.square()).sum(1) > 0.01 * strength + 0.002
    return inside & ~apart & ~edge


def warp_error(restored: Tensor, flow: Tensor, visible: Tensor) -> float:
    """E_warp (Lai et al. 2018, arXiv 1808.00449): how much colours change along the true motion.

    The mean over pairs of the mean squared difference, over visible pixels and channels, between a frame and the next
    one warped back. Lower is better, in [0, 1]; the truth itself does not reach 0, since light and noise change too.
    Tables elsewhere often show it times 100. Pairs without a visible pixel do not count.

    Args:
        restored: (T, 3, H, W) uint8, or float in [0, 1].
        flow: (T-1, 2, H, W) in pixels, between consecutive frames of the *true* clip.
        visible: (T-1, H, W) bool, see :func:`unoccluded`.

    Returns:
        The error; NaN where there is no pair.
    """
    frames = unit(restored)
    errors = []
    for t in range(len(flow)):
        warped, _ = warp(frames[t + 1 : t + 2], flow[t : t + 1])
        squared = (warped[0] - frames[t]).square()[:, visible[t]]
        if squared.numel():
            errors.append(float(squared.mean(dtype=torch.float64)))
    return sum(errors) / len(errors) if errors else math.nan


def flicker(restored: Tensor, truth: Tensor, masks: Tensor) -> float:
    """Change from frame to frame that the truth does not have, inside the holes: dtSSD (Erofeev et al. 2015).

    The root of the mean of ((Y_t+1 − Y_t) − (X_t+1 − X_t))² over the pixels that were missing in either frame. Lower
    is better, in [0, 2]; a repair that is wrong in the same way in every frame does not flicker.

    Args:
        restored: (T, 3, H, W) uint8, or float in [0, 1].
        truth: likewise.
        masks: (T, 1, H, W) bool.

    Returns:
        The root of the mean; NaN where nothing was missing, or for a single frame.
    """
    check(restored, truth, masks)
    total, count = 0.0, 0
    for t in range(len(truth) - 1):
        off = [unit(restored[k]) - unit(truth[k]) for k in (t, t + 1)]
        change = (off[1] - off[0]).square()[:, (masks[t] | masks[t + 1])[0]]
        total, count = total + float(change.sum(dtype=torch.float64)), count + change.numel()
    return math.sqrt(total / count) if count else math.nan
