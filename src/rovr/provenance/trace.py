"""The provenance of one repaired frame, pixel by pixel."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SLOTS = 4
"""Frames that a pixel names, those with the largest shares; further ones are lumped together."""

NOBODY = -1
"""Stands where a pixel has fewer sources."""

WHOLE = 255
"""The shares of a pixel sum to this."""


def layout(size: tuple[int, int], count: int) -> np.dtype[np.void]:
    """What a file holds of a frame of some height and width with ``count`` repaired pixels; see :class:`Trace`."""
    slots, plain = (SLOTS, count), (count,)
    named = [("hole", "?", size), ("frames", "<i4", slots), ("shares", "u1", slots)]
    return np.dtype([*named, ("other", "u1", plain), ("unknown", "u1", plain), ("invented", "u1", plain)])


PARTS = ("frames", "shares", "other", "unknown", "invented")
"""What there is of every repaired pixel."""


@dataclass(frozen=True, eq=False)
class Trace:
    """Where the n repaired pixels of a frame come from. A pixel's shares sum to 255.

    Attributes:
        size: height and width of the frame.
        places: (n,) int64, y · width + x, ascending.
        frames: (SLOTS, n) int32, whom the pixel comes from, largest share first; NOBODY where there are fewer.
        shares: (SLOTS, n) uint8, their shares.
        other: (n,) uint8, share of further frames.
        unknown: (n,) uint8, share of which the editor cannot tell.
        invented: (n,) uint8, share that no camera saw.
    """

    size: tuple[int, int]
    places: Tensor
    frames: Tensor
    shares: Tensor
    other: Tensor
    unknown: Tensor
    invented: Tensor

    @classmethod
    def settle(
        cls, size: tuple[int, int], places: Tensor, frames: Tensor, shares: Tensor, other: Tensor, unknown: Tensor
    ) -> "Trace":
        """Sum up what pixels took from whom; what is missing from 1 was invented.

        Args:
            size: height and width of the frame.
            places: (n,) as in the class.
            frames: (n, M) int32, the same frame any number of times.
            shares: (n, M) float.
            other: (n,) float.
            unknown: (n,) float.
        """
        names, sums = _merged(frames, shares)
        count = min(SLOTS, sums.shape[1])
        top, order = sums.topk(count)
        lumped = other + sums.sum(1) - top.sum(1)
        blank = top.new_zeros(len(top), SLOTS - count)
        counts = _counts(torch.cat([top, blank, lumped[:, None], unknown[:, None]], 1))
        named = torch.cat([names.gather(1, order), torch.full_like(blank, NOBODY, dtype=names.dtype)], 1)
        # Rounding may turn round whom little tells apart, and leave nothing of one before another.
        first, order = counts[:, :SLOTS].sort(dim=1, descending=True, stable=True)
        named = named.gather(1, order).masked_fill(first == 0, NOBODY)
        rest = counts[:, SLOTS:].T.contiguous()
        return cls(size, places, named.T.contiguous(), first.T.contiguous(), rest[0], rest[1], rest[2])

    @classmethod
    def from_record(cls, record: NDArray[np.void]) -> "Trace":
        """From what :meth:`record` gives."""
        hole = record["hole"]
        parts = (torch.from_numpy(record[name].copy()) for name in PARTS)
        return cls(hole.shape, torch.from_numpy(np.flatnonzero(hole)), *parts)

    def record(self) -> NDArray[np.void]:
        """As one value of :func:`layout`, which has the hole as a picture (H, W) in place of ``places``."""
        made = np.zeros((), layout(self.size, len(self.places)))
        made["hole"].reshape(-1)[self.places.numpy()] = True
        for name in PARTS:
            made[name] = getattr(self, name).numpy()
        return made

    def spread(self, values: Tensor) -> Tensor:
        """Values of pixels (n,) as a picture (H, W), 0 elsewhere."""
        flat = values.new_zeros(self.size[0] * self.size[1])
        flat[self.places] = values
        return flat.view(self.size)

    @property
    def recovered(self) -> Tensor:
        """(n,) int16, share that comes from frames, named or not."""
        return WHOLE - self.invented.short() - self.unknown.short()


def of_fields(parts: Sequence[tuple[int, Trace | None]]) -> Trace | None:
    """The trace of a frame by those of its fields, whose frames are numbered as fields are, two by two.

    Args:
        parts: the first line of a field, 0 or 1, and its trace; None where nothing was repaired.
    """
    traces = [(first, trace) for first, trace in parts if trace is not None]
    if not traces:
        return None
    height, width = traces[0][1].size
    rows = [2 * (trace.places // width) + first for first, trace in traces]
    places = torch.cat([row * width + trace.places % width for row, (_, trace) in zip(rows, traces, strict=True)])
    places, order = places.sort()

    def both(name: str) -> Tensor:
        return torch.cat([getattr(trace, name) for _, trace in traces], -1)[..., order]

    # A frame may stand there twice now, once for each of its fields.
    frames = both("frames").div(2, rounding_mode="floor")
    shares, other, unknown = (both(name) / WHOLE for name in ("shares", "other", "unknown"))
    return Trace.settle((2 * height, width), places, frames.T, shares.T, other, unknown)


def _merged(frames: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
    """Each frame of a row once, with the sum of its shares; (n, M) both, padded with NOBODY and 0."""
    frames, order = frames.sort(1)
    shares = shares.gather(1, order)
    fresh = torch.ones_like(frames, dtype=torch.bool)
    fresh[:, 1:] = frames[:, 1:] != frames[:, :-1]
    group = fresh.cumsum(1) - 1
    sums = torch.zeros_like(shares).scatter_add_(1, group, shares)
    return torch.full_like(frames, NOBODY).scatter_(1, group, frames), sums


def _counts(shares: Tensor) -> Tensor:
    """Shares (n, M) and what they leave of 1, as whole numbers that sum to 255, (n, M + 1) uint8.

    Running sums are rounded, so that errors do not pile up where repairs feed on repairs.
    """
    sums = (shares.clamp(min=0).cumsum(1) * WHOLE).round().clamp(max=WHOLE)
    ends = torch.full_like(sums[:, :1], WHOLE)
    return torch.diff(torch.cat([sums, ends], 1), dim=1, prepend=torch.zeros_like(ends)).to(torch.uint8)
