"""Lines through pairs of what was seen of a see-through logo and what repairs say lay below it."""

import numpy as np
from numpy.typing import NDArray

from rovr.video.masks import Mask
from rovr.video.overlay import AROUND, mean_around

Floats = NDArray[np.float32]

ROUNDS, FAR = 3, 2.0
"""Times that the line is drawn again, with less weight for what was usual distances times FAR away from it."""

SCARCE = 4.0
"""Square levels, of 255, of a sample's variance at which its own line counts as much as what is known beforehand."""

QUIET = 0.5
"""Share of the grown noise that is left once it was taken off, about."""


def through(seen: Floats, below: Floats, weight: Floats, known: Floats | None) -> tuple[Floats, Floats, Floats]:
    """Lines through what was seen over what was below it, one a sample.

    Args:
        seen: (T, N, channels), in levels of 255.
        below: likewise.
        weight: (T, N).
        known: (N,), slopes known beforehand, which samples that hardly vary take; None where nothing is.

    Returns:
        Slopes, 1 − α, in [0, 1], and intercepts, αw in levels, (N, channels) each; and the mean square of how far pairs
        are off the line, (N,).
    """
    held = np.ones_like(weight)
    for turn in range(ROUNDS + 1):
        own = (weight * held)[..., None]
        total = own.sum(0)
        middle = [(own * part).sum(0) / total for part in (below, seen)]
        off_below, off_seen = below - middle[0], seen - middle[1]
        variance = (own * off_below * off_below).sum(0) / total
        common = (own * off_below * off_seen).sum(0) / total
        if known is None:
            slope = common / np.maximum(variance, 1e-3)
        else:
            slope = (common + SCARCE * known[:, None]) / (variance + SCARCE)
        slope = np.clip(slope, 0, 1)
        if turn < ROUNDS:
            away = np.abs(off_seen - slope * off_below).max(2)
            held = 1 / (1 + np.square(away / (FAR * np.maximum(np.median(away, 0), 1))))
    start = middle[1] - slope * middle[0]
    return slope, start, np.square(seen - slope * below - start).mean((0, 2))


def well_repaired(where: Mask, share: Floats, off: Floats, noise: float) -> Mask:
    """Samples in a box (H, W) of which repairs tell at least as much as noise lets what shines through tell.

    Pairs are off the line by noise, and by the errors of repairs as far as they shine through.

    Args:
        where: the samples of the logo, (H, W).
        share: their slopes, (H, W).
        off: as from :func:`through`, (N,).
        noise: square levels, of 255, of what is seen.
    """
    spread = np.zeros(where.shape, np.float32)
    spread[where] = off
    grown = noise * (1 + QUIET * (1 - np.square(share)))
    return np.asarray(where & (mean_around(spread, where, AROUND) < grown))
