"""Damage that films and transmissions really suffer: scratches and lost blocks."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rovr.data.chance import Chance, generator
from rovr.data.shift import Mask, check_count
from rovr.errors import UserError


@dataclass(frozen=True)
class ScratchSpec:
    """How film scratches are drawn.

    Attributes:
        count: scratches per clip; each comes and goes on its own.
        thickness: least and greatest width of a line as a share of the frame's width (at least 1 pixel).
        wander: standard deviation of the sideways step from frame to frame, as a share of the frame's width.
        lean: greatest sideways way of a line from top to bottom, as a share of the frame's width.
        run: least and greatest number of frames a scratch stays, and likewise stays away.
    """

    count: int = 3
    thickness: tuple[float, float] = (0.006, 0.016)
    wander: float = 0.004
    lean: float = 0.04
    run: tuple[int, int] = (4, 16)

    def __post_init__(self) -> None:
        check_count(self.count, "scratches")
        if not 0 < self.thickness[0] <= self.thickness[1] <= 1:
            raise UserError(f"thickness: {self.thickness} is not a range within (0, 1]; give the least first")
        if not 1 <= self.run[0] <= self.run[1]:
            raise UserError(f"run: {self.run} is not a range of frames from 1 up; give the least first")


def scratch_frames(n: int, height: int, width: int, source: Chance, spec: ScratchSpec | None = None) -> Iterator[Mask]:
    """Draw thin near-vertical lines over the whole height that wander a little and stay for runs of frames.

    Args:
        n: frames.
        height: pixels.
        width: pixels.
        source: seed or generator.
        spec: what to draw; by default ``ScratchSpec()``.

    Returns:
        n arrays (height, width) bool, True = missing; at least one has a hole.
    """
    rng = generator(source)
    spec = spec or ScratchSpec()
    along = np.linspace(-0.5, 0.5, height)
    rows = np.arange(height)[:, None]
    lines = []
    for number in range(spec.count):
        thickness = max(1, round(float(rng.uniform(*spec.thickness)) * width))
        # The first scratch is there from the start, so that no clip comes back unharmed.
        there = _runs(n, spec.run, rng, present=number == 0 or bool(rng.integers(2)))
        x = rng.uniform(0, width) + np.cumsum(rng.normal(0, spec.wander * width, n))
        lean = rng.uniform(-spec.lean, spec.lean) * width
        wave = rng.uniform(0, spec.lean / 4) * width
        phase = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.3, n))
        lines.append((thickness, there, x, lean, wave, phase))

    def paint(t: int) -> Mask:
        mask = np.zeros((height, width), bool)
        for thickness, there, x, lean, wave, phase in lines:
            if there[t]:
                centre = x[t] + lean * along + wave * np.sin(2 * np.pi * along + phase[t])
                columns = np.rint(centre[:, None] - thickness / 2 + np.arange(thickness)).astype(np.int64)
                mask[rows, columns.clip(0, width - 1)] = True
        return mask

    return map(paint, range(n))


def _runs(n: int, run: tuple[int, int], rng: np.random.Generator, present: bool) -> Mask:
    """In which of n frames something is there that comes and goes in runs: (n,) bool."""
    there = np.zeros(n, bool)
    frame = 0
    while frame < n:
        end = frame + int(rng.integers(run[0], run[1] + 1))
        there[frame:end] = present
        present, frame = not present, end
    return there


@dataclass(frozen=True)
class BlocksSpec:
    """How lost macroblocks are drawn.

    Attributes:
        block: sides of a block in pixels; one is drawn per clip.
        slices: greatest number of lost slices in a damaged frame.
        length: least and greatest length of a slice as a share of the frame's blocks.
        frames: probability that a frame is damaged.
    """

    block: tuple[int, ...] = (16, 32)
    slices: int = 3
    length: tuple[float, float] = (0.02, 0.12)
    frames: float = 0.8

    def __post_init__(self) -> None:
        if not self.block or min(self.block) < 1:
            raise UserError(f"block: {self.block}; give at least one side in pixels, such as 16")
        if self.slices < 1:
            raise UserError(f"slices: {self.slices} slices; give at least 1")
        if not 0 < self.length[0] <= self.length[1] <= 1:
            raise UserError(f"length: {self.length} is not a range within (0, 1]; give the least first")
        if not 0 < self.frames <= 1:
            raise UserError(f"frames: {self.frames} is not a probability above 0; give a number up to 1")


def block_frames(n: int, height: int, width: int, source: Chance, spec: BlocksSpec | None = None) -> Iterator[Mask]:
    """Drop runs of blocks in raster order, as a decoder does that missed part of a frame.

    Args:
        n: frames.
        height: pixels; the last row of blocks is cut where it does not fit.
        width: pixels; likewise.
        source: seed or generator.
        spec: what to draw; by default ``BlocksSpec()``.

    Returns:
        n arrays (height, width) bool, True = missing; at least one has a hole.
    """
    rng = generator(source)
    spec = spec or BlocksSpec()
    block = spec.block[rng.integers(len(spec.block))]
    rows, columns = -(-height // block), -(-width // block)
    damaged = rng.random(n) < spec.frames
    damaged[rng.integers(n)] = True

    def paint(t: int) -> Mask:
        lost = np.zeros(rows * columns, bool)
        for _ in range(rng.integers(1, spec.slices + 1) if damaged[t] else 0):
            length = max(1, round(float(rng.uniform(*spec.length)) * rows * columns))
            start = rng.integers(rows * columns)
            lost[start : start + length] = True
        return lost.reshape(rows, columns).repeat(block, 0).repeat(block, 1)[:height, :width]

    return map(paint, range(n))
