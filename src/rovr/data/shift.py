"""Randomly sized masks that shift around the frame and bounce off its borders: what ROVR is trained on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rovr.data.chance import Chance, generator
from rovr.errors import UserError

Mask = NDArray[np.bool_]

# Highest frequency of a blob's outline: more looks ragged, less looks like an ellipse.
BLOB_WAVES = 4

MOST = 1000
"""Holes of a clip; more fill any picture, and take hours and all memory to draw."""


@dataclass(frozen=True)
class ShiftSpec:
    """How the moving masks are drawn.

    Attributes:
        shapes: one of these is drawn per hole: rectangle, ellipse or blob.
        size: least and greatest side of a hole, as a share of the frame's side.
        speed: least and greatest way a hole goes in one frame, as a share of the frame's side.
        count: holes per clip; they move independently and may overlap.
    """

    shapes: tuple[str, ...] = ("rectangle", "ellipse", "blob")
    size: tuple[float, float] = (0.25, 0.60)
    speed: tuple[float, float] = (0.01, 0.06)
    count: int = 1

    def __post_init__(self) -> None:
        unknown = [shape for shape in self.shapes if shape not in SHAPES]
        if unknown or not self.shapes:
            raise UserError(f"shapes: cannot draw {unknown or 'nothing'}; choose from {', '.join(SHAPES)}")
        if not 0 < self.size[0] <= self.size[1] <= 1:
            raise UserError(f"size: {self.size} is not a range within (0, 1]; give the least side first")
        if not 0 <= self.speed[0] <= self.speed[1] <= 1:
            raise UserError(f"speed: {self.speed} is not a range within [0, 1]; give the least speed first")
        check_count(self.count, "holes")


def check_count(count: int, what: str) -> None:
    """See that a number of holes is one that can be drawn in every frame.

    Raises:
        UserError: it is below 1 or above :data:`MOST`.
    """
    if not 1 <= count <= MOST:
        raise UserError(f"count: {count} {what}; give 1 to {MOST:,}")


def _rectangle(height: int, width: int, rng: np.random.Generator) -> Mask:
    return np.ones((height, width), bool)


def _ellipse(height: int, width: int, rng: np.random.Generator) -> Mask:
    y = (np.arange(height) + 0.5) * (2 / height) - 1
    x = (np.arange(width) + 0.5) * (2 / width) - 1
    inside: Mask = y[:, None] ** 2 + x[None] ** 2 <= 1
    return inside


def _blob(height: int, width: int, rng: np.random.Generator) -> Mask:
    """A star-shaped outline r(θ) = 1 + Σ a_k cos(kθ + φ_k), stretched to touch all four sides of its box."""
    waves = np.arange(1, BLOB_WAVES + 1)
    # The amplitudes sum to less than 1, so that r stays positive and the middle is always inside.
    amplitudes = rng.uniform(0, 0.9 / BLOB_WAVES, BLOB_WAVES)
    phases = rng.uniform(0, 2 * np.pi, BLOB_WAVES)
    theta = np.linspace(-np.pi, np.pi, 361)
    radius = 1 + (amplitudes * np.cos(theta[:, None] * waves + phases)).sum(1)
    outline_x, outline_y = radius * np.cos(theta), radius * np.sin(theta)
    y = outline_y.min() + (np.arange(height, dtype=np.float32) + 0.5) * (np.ptp(outline_y) / height)
    x = outline_x.min() + (np.arange(width, dtype=np.float32) + 0.5) * (np.ptp(outline_x) / width)
    y, x = y[:, None].astype(np.float32), x[None].astype(np.float32)
    nearest = ((np.arctan2(y, x) + np.pi) * (360 / (2 * np.pi)) + 0.5).astype(np.int32)
    inside: Mask = y * y + x * x <= (radius.astype(np.float32) ** 2)[nearest]
    return inside


SHAPES: dict[str, Callable[[int, int, np.random.Generator], Mask]] = {
    "rectangle": _rectangle,
    "ellipse": _ellipse,
    "blob": _blob,
}


def _bounce(start: float, velocity: float, span: float, n: int) -> NDArray[np.int64]:
    """Corner of a box at frames 0 … n-1: straight motion in [0, span], reflected at both ends.

    Unfolding the reflections gives uniform motion on a circle of length 2·span, hence the closed form.
    """
    if span <= 0:
        return np.zeros(n, np.int64)
    unfolded = (start + velocity * np.arange(n)) % (2 * span)
    return np.rint(np.minimum(unfolded, 2 * span - unfolded)).astype(np.int64)


def shift_frames(n: int, height: int, width: int, source: Chance, spec: ShiftSpec | None = None) -> Iterator[Mask]:
    """Draw holes that move in straight lines and bounce off the borders, one frame at a time.

    Each side of a hole is uniform in ``size`` times the frame's side, its place is uniform, the direction of
    its motion is uniform and its speed uniform in ``speed`` times the frame's side per frame, so vertical
    motion scales with the height and horizontal motion with the width. Positions are kept sub-pixel and
    rounded per frame.

    Args:
        n: frames.
        height: pixels.
        width: pixels.
        source: seed or generator.
        spec: what to draw; by default ``ShiftSpec()``.

    Returns:
        n arrays (height, width) bool, True = missing; each has a hole.
    """
    rng = generator(source)
    spec = spec or ShiftSpec()
    holes = [_hole(n, height, width, rng, spec) for _ in range(spec.count)]

    def paint(t: int) -> Mask:
        mask = np.zeros((height, width), bool)
        for patch, tops, lefts in holes:
            mask[tops[t] : tops[t] + patch.shape[0], lefts[t] : lefts[t] + patch.shape[1]] |= patch
        return mask

    return map(paint, range(n))


def _hole(
    n: int, height: int, width: int, rng: np.random.Generator, spec: ShiftSpec
) -> tuple[Mask, NDArray[np.int64], NDArray[np.int64]]:
    """A shape and the rows and columns of its corner in each frame."""
    shape = SHAPES[spec.shapes[rng.integers(len(spec.shapes))]]
    h = max(1, round(float(rng.uniform(*spec.size)) * height))
    w = max(1, round(float(rng.uniform(*spec.size)) * width))
    top, left = rng.uniform(0, height - h), rng.uniform(0, width - w)
    angle, speed = rng.uniform(0, 2 * np.pi), rng.uniform(*spec.speed)
    tops = _bounce(top, speed * height * np.sin(angle), height - h, n)
    lefts = _bounce(left, speed * width * np.cos(angle), width - w, n)
    return shape(h, w, rng), tops, lefts


def shift_masks(n: int, height: int, width: int, source: Chance, spec: ShiftSpec | None = None) -> Tensor:
    """The masks of :func:`shift_frames` in one tensor, (n, 1, height, width) bool, 1 = missing."""
    return torch.from_numpy(np.stack(list(shift_frames(n, height, width, source, spec))))[:, None]
