"""Means with bootstrap intervals, and the pairs of runs that differences are taken over."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rovr.report.evaluation import Evaluation, Interval

DRAWS = 2000


@dataclass(frozen=True)
class ClipDifference:
    """How much one method differs from another on one clip.

    Attributes:
        clip: its name.
        interval: of the difference over seeds; of no width where there is one seed.
        seeds: how many.
    """

    clip: str
    interval: Interval
    seeds: int


def bootstrap(values: Sequence[float], seed: int = 0) -> Interval:
    """The mean of some values with its 95 % percentile interval.

    Args:
        values: at least one; fewer than two give an interval of no width.
        seed: of the resampling.
    """
    array = np.asarray(values, float)
    if len(array) < 2:
        return Interval(float(array.mean()), float(array.mean()), float(array.mean()))
    drawn = np.random.default_rng(seed).integers(len(array), size=(DRAWS, len(array)))
    low, high = np.percentile(array[drawn].mean(1), [2.5, 97.5])
    return Interval(float(array.mean()), float(low), float(high))


def paired(evaluation: Evaluation, key: str, method: str, against: str, corruption: str) -> list[ClipDifference]:
    """The differences of two methods clip by clip, the largest gain first; only over seeds that both were run on."""
    other = {(run.clip, run.seed): run.value(key) for run in evaluation.of(against, corruption)}
    found: dict[str, list[float]] = defaultdict(list)
    for run in evaluation.of(method, corruption):
        gap = run.value(key) - other.get((run.clip, run.seed), np.nan)
        if not np.isnan(gap):
            found[run.clip].append(gap)
    gaps = [ClipDifference(clip, bootstrap(values), len(values)) for clip, values in found.items()]
    sign = evaluation.metrics[key].sign
    return sorted(gaps, key=lambda gap: (-sign * gap.interval.mean, gap.clip))


def difference(evaluation: Evaluation, key: str, method: str, against: str, corruption: str) -> Interval | None:
    """The mean difference over clips and seeds: the evaluation's, or computed from its runs where it has none."""
    for row in evaluation.differences:
        if (row.method, row.against, row.corruption) == (method, against, corruption) and row.values.get(key):
            return row.values[key]
    other = {(run.clip, run.seed): run.value(key) for run in evaluation.of(against, corruption)}
    gaps = [run.value(key) - other.get((run.clip, run.seed), np.nan) for run in evaluation.of(method, corruption)]
    known = [gap for gap in gaps if not np.isnan(gap)]
    return bootstrap(known) if known else None
