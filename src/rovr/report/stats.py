"""Differences between methods on the same clips, and which intervals are worth showing."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rovr.evaluate.summary import FEWEST, compare
from rovr.report.evaluation import Evaluation, Interval, Run


@dataclass(frozen=True)
class ClipDifference:
    """How much one method differs from another on one clip.

    Attributes:
        clip: its name.
        interval: mean over seeds, with the lowest and the highest of them.
        seeds: how many.
    """

    clip: str
    interval: Interval
    seeds: int


def cautious(evaluation: Evaluation) -> Evaluation:
    """The evaluation without the intervals of too few clips: they get no width."""
    valued: dict[tuple[str, str, str], set[tuple[str, int]]] = defaultdict(set)
    for run in evaluation.runs:
        for key in run.values:
            if not np.isnan(run.value(key)):
                valued[run.corruption, run.method, key].add((run.clip, run.seed))

    def few(key: str, corruption: str, *methods: str) -> bool:
        cases = set.intersection(*(valued[corruption, method, key] for method in methods))
        # What is measured of all clips at once, no run has a value of.
        return (len({clip for clip, _ in cases}) if cases else clips(evaluation, corruption)) < FEWEST

    def kept(values: dict[str, Interval | None], *names: str) -> dict[str, Interval | None]:
        return {key: _bare(found) if found and few(key, *names) else found for key, found in values.items()}

    return replace(
        evaluation,
        summary=[replace(r, values=kept(r.values, r.corruption, r.method)) for r in evaluation.summary],
        differences=[
            replace(r, values=kept(r.values, r.corruption, r.method, r.against)) for r in evaluation.differences
        ],
    )


def clips(evaluation: Evaluation, corruption: str) -> int:
    """How many clips were measured under a kind of damage."""
    return len({run.clip for run in evaluation.runs if run.corruption == corruption})


def _bare(found: Interval) -> Interval:
    return Interval(found.mean, found.mean, found.mean)


def _pairs(evaluation: Evaluation, key: str, method: str, against: str, corruption: str) -> list[tuple[Run, Run]]:
    """Runs of both methods on the same damaged clip that have a value each."""
    other = {(run.clip, run.seed): run for run in evaluation.of(against, corruption)}
    pairs = [
        (run, other[run.clip, run.seed]) for run in evaluation.of(method, corruption) if (run.clip, run.seed) in other
    ]
    return [pair for pair in pairs if not np.isnan(pair[0].value(key) - pair[1].value(key))]


def paired(evaluation: Evaluation, key: str, method: str, against: str, corruption: str) -> list[ClipDifference]:
    """The differences of two methods clip by clip, the largest gain first; only over seeds that both were run on."""
    found: dict[str, list[float]] = defaultdict(list)
    for mine, theirs in _pairs(evaluation, key, method, against, corruption):
        found[mine.clip].append(mine.value(key) - theirs.value(key))
    gaps = [
        ClipDifference(clip, Interval(float(np.mean(values)), min(values), max(values)), len(values))
        for clip, values in found.items()
    ]
    sign = evaluation.metrics[key].sign
    return sorted(gaps, key=lambda gap: (-sign * gap.interval.mean, gap.clip))


def difference(evaluation: Evaluation, key: str, method: str, against: str, corruption: str) -> Interval | None:
    """The mean difference over clips and seeds: the evaluation's, or computed from its runs where it has none."""
    for row in evaluation.differences:
        if (row.method, row.against, row.corruption) == (method, against, corruption) and row.values.get(key):
            return row.values[key]
    pairs = _pairs(evaluation, key, method, against, corruption)
    if not pairs or key == "vfid":
        return None
    mine, theirs = (_plain([pair[side] for pair in pairs], key) for side in (0, 1))
    values = compare(mine, theirs, [key])[key]
    if values is None:
        return None
    found = Interval(**values)
    return _bare(found) if len({run.clip for run, _ in pairs}) < FEWEST else found


def _plain(runs: Sequence[Run], key: str) -> list[dict[str, object]]:
    """Runs as :mod:`rovr.evaluate.summary` takes them."""
    keys = (key, "flow_error_damaged", "flow_error_repaired")
    return [{"clip": r.clip, "hole": r.hole, "values": {k: r.value(k) for k in keys}} for r in runs]
