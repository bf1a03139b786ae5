"""How much inks let through, measured where two of them meet.

What lies below is the same on one side of an edge as on the other, on average. So what is seen varies by the share
less, wherever the edge runs and whatever repairs say.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rovr.translucent.inks import Inks, median
from rovr.translucent.moments import Moments
from rovr.video.masks import Mask

Floats = NDArray[np.float32]
Places = NDArray[np.int64]

LOOKS_OF = np.array([60, 128, 196], np.float32)
"""Levels of a dark, a grey and a bright picture."""

FAINT = 12.0
"""Levels, of 255, that an ink has to change somewhere; what changes less is taken for nothing."""

APART, SURE = (3, 4, 5), 0.6
"""Pixels between samples on the two sides of an edge, which is blurred itself, and how sure their inks have to be."""

FEW, PAIRS = 40, 20_000
"""Pairs across edges of an ink that tell too little, and how many are looked at."""

ROUNDS = 8
"""Times that what is far off counts less."""


def measure(moments: Moments, inks: Inks, where: Mask, weights: Floats, frames: Floats) -> Inks:
    """The same inks measured where they meet others or nothing, without those that are as good as nothing.

    Args:
        moments: of all pairs.
        inks: to be measured.
        where: samples of the logo, (H, W).
        weights: of what each shows, (N, K).
        frames: what was seen, (T, H, W, channels), the channels that have a sample a pixel.
    """
    shown = np.zeros(where.shape, int)
    shown[where] = np.where(weights.max(1) > SURE, weights.argmax(1), -1)
    here, there = _across(shown)
    shares, shifts = inks.shares.copy(), inks.shifts.copy()
    fine = moments.fine
    for ink in range(1, len(shares)):
        own = np.flatnonzero(shown[*here] == ink)
        if len(own) < FEW:
            continue
        own = own[:: -(-len(own) // PAIRS)]
        other = shown[*there[:, own]]
        seen = frames[:, *here[:, own]]
        below = (frames[:, *there[:, own]] - inks.shifts[other, :fine]) / inks.shares[other][:, None]
        shares[ink], shifts[ink, :fine] = vary_alike(below.reshape(-1, fine), seen.reshape(-1, fine))
        # Planes of colour are too blurred for that.
        sure = shown[where] == ink
        for channel in range(fine, shifts.shape[1]):
            rest = (moments.seen[:, channel] - shares[ink] * moments.below[:, channel])[sure]
            shifts[ink, channel] = median(rest, np.ones_like(rest))
    changes = np.abs((shares[:, None] - 1) * LOOKS_OF + shifts[:, :1]).max(1)
    colours = np.abs((shares[:, None] - 1) * LOOKS_OF[1] + shifts[:, 1:]).max(1, initial=0)
    kept = np.maximum(changes, colours) > FAINT
    kept[0] = True
    odds = inks.odds[np.append(kept, True)]
    return replace(inks, shares=shares[kept], shifts=shifts[kept], odds=odds / odds.sum())


def vary_alike(below: Floats, seen: Floats) -> tuple[float, Floats]:
    """Share and shift (channels,) by which one varies as the other does, (pairs, channels) each.

    Neither is known better than the other, so this is no regression, which takes errors in what it starts from for a
    smaller share: it is the ratio of the two standard deviations.
    """
    weight = np.ones((len(seen), 1), np.float32)
    share, shift = 1.0, np.zeros(seen.shape[1], np.float32)
    for _ in range(ROUNDS):
        total = weight.sum()
        means = [(weight * part).sum(0) / total for part in (below, seen)]
        varies = [(weight * np.square(part - mean)).sum() for part, mean in zip((below, seen), means, strict=True)]
        share = float(np.clip(np.sqrt(varies[1] / max(varies[0], 1e-6)), 0.1, 1))
        shift = means[1] - share * means[0]
        off = np.abs(seen - share * below - shift).max(1, keepdims=True)
        weight = 1 / (1 + np.square(off / (2 * max(1.0, float(np.median(off))))))
    return share, shift


def _across(shown: Places) -> tuple[Places, Places]:
    """Places that show an ink, and others APART from them that show another or nothing: (2, pairs) each.

    Args:
        shown: which ink each place shows, 0 for nothing and -1 where that is not sure, (H, W).
    """
    here, there = [], []
    rows, columns = np.nonzero(shown > 0)
    for apart in APART:
        for down, across in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)):
            beside = np.stack([rows + down * apart, columns + across * apart])
            inside = ((beside >= 0) & (beside < np.array(shown.shape)[:, None])).all(0)
            own, beside = np.stack([rows, columns])[:, inside], beside[:, inside]
            meet = (shown[*beside] >= 0) & (shown[*beside] != shown[*own])
            here.append(own[:, meet])
            there.append(beside[:, meet])
    return np.concatenate(here, 1), np.concatenate(there, 1)
