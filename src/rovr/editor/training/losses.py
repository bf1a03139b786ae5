"""The editor's loss: L = λ · L_perceptual + (1 − λ) · MSE inside the hole (the poster's local network loss)."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from rovr.editor.training.ranks import ALONE, Ranks
from rovr.metrics import hole_error
from rovr.perceptual import PerceptualLoss

EASY = 2e-5
"""Squared error (47 dB) below which a sample is good enough, so that flat ones do not outweigh the rest."""


def perceptual_weight(step: int, total: int, final: float = 0.9, steepness: float = 5.0) -> float:
    """λ, grown exponentially from 0 to ``final`` over training.

    A pure exponential never leaves 0, so it is shifted: final · (e^{k·u} − 1) / (e^k − 1) with u = step / total.
    """
    share = min(max(step / max(total, 1), 0.0), 1.0)
    return final * math.expm1(steepness * share) / math.expm1(steepness)


def repair_losses(
    image: Tensor,
    consensus: Tensor,
    flows: Tensor,
    batch: Mapping[str, Tensor],
    perceptual: PerceptualLoss | None,
    ranks: Ranks = ALONE,
) -> dict[str, Tensor]:
    """Named terms of the training loss, each a mean over the batch.

    The squared error enters by its logarithm, sample by sample, so that a decibel is worth the same in every clip.
    Its plain mean is ruled by the samples that nobody can repair: there it pays to hedge, and the network unlearns to
    trust a good match. ``psnr`` is for the log alone.

    Args:
        image: (B, 3, 2h, 2w) the network's repair.
        consensus: (B, 3, h, w) its half-size estimate.
        flows: (B, K, 2, h, w) its flows.
        batch: what it saw and should have made; see :class:`rovr.editor.training.repairing.Repairing`.
        perceptual: None leaves the perceptual term away.
        ranks: who else holds a part of the batch; then each term is this one's share of the mean over the whole.
    """
    mask, truth = batch["mask"], batch["truth"]
    error = hole_error(image, truth, mask)
    small_mask = F.avg_pool2d(mask, 2)
    small_error = hole_error(consensus, F.avg_pool2d(truth, 2), small_mask)
    where = batch["agree"] * (0.1 + small_mask[:, None])
    gap = ((flows - batch["teacher"]).square().sum(2, keepdim=True) + 0.01).sqrt().clamp(max=30)
    losses = {
        "log_mse": ranks.mean(torch.log(error + EASY)),
        "consensus": ranks.mean(torch.log(small_error + EASY)),
        "flow": (gap * where).sum() / ranks.total(where.sum()).clamp(min=1),
        "psnr": -10 * ranks.mean(torch.log10(error.detach().clamp(min=1e-8))),
    }
    if perceptual is not None:
        pasted = torch.lerp(truth, image, mask)
        losses["perceptual"] = ranks.mean(perceptual(pasted, truth, mask))
    return losses
