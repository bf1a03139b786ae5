"""Provenance in a few figures: how much was recovered, from how many frames, from how far away."""

from itertools import pairwise
from typing import Any

import numpy as np

from rovr.provenance.trace import NOBODY, WHOLE, Trace

REACHES = (0, 1, 2, 4, 8, 16)
"""Where the classes of distance begin, in frames; 0 is the same frame: another place of it, by way of a repaired one,
or its other field."""

NOTABLE = 16
"""Share, of 255, from which a frame counts as a source of a pixel."""


class Tally:
    """Sums traces up; see :meth:`summary`."""

    def __init__(self) -> None:
        self.pixels = 0
        self.invented = self.unknown = self.other = 0
        self.sources = 0
        self.distances = np.zeros(0, np.int64)

    def add(self, trace: Trace, frame: int) -> None:
        """Take in a frame.

        Args:
            trace: its provenance.
            frame: its number, counted as the trace counts.
        """
        self.pixels += len(trace.places)
        for name in ("invented", "unknown", "other"):
            setattr(self, name, getattr(self, name) + int(getattr(trace, name).sum()))
        self.sources += int((trace.shares >= NOTABLE).sum())
        named = trace.frames != NOBODY
        away = (trace.frames[named] - frame).abs().numpy()
        counts = np.bincount(away, trace.shares[named].numpy()).astype(np.int64)
        counts[: len(self.distances)] += self.distances[: len(counts)]
        self.distances = np.concatenate([counts, self.distances[len(counts) :]])

    def summary(self) -> dict[str, Any]:
        """Plain values, ready for JSON.

        Returns:
            ``pixels`` that were repaired; the shares ``recovered``, ``invented`` and ``unknown``, which sum to 1;
            ``by_distance``, the recovered share by the distance of its frames, and ``other``, recovered from frames
            too many to name; ``mean_sources``, frames with at least a sixteenth of a pixel; ``median_distance`` in
            frames, None where nothing was recovered.
        """
        whole = max(1, self.pixels * WHOLE)
        ranges = [*pairwise(REACHES), (REACHES[-1], None)]
        parts = {_named(a, b): round(float(self.distances[a:b].sum() / whole), 6) for a, b in ranges}
        return {
            "pixels": self.pixels,
            "recovered": round((self.pixels * WHOLE - self.invented - self.unknown) / whole, 6),
            "invented": round(self.invented / whole, 6),
            "unknown": round(self.unknown / whole, 6),
            "mean_sources": round(self.sources / max(1, self.pixels), 6),
            "median_distance": self._median(),
            "by_distance": parts,
            "other": round(self.other / whole, 6),
        }

    def _median(self) -> int | None:
        if not self.distances.any():
            return None
        return int(np.searchsorted(self.distances.cumsum(), self.distances.sum() / 2))


def check_summary(summary: dict[str, Any]) -> None:
    """See that a summary that was read holds what :meth:`Tally.summary` gives.

    Raises:
        ValueError: it does not.
    """
    shares, reaches = ("recovered", "invented", "unknown", "other", "mean_sources"), summary.get("by_distance")
    numbers = [summary.get(name) for name in shares]
    numbers += list(reaches.values()) if isinstance(reaches, dict) else [None]
    middle = summary.get("median_distance")
    if not all(isinstance(number, int | float) for number in numbers) or not isinstance(middle, int | None):
        raise ValueError("no summary of provenance")


def _named(first: int, end: int | None) -> str:
    """A range of distances in words."""
    if end is None:
        return f"{first}+"
    return str(first) if end == first + 1 else f"{first}-{end - 1}"
