"""Where the holes of a run were, drawn anew without any footage, and what its contexts saw of them."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rovr.data.photometric import split_kind
from rovr.errors import UserError
from rovr.evaluate.clips import draw_masks
from rovr.evaluate.sight import sights
from rovr.report.evaluation import Evaluation, Repairs, Run

MOST = 2**28
"""Pixels of a clip above which its masks are not drawn."""

ROUNDED = 2e-6
"""How far shares in the file, which are rounded, may be from those of the masks."""

Masks = NDArray[np.bool_]
"""(T, H, W)."""


class Holes:
    """Draws the masks of runs, which name of the clip, seed, kind of damage and size decide.

    Args:
        size: (H, W) of the clips; None where the file does not say.
    """

    def __init__(self, size: list[int] | None) -> None:
        self.size = size
        # One is kept: files hold all runs of a damaged clip one after the other.
        self._last: tuple[tuple[str, int, str], Masks | None] | None = None

    def of(self, run: Run) -> Masks | None:
        """A run's masks; None where they cannot be drawn, or hide other shares of the frames than the file says."""
        key = run.clip, run.seed, split_kind(run.corruption)[0]
        if self._last is None or self._last[0] != key:
            self._last = key, self._draw(run)
        return self._last[1]

    def _draw(self, run: Run) -> Masks | None:
        if self.size is None or len(self.size) != 2 or not 0 < len(run.hole) * self.size[0] * self.size[1] <= MOST:
            return None
        try:
            drawn = draw_masks(len(run.hole), (self.size[0], self.size[1]), run.clip, run.seed, run.corruption)
        except UserError:
            return None
        masks = np.asarray(drawn[:, 0])
        # Masks of an earlier version may have been others.
        return masks if np.allclose(masks.mean((1, 2)), run.hole, rtol=0, atol=ROUNDED) else None


def completed(evaluation: Evaluation, holes: Holes) -> Evaluation:
    """The evaluation with what the contexts saw where the file does not say it but masks can be drawn."""
    return replace(evaluation, runs=[run if run.repairs else _completed(run, holes.of(run)) for run in evaluation.runs])


def _completed(run: Run, masks: Masks | None) -> Run:
    if masks is None:
        return run
    found = sights(masks, run.edits)
    shares = [(None, None) if sight is None else (sight.saw, sight.knew) for sight in found]
    return replace(run, repairs=Repairs([saw for saw, _ in shares], [knew for _, knew in shares]))
