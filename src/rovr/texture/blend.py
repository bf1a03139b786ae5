"""Join copied pixels without seams: their differences are kept, and their colours follow from what is around the hole.

This is Poisson blending (Pérez et al. 2003, "Poisson Image Editing", SIGGRAPH), solved by conjugate gradients. Next to
each other may lie pixels from different places; what their difference should be is told by both, as what lies next to
each where it is from.
"""

import torch
from torch import Tensor

ROUNDS = 100
"""Of conjugate gradients at most."""

DONE = 1e-8
"""Squared error, of all of the hole together, at which nothing is left to do."""


def blended(picture: Tensor, hole: Tensor, origin: Tensor) -> Tensor:
    """Fill a hole with pixels from elsewhere.

    Args:
        picture: (3, h, w).
        hole: (h, w) bool.
        origin: (h · w) long, which pixel each is a copy of; outside the hole itself.

    Returns:
        (3, h, w), the same outside the hole.
    """
    filled = picture.flatten(1)[:, origin].view_as(picture)
    told = [_told(picture, hole, origin, axis) for axis in (1, 2)]

    def gradient(x: Tensor) -> list[Tensor]:
        return [x.diff(dim=axis) * weight for axis, (_, weight) in zip((1, 2), told, strict=True)]

    def back(differences: list[Tensor]) -> Tensor:
        total = torch.zeros_like(picture)
        for axis, part in zip((1, 2), differences, strict=True):
            size = part.shape[axis]
            total.narrow(axis, 0, size).sub_(part)
            total.narrow(axis, 1, size).add_(part)
        return total * hole

    left = back([wanted - has for (wanted, _), has in zip(told, gradient(filled), strict=True)])
    step, size = left.clone(), left.square().sum()
    for _ in range(ROUNDS):
        if size < DONE:
            break
        moved = back(gradient(step))
        share = size / (step * moved).sum()
        filled, left = filled + share * step, left - share * moved
        before, size = size, left.square().sum()
        step = left + size / before * step
    return filled


def _told(picture: Tensor, hole: Tensor, origin: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """What neighbours along an axis should differ by, and 1 where that matters: where one of them is in the hole."""
    count, width = hole.shape[axis - 1] - 1, hole.shape[1]
    stride, last = (width if axis == 1 else 1), hole.numel() - 1
    pixels = picture.flatten(1)
    here = pixels[:, origin]
    ahead = (pixels[:, (origin + stride).clamp(max=last)] - here).view_as(picture).narrow(axis, 0, count)
    behind = (here - pixels[:, (origin - stride).clamp(min=0)]).view_as(picture).narrow(axis, 1, count)
    first, second = (hole.narrow(axis - 1, start, count).to(picture) for start in (0, 1))
    speak = first + second
    return (ahead * first + behind * second) / speak.clamp(min=1), speak.clamp(max=1)
