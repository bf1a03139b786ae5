"""Grain, so that a repair does not show: pixels that were averaged or made up are smoother than the film around them.

How strong grain is around a hole, and how strong it still is inside, is read off the picture in two octaves; what is
missing is added as noise. It makes a repair look right and not be right: every added grain is an error, so nobody who
counts decibels wants it, and no repair ever looks at it.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Array = NDArray[np.float32]

RING = 48
"""Pixels around the hole in which the grain is measured."""

NEAR = 15
"""Side of the square, in pixels, over which the strength of grain is averaged."""

CALM = 0.25
"""Quantile of the strengths around the hole that counts as grain; texture and edges lie above it."""

SIGMAS = (1.0, 2.0)
"""Blurs, in pixels, that part the octaves."""


def add_grain(picture: Picture, mask: NDArray[np.bool_], seed: int, index: int) -> Picture:
    """Give a repair the grain of its surroundings.

    Args:
        picture: (H, W, 3), repaired.
        mask: (H, W), what was repaired.
        seed: of the whole job.
        index: of the frame; every frame has other grain, and the same one whenever it is asked for.

    Returns:
        (H, W, 3), the same outside the mask.
    """
    ys, xs = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(ys):
        return picture
    place = (
        slice(max(0, ys[0] - RING), ys[-1] + 1 + RING),
        slice(max(0, xs[0] - RING), xs[-1] + 1 + RING),
    )
    hole = mask[place]
    grain = _missing(cv2.cvtColor(picture[place], cv2.COLOR_RGB2GRAY).astype(np.float32), hole, [seed, index])
    result = picture.copy()
    part = result[place]
    part[hole] = (part[hole] + grain[hole][:, None]).round().clip(0, 255).astype(np.uint8)
    return result


def _missing(luma: Array, hole: NDArray[np.bool_], seed: list[int]) -> Array:
    """The grain (h, w) that a crop lacks."""
    noise = np.random.default_rng(seed).standard_normal(luma.shape, np.float32)
    # Pixels that the blur mixed across the border bear no witness.
    reach = np.ones((2 * round(2 * SIGMAS[-1]) + 1,) * 2, np.uint8)
    outside = cv2.dilate(hole.astype(np.uint8), reach) == 0
    inside = cv2.erode(hole.astype(np.uint8), reach, borderValue=1) > 0
    grain = np.zeros_like(luma)
    if not outside.any():
        return grain
    if not inside.any():
        inside = hole
    for band, fresh in zip(_octaves(luma), _octaves(noise), strict=True):
        wanted = np.quantile(_strength(band, outside)[outside], CALM)
        unit = np.quantile(_strength(fresh, outside)[outside], CALM)
        lacking = np.maximum(wanted**2 - _strength(band, inside) ** 2, 0) ** 0.5
        grain += fresh * lacking / max(unit, 1e-6)
    return grain


def _octaves(luma: Array) -> list[Array]:
    bands, rest = [], luma
    for sigma in SIGMAS:
        blurred = np.asarray(cv2.GaussianBlur(luma, (0, 0), sigma), np.float32)
        bands.append(rest - blurred)
        rest = blurred
    return bands


def _strength(band: Array, where: NDArray[np.bool_]) -> Array:
    """Mean absolute value of a band around every pixel, (h, w), counting only some places."""
    count = cv2.blur(where.astype(np.float32), (NEAR, NEAR))
    total = cv2.blur(np.abs(band) * where, (NEAR, NEAR))
    return np.asarray(total / np.maximum(count, 1e-6), np.float32)
