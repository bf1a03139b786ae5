"""Pairs of what was seen of a sample and what repairs say lay below it, in the few numbers that lines are fitted by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Pairs = tuple[Floats, Floats, Floats]
"""What was seen, (T, N, channels), what was below, likewise, and the weight of each pair, (T, N)."""


@dataclass(frozen=True)
class Moments:
    """Means over time, in levels of 255, each (N, channels) if nothing else is said.

    Attributes:
        below: what repairs say lay below.
        seen: what was seen.
        below_below: variance of the first.
        below_seen: covariance of the two.
        seen_seen: variance of the second.
        fine: channels that have a sample a pixel, the first ones.
    """

    below: Floats
    seen: Floats
    below_below: Floats
    below_seen: Floats
    seen_seen: Floats
    fine: int

    def off(self, share: Floats | float, shift: Floats | float, channel: int) -> Floats:
        """Mean squares of how far pairs are off lines: (lines, N) for shares and shifts of (lines, 1)."""
        middle = self.seen[:, channel] - share * self.below[:, channel] - shift
        around = self.seen_seen[:, channel] - 2 * share * self.below_seen[:, channel]
        around = around + np.square(share) * self.below_below[:, channel]
        return np.square(middle) + np.maximum(around, 0)


def moments_of(planes: Sequence[tuple[Callable[[slice], Pairs], NDArray[np.int64]]], strip: int) -> Moments:
    """Of all planes of a logo, the first of which has a sample a pixel.

    Args:
        planes: pairs of some of a plane's samples; and which of these lie at each pixel, (N,).
        strip: samples worked on at a time.
    """
    found = []
    for pairs, at in planes:
        strips = [_of(*pairs(slice(first, first + strip))) for first in range(0, int(at.max()) + 1, strip)]
        found.append([np.concatenate(each)[at] for each in zip(*strips, strict=True)])
    below, seen, *varies = (np.concatenate([plane[number] for plane in found], 1) for number in range(5))
    return Moments(below, seen, varies[0], varies[1], varies[2], found[0][0].shape[1])


def _of(seen: Floats, below: Floats, weight: Floats) -> list[Floats]:
    """The first five of :class:`Moments`, of all channels."""
    share = (weight / weight.sum(0))[..., None]
    middles = [(share * part).sum(0) for part in (below, seen)]
    off_below, off_seen = below - middles[0], seen - middles[1]
    pairs = (off_below, off_below), (off_below, off_seen), (off_seen, off_seen)
    return [*middles, *((share * first * second).sum(0) for first, second in pairs)]
