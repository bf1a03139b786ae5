"""Free-form masks as work on video inpainting measures with: one blob that stands still or wanders through the picture.

Drawn after the description of the generator that STTN, FuseFormer, E2FGVI and ProPainter share: six to eight Bézier
curves around a ring whose points lie up to 60–80 % off their circle, on a canvas of a third of the frame's sides or
more. That generator draws with Matplotlib, whose axes leave a border, and makes room for all points of the curves,
which do not reach most of them: blobs take little more than half of each side of their canvas, and so they do here.
Speeds are up to 3 pixels a frame at first and then change at random. The holes are dilated four times by a cross.
"""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

KINDS = {"freeform-moving": True, "freeform-stationary": False}
"""Name of the damage → whether the blob moves."""

SPEED, ACCELERATION, TURN = 3.0, 1.5, 0.25
"""Greatest speed at the start in pixels a frame; deviations of its change and of the turn, in radians, per frame."""

AXES = np.array([0.775, 0.77])
"""Share of a canvas, across and down, that Matplotlib's axes take."""

ROOM = 1.1
"""How much farther than the points of the curves the axes reach."""

STEPS = 16
"""Points drawn for each curve."""


def freeform_masks(length: int, height: int, width: int, moving: bool, seed: int) -> Tensor:
    """Draw the masks of a clip.

    Args:
        length: frames.
        height: pixels, at least 16.
        width: pixels, at least 16.
        moving: whether the blob wanders.
        seed: decides everything; both kinds begin alike.

    Returns:
        (length, 1, height, width) bool, True = missing.
    """
    rng = np.random.default_rng(seed)
    blob = _blob(int(rng.integers(height // 3, height)), int(rng.integers(width // 3, width)), rng)
    room = np.array([height - blob.shape[0], width - blob.shape[1]])
    start = rng.integers(0, room + 1)
    places = _wander(start, room, length, rng) if moving else [start] * length
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    masks = np.zeros((length, height, width), np.uint8)
    for mask, (top, left) in zip(masks, places, strict=True):
        mask[top : top + blob.shape[0], left : left + blob.shape[1]] = blob
        mask[:] = cv2.dilate(mask, cross, iterations=4)
    return torch.from_numpy(masks.astype(bool))[:, None]


def _blob(height: int, width: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A shape drawn on a canvas of a given size and cut out, (h, w) of 0 and 1."""
    curves, ratio = int(rng.integers(6, 9)), rng.integers(6, 9) / 10
    angles = np.linspace(0, 2 * np.pi, 3 * curves, endpoint=False)
    radius = 1 + ratio * rng.uniform(-1, 1, 3 * curves)
    points = np.stack([np.cos(angles), np.sin(angles)], 1) * radius[:, None]
    # Each curve shares its ends with its neighbours and has two points of its own between them.
    corners = points[(3 * np.arange(curves)[:, None] + np.arange(4)) % len(points)]
    u = np.linspace(0, 1, STEPS, endpoint=False)[:, None]
    weights = np.concatenate([(1 - u) ** 3, 3 * u * (1 - u) ** 2, 3 * u**2 * (1 - u), u**3], 1)
    outline = np.einsum("sk,ckd->csd", weights, corners).reshape(-1, 2)
    # Both axes have the limits of the same farthest points.
    scale = AXES * [width, height] / (ROOM * (points.max() - points.min()))
    outline = np.rint((outline - outline.min(0)) * scale).astype(np.int32)
    shape = np.zeros(outline.max(0)[::-1] + 1, np.uint8)
    cv2.fillPoly(shape, [outline], 1)
    return shape


def _wander(
    start: NDArray[np.int64], room: NDArray[np.int64], length: int, rng: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Corners of the blob, frame by frame; at a border it takes a new speed and direction."""
    speed, angle = rng.uniform(0, SPEED), rng.uniform(0, 2 * np.pi)
    places = [start]
    for _ in range(length - 1):
        # Whole pixels, towards zero.
        wanted = places[-1] + np.trunc(speed * np.array([np.sin(angle), np.cos(angle)])).astype(np.int64)
        places.append(np.clip(wanted, 0, room))
        speed, angle = speed + rng.normal(0, ACCELERATION), angle + rng.normal(0, TURN)
        if not np.array_equal(places[-1], wanted):
            speed, angle = abs(rng.normal(0, SPEED / 2)), rng.uniform(0, 2 * np.pi)
    return places
