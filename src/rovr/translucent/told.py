"""What the inks of a logo tell of each of its samples.

A sample shows nothing, or an ink, or along an edge some of two. Its own pairs tell which, and its neighbours, which
show the same more often than not.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rovr.translucent.edges import LOOKS_OF, measure
from rovr.translucent.inks import ERRORS, Inks, calm, find, fit, likelihood
from rovr.translucent.moments import Moments
from rovr.video.masks import Mask

Floats = NDArray[np.float32]

STEPS, MIXED = 6, 0.3
"""Steps from one ink to another along an edge, and the share of samples that lie on one."""

PULL, ROUNDS = 0.5, 4
"""How much a sample follows its neighbours, and times that they are asked."""

DIFFERENT = 40.0
"""Levels, of 255, by which two of them look as different as can be."""

AROUND, ENOUGH = 31, 0.1
"""Pixels on a side of the square in which the picture around a sample is looked at, and the share of it to be seen."""

PASSES, SETTLE = 3, 15
"""Times that inks are measured along their edges, and turns in which all else follows."""


@dataclass(frozen=True)
class Told:
    """What inks tell of each sample.

    Attributes:
        share: 1 − α, (N,).
        shift: αw in levels of 255, (N, channels).
        doubt: square levels by which what shines through may be wrong, (N,).
        errors: those by which repairs err, (N,).
    """

    share: Floats
    shift: Floats
    doubt: Floats
    errors: Floats


def tell(moments: Moments, where: Mask, noise: float, frames: Floats) -> Told | None:
    """What inks tell of a logo, None where it shows none.

    Args:
        moments: of all pairs of its samples.
        where: its samples, (H, W).
        noise: square levels, of 255, of what is seen.
        frames: some of what was seen in the same box, with room of ``max(edges.APART)`` around them, (T, H, W,
            channels): the channels that have a sample a pixel.
    """
    rim = np.asarray(cv2.distanceTransform(where.astype(np.uint8), cv2.DIST_L2, 5)[where], np.float32)
    most = np.asarray(np.maximum(rough(where, frames)[:, None] * calm(moments), ERRORS[0]), np.float32)
    inks = find(moments, rim, most, noise)
    weights, mixes = _shown(moments, inks, where, noise)
    for _ in range(PASSES):
        inks = measure(moments, inks, where, weights[:, : len(inks.shares)], frames)
        if len(inks.shares) == 1:
            return None
        for _ in range(SETTLE):
            inks = fit(moments, inks, rim, most, noise, lines=False)
        weights, mixes = _shown(moments, inks, where, noise)
    return _summed(moments, inks, weights, mixes)


def _shown(moments: Moments, inks: Inks, where: Mask, noise: float) -> tuple[Floats, Floats]:
    """What each sample shows: weights (N, M) of inks and mixes of two, by mean field; and these, (M, 1 + channels)."""
    own = np.column_stack([inks.shares, inks.shifts]).astype(np.float32)
    part = np.arange(1, STEPS, dtype=np.float32)[:, None] / STEPS
    pairs = [(first, second) for first in range(len(own)) for second in range(first + 1, len(own))]
    mixes = np.vstack([own, *(own[first] * (1 - part) + own[second] * part for first, second in pairs)])
    usual = np.maximum(inks.odds[:-1], 0.05)
    each = MIXED / max(1, len(mixes) - len(own))
    odds = np.concatenate([usual / usual.sum() * (1 - MIXED), np.full(len(mixes) - len(own), each)])
    likely = (likelihood(moments, inks, mixes[:, 0], mixes[:, 1:], noise) + np.log(odds)[:, None]).T
    seen = mixes[:, :1] * LOOKS_OF + mixes[:, 1:2]
    differ = np.minimum(np.abs(seen[:, None] - seen).mean(2) / DIFFERENT, 1).astype(np.float32)
    beside = np.array([[0.5, 1, 0.5], [1, 0, 1], [0.5, 1, 0.5]], np.float32)
    weights = _shares(likely)
    for _ in range(ROUNDS):
        cost = np.zeros_like(weights)
        for number in range(len(mixes)):
            # Beside the logo there is nothing, which comes first.
            plane = np.full(where.shape, number == 0, np.float32)
            plane[where] = weights[:, number]
            around = cv2.filter2D(plane, -1, beside, borderType=cv2.BORDER_REPLICATE)[where]
            cost += around[:, None] * differ[number]
        weights = _shares(likely - PULL * cost)
    return weights, mixes


def _summed(moments: Moments, inks: Inks, weights: Floats, mixes: Floats) -> Told:
    """The mean of all that each sample may show, and how far these are apart in what lies below."""
    below = (moments.seen[:, :1] - mixes[:, 1]) / np.maximum(mixes[:, 0], 0.1)
    mean = (weights * below).sum(1, keepdims=True)
    doubt = (weights * np.square(below - mean)).sum(1)
    lines = weights @ mixes
    return Told(lines[:, 0], lines[:, 1:], doubt, inks.errors[:, 0])


def rough(where: Mask, frames: Floats) -> Floats:
    """How much the picture around each sample varies, in square levels, (N,): repairs err by no more.

    Args:
        where: the samples, (H, W).
        frames: what was seen, (T, H, W, channels), the first of which counts.
    """
    beside = (~where).astype(np.float32)
    total, side = np.zeros(where.shape, np.float32), (AROUND, AROUND)
    count = cv2.blur(beside, side)
    for frame in frames[..., 0]:
        mean, square = (cv2.blur(part * beside, side) / np.maximum(count, 1e-6) for part in (frame, np.square(frame)))
        total += np.maximum(square - np.square(mean), 0)
    total /= len(frames)
    # Of samples that are far from all others, what the nearest have around them.
    return nearest(total, count >= ENOUGH)[where]


def nearest(values: NDArray[Any], known: Mask) -> NDArray[Any]:
    """What is known of the place nearest to each, (H, W); as it is where nothing is known.

    Args:
        values: of all places, (H, W).
        known: those whose values count.
    """
    if known.all() or not known.any():
        return values
    unknown = (~known).astype(np.uint8)
    _, label = cv2.distanceTransformWithLabels(unknown, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    found = np.zeros(label.max() + 1, values.dtype)
    found[label[known]] = values[known]
    return found[label]


def _shares(likely: Floats) -> Floats:
    """Of 1, (N, M), by logarithms."""
    weights = np.exp(likely - likely.max(1, keepdims=True))
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)
