"""How far pixels are from the truth: squared error and PSNR, on whole frames or inside the holes."""

import math

import torch
from torch import Tensor

from rovr.metrics.pooled import Pooled, check, unit


def squared_error(restored: Tensor, truth: Tensor, masks: Tensor | None = None) -> Pooled:
    """Squared differences of two clips in [0, 1], over all pixels and channels or those in the holes.

    Args:
        restored: (T, 3, H, W) uint8, or float in [0, 1].
        truth: likewise, the type may differ.
        masks: (T, 1, H, W) bool; None for whole frames.
    """
    check(restored, truth, masks)
    total, count = 0.0, 0
    for t in range(len(truth)):
        error = (unit(restored[t]) - unit(truth[t])).square()
        if masks is not None:
            error = error[masks[t].expand_as(error)]
        total, count = total + float(error.sum(dtype=torch.float64)), count + error.numel()
    return Pooled(total, count)


def hole_error(image: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error inside the hole: (B, 3, H, W), (B, 3, H, W), (B, 1, H, W) → (B,)."""
    squared = ((image - truth).square() * mask).flatten(1).sum(1)
    return squared / (3 * mask.flatten(1).sum(1)).clamp(min=1)


def psnr(restored: Tensor, truth: Tensor, masks: Tensor | None = None) -> float:
    """Peak signal-to-noise ratio: −10 log10 of the mean squared error, which is pooled over the clip.

    Higher is better. With masks it is the *hole-PSNR*, for which the pixels count that were missing; over whole frames
    those that never were dominate, and it flatters everyone.

    Args:
        restored: (T, 3, H, W) uint8, or float in [0, 1].
        truth: likewise.
        masks: (T, 1, H, W) bool to look inside the holes only; None for whole frames.

    Returns:
        Decibels from 0: infinity for equal clips, NaN where no pixel was asked for.
    """
    return decibels(squared_error(restored, truth, masks).mean)


def frame_psnr(restored: Tensor, truth: Tensor) -> float:
    """Mean over frames of each frame's PSNR, the way work on video inpainting reports it (STTN, E2FGVI, ProPainter).

    Higher is better. The mean of logarithms is never below the logarithm of the mean, so it is never below
    :func:`psnr`: the two must not be compared. Frames that equal the truth have no finite PSNR and are left out.

    Args:
        restored: (T, 3, H, W) uint8, or float in [0, 1].
        truth: likewise.

    Returns:
        Decibels from 0; infinity for equal clips, NaN for clips without a frame, or where a pixel is NaN.
    """
    check(restored, truth, None)
    each = [psnr(restored[t : t + 1], truth[t : t + 1]) for t in range(len(truth))]
    # What is no number is no equal frame: it must not be left out.
    unequal = [value for value in each if value != math.inf]
    if unequal:
        return sum(unequal) / len(unequal)
    return math.inf if each else math.nan


def decibels(mean_squared_error: float) -> float:
    """PSNR of a mean squared error on the scale from 0 to 1."""
    return -10 * math.log10(mean_squared_error) if mean_squared_error != 0 else math.inf
