"""The few inks that most logos are drawn in, found in what all their samples tell together.

Before a camera that stands still each sample tells of one pair only, and no line goes through one. But most logos are
drawn in a few inks, each of one opacity and one colour. So the pairs of all samples are taken for points of a few
lines, which expectation maximisation finds (Dempster, Laird and Rubin 1977).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rovr.translucent.moments import Moments

Floats = NDArray[np.float32]

MOST, WORTH = 3, 0.02
"""Inks at most, and log-likelihood a sample by which another has to be the better explanation."""

SHARES, COLOURS = np.linspace(0.2, 0.95, 16, dtype=np.float32), np.linspace(0, 255, 18, dtype=np.float32)
"""Shares of the picture that shine through an ink, and its colours, with which the search starts."""

NEW = 0.2
"""Share of the samples that a new ink is first taken to have."""

TURNS = 30
"""Of expectation maximisation."""

FREEDOM = 3.0
"""Degrees of freedom of Student's distribution: some repairs are far off."""

COARSE = 0.35
"""Weight of a plane whose samples are shared by several pixels, and blurred by codecs."""

FAR = (1.5, 2.5, 3.5, 5, 7, 10, 14, 20)
"""Pixels from the rim of the hole between which repairs err alike."""

ERRORS, USUAL = (2.0, 1500.0), (100.0, 4.0)
"""Square levels by which repairs err, at least and at most; and those assumed beforehand, with a weight in samples."""

CALMER = 0.25
"""Share of these errors in planes of colour."""


@dataclass(frozen=True)
class Inks:
    """Inks, the first of which is none at all.

    Attributes:
        shares: 1 − α, (K,).
        shifts: αw in levels of 255, (K, channels).
        odds: of samples that show each, and of those that show something else, (K + 1,).
        errors: square levels by which repairs of each sample err, (N, channels).
    """

    shares: Floats
    shifts: Floats
    odds: Floats
    errors: Floats


def find(moments: Moments, rim: Floats, most: Floats, noise: float) -> Inks:
    """The inks one after the other, each the one that explains most of what those before leave unexplained.

    Args:
        moments: of all pairs.
        rim: pixels from each sample to the nearest beside the logo, (N,).
        most: square levels by which repairs err at most, (N, channels).
        noise: square levels, of 255, of what is seen.
    """
    count, channels = moments.seen.shape
    inks = Inks(
        np.ones(1, np.float32),
        np.zeros((1, channels), np.float32),
        np.full(2, 0.5, np.float32),
        np.minimum(np.asarray(np.minimum(50 + 30 * rim, 600)[:, None] * calm(moments), np.float32), most),
    )
    shares, colours = (grid.ravel() for grid in np.meshgrid(SHARES, COLOURS))
    starts = (1 - shares) * colours
    likely = np.exp(likelihood(moments, inks, shares, starts[:, None], noise))
    best = _evidence(moments, inks, noise)
    for _ in range(MOST):
        known = (np.exp(_all(moments, inks, noise, 1)) * inks.odds[:, None]).sum(0)
        new = int(np.log(1 - NEW + NEW * likely / known).sum(1).argmax())
        shows = NEW * likely[new] / (NEW * likely[new] + (1 - NEW) * known)
        rest = moments.seen - shares[new] * moments.below
        shift = [starts[new], *(median(rest[:, channel], shows) for channel in range(1, channels))]
        more = replace(
            inks,
            shares=np.append(inks.shares, shares[new]),
            shifts=np.vstack([inks.shifts, np.array(shift, np.float32)]),
            odds=np.concatenate([inks.odds[:-1] * (1 - NEW), [NEW], inks.odds[-1:] * (1 - NEW)]).astype(np.float32),
        )
        for _ in range(TURNS):
            more = fit(moments, more, rim, most, noise)
        now = _evidence(moments, more, noise)
        if now - best < WORTH * count:
            break
        inks, best = more, now
    return inks


def likelihood(moments: Moments, inks: Inks, shares: Floats, shifts: Floats, noise: float) -> Floats:
    """Logarithm of how likely each sample's pairs are by lines: (lines, N).

    Args:
        moments: of all pairs.
        inks: tell how far repairs err.
        shares: of the lines, (lines,).
        shifts: likewise, (lines, channels), of the first channels, which are those that count.
        noise: square levels, of 255, of what is seen.
    """
    total = np.zeros((len(shares), len(moments.seen)), np.float32)
    slopes = shares[:, None]
    for channel in range(shifts.shape[1]):
        spread = np.square(slopes) * inks.errors[:, channel] + np.float32(noise)
        off = moments.off(slopes, shifts[:, channel, None], channel) / spread
        weight = np.float32(1 if channel < moments.fine else COARSE)
        total -= weight * ((FREEDOM + 1) / 2 * np.log1p(off / FREEDOM) + np.log(spread) / 2)
    return total


def fit(moments: Moments, inks: Inks, rim: Floats, most: Floats, noise: float, lines: bool = True) -> Inks:
    """A turn of expectation maximisation: odds, how far repairs err, and the lines, unless these are known."""
    shows = np.exp(_all(moments, inks, noise, moments.seen.shape[1]))
    shows *= inks.odds[:, None]
    shows /= shows.sum(0)
    odds = shows.mean(1)
    # Around each logo there is some of what it does not cover.
    odds[0] = max(odds[0], 0.1)
    shares, shifts = inks.shares.copy(), inks.shifts.copy()
    for ink in range(1, len(shares)) if lines else ():
        shares[ink], shifts[ink] = _line(moments, inks, ink, shows[ink], noise)
    errors = _errors(moments, replace(inks, shares=shares, shifts=shifts), shows[:-1], rim, noise)
    return Inks(shares, shifts, odds / odds.sum(), np.minimum(errors, most))


def _line(moments: Moments, inks: Inks, ink: int, shows: Floats, noise: float) -> tuple[float, Floats]:
    """Share and shift (channels,) of an ink, from the samples that show it."""
    share, shift = inks.shares[ink], inks.shifts[ink]
    spread = share**2 * inks.errors + noise
    off = np.stack([moments.off(share, own, channel) for channel, own in enumerate(shift)], 1)
    weight = shows[:, None] / spread * (FREEDOM + 1) / (FREEDOM + off / spread)
    total = weight.sum(0) + 1e-9
    below, seen = ((weight * part).sum(0) / total for part in (moments.below, moments.seen))
    away = moments.below - below
    varies = (weight * (moments.below_below + np.square(away))).sum()
    common = (weight * (moments.below_seen + away * (moments.seen - seen))).sum()
    slope = float(np.clip((common + 0.1 * share) / (varies + 0.1), 0.1, 0.97))
    return slope, seen - slope * below


def _errors(moments: Moments, inks: Inks, shows: Floats, rim: Floats, noise: float) -> Floats:
    """As :attr:`Inks.errors`: those of samples as far from the rim are taken together."""
    errors, bins = inks.errors.copy(), np.digitize(rim, FAR)
    slopes = inks.shares[:, None]
    for channel, calmer in enumerate(calm(moments).tolist()):
        off = moments.off(slopes, inks.shifts[:, channel, None], channel)
        wrong = np.maximum(off - noise, 0) / np.square(slopes)
        wrong *= shows * (FREEDOM + 1) / (FREEDOM + wrong / inks.errors[:, channel])
        for each in np.unique(bins):
            those = bins == each
            mean = (wrong[:, those].sum() + USUAL[1] * USUAL[0] * calmer) / (shows[:, those].sum() + USUAL[1])
            errors[those, channel] = np.clip(mean, ERRORS[0], ERRORS[1] * calmer)
    return errors


def calm(moments: Moments) -> NDArray[np.float64]:
    """What share of the errors in fine planes repairs make in each channel, (channels,)."""
    return np.where(np.arange(moments.seen.shape[1]) < moments.fine, 1, CALMER)


def median(values: Floats, weight: Floats) -> float:
    """The middle one by weight, (N,) each."""
    order = np.argsort(values)
    summed = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(summed, summed[-1] / 2)])


def _all(moments: Moments, inks: Inks, noise: float, channels: int) -> Floats:
    """As :func:`likelihood` of all inks, and of anything else, as unlikely as one level of many: (K + 1, N)."""
    own = likelihood(moments, inks, inks.shares, inks.shifts[:, :channels], noise)
    fine = min(channels, moments.fine)
    return np.vstack([own, np.full((1, own.shape[1]), -4.6 * fine - 2.5 * (channels - fine), np.float32)])


def _evidence(moments: Moments, inks: Inks, noise: float) -> float:
    likely = np.exp(_all(moments, inks, noise, moments.seen.shape[1])) * inks.odds[:, None]
    return float(np.log(likely.sum(0)).sum())
