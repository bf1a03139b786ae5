"""Several evaluations of the same damaged clips as one: other editors, other numbers of contexts, other methods."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rovr.errors import UserError
from rovr.evaluate.ledger import BETWEEN_COMMITS, BETWEEN_MACHINES, BETWEEN_MEASURES
from rovr.evaluate.origin import described
from rovr.report.evaluation import Evaluation, Method, Metric
from rovr.report.reading import read_evaluation
from rovr.types import counted


def read_evaluations(paths: Sequence[Path]) -> Evaluation:
    """Read files and put the later ones' methods beside those of the first.

    Raises:
        UserError: there is none, one is no such file, or they were measured on different clips or damage.
    """
    if not paths:
        raise UserError("give at least one file that rovr evaluate wrote")
    whole = read_evaluation(paths[0])
    for path in paths[1:]:
        whole = _joined(whole, read_evaluation(path), paths[0], path)
    return whole


def _joined(whole: Evaluation, other: Evaluation, first: Path, path: Path) -> Evaluation:
    _check(whole, other, first, path)
    # What stands there already, such as a baseline that was measured each time, is not taken twice.
    added = [method for method in other.methods if method not in whole.methods]
    names = {method.name: _name(method, whole, path) for method in added}
    # Of methods that are not taken, differences still speak.
    known = {**{name: name for name in other.names}, **names}
    new = set(names)
    machines = _together(described(whole.machine), described(other.machine), BETWEEN_MACHINES)
    told = [(one.clock, one.commit, one.rovr, described(one.machine)) for one in (whole, other)]
    return replace(
        whole,
        commit=_together(whole.commit, other.commit, BETWEEN_COMMITS),
        machine=machines,
        rovr=_together(whole.rovr, other.rovr, BETWEEN_COMMITS),
        # Seconds of other machines and versions do not stand beside each other.
        clock=whole.clock if told[0] == told[1] else "",
        metrics={**whole.metrics, **{key: _measured(key, metric, whole) for key, metric in other.metrics.items()}},
        methods=whole.methods + [replace(method, name=names[method.name]) for method in added],
        runs=whole.runs + [replace(run, method=names[run.method]) for run in other.runs if run.method in new],
        summary=whole.summary + [replace(row, method=names[row.method]) for row in other.summary if row.method in new],
        differences=whole.differences
        + [
            replace(row, method=known[row.method], against=known[row.against])
            for row in other.differences
            if row.method in new
        ],
        videos={**whole.videos, **{names[name]: video for name, video in other.videos.items() if name in new}},
    )


def _together(one: str, two: str, between: str) -> str:
    """What both say, each part once."""
    return between.join(dict.fromkeys(part for text in (one, two) for part in text.split(between) if part))


def _measured(key: str, metric: Metric, whole: Evaluation) -> Metric:
    """A metric with all that computed it."""
    known = whole.metrics.get(key, metric)
    return replace(metric, by=_together(known.by, metric.by, BETWEEN_MEASURES))


def _check(whole: Evaluation, other: Evaluation, first: Path, path: Path) -> None:
    one, two = whole.protocol, other.protocol
    told = [(p.length, p.size, p.seeds, set(p.clips), set(p.corruptions)) for p in (one, two)]
    holes = {(run.clip, run.seed, run.corruption): run.hole for run in whole.runs}
    if told[0] != told[1] or any(
        holes.get((run.clip, run.seed, run.corruption), run.hole) != run.hole for run in other.runs
    ):
        raise UserError(f"{path} was measured on other clips, seeds or damage than {first}; evaluate both on the same")
    for key in whole.metrics.keys() & other.metrics.keys():
        ours, theirs = whole.metrics[key].by, other.metrics[key].by
        if _means(ours) != _means(theirs):
            raise UserError(
                f"{path} has {other.metrics[key].label} by other means ({theirs}) than {first} ({ours}), and such "
                "figures must not be compared; evaluate both alike"
            )


def _means(by: str) -> set[str]:
    """What computed a metric, less that which changes no figure that is shown."""
    return {part.removesuffix(", bfloat16") for part in by.split(BETWEEN_MEASURES)}


def _name(method: Method, whole: Evaluation, path: Path) -> str:
    """A name that says what sets a method apart from the one that has its name already."""
    taken = {other.name: other for other in whole.methods}
    name = method.name
    if name not in taken:
        return name
    if taken[name].editor != method.editor:
        name = f"{method.editor}/{name}"
    elif taken[name].contexts != method.contexts:
        number = method.contexts
        name = f"{name} ({counted(number, 'context') if isinstance(number, int) else f'{number} contexts'})"
    return name if name not in taken else f"{name} ({path.stem})"
