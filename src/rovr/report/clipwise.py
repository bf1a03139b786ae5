"""How one method differs from the baseline on each clip, sorted."""

from rovr.report.evaluation import Evaluation, Interval
from rovr.report.focus import Focus
from rovr.report.plate import Plate, Table, slug
from rovr.report.stats import ClipDifference, difference, paired
from rovr.report.style import INK, MUTED, Palette, canvas
from rovr.report.words import compared, fitted, headed, show, spread
from rovr.types import counted

NAMED = 45
"""Clips up to which each gets its name; more are drawn closer together."""


def clipwise_plate(evaluation: Evaluation, focus: Focus, corruption: str, palette: Palette) -> Plate | None:
    """Draw one kind of damage; None where no pair of runs can be compared."""
    assert focus.against is not None
    gaps = paired(evaluation, focus.key, focus.method, focus.against, corruption)
    overall = difference(evaluation, focus.key, focus.method, focus.against, corruption)
    if not gaps or overall is None:
        return None
    pitch = 0.2 if len(gaps) <= NAMED else 0.08
    figure = canvas(7.2, 1.0 + pitch * len(gaps))
    axis = figure.subplots()
    marks = [palette(focus.against), palette(focus.method)]
    for place, gap in enumerate(gaps):
        mark = marks[focus.metric.sign * gap.interval.mean > 0]
        axis.plot([gap.interval.low, gap.interval.high], [place, place], color=mark.colour, linewidth=1.5)
        axis.plot(gap.interval.mean, place, mark.marker, color=mark.colour, ms=5)
    axis.axvline(0, color=INK, linewidth=0.9)
    axis.axvspan(overall.low, overall.high, color=MUTED, alpha=0.2, linewidth=0)
    axis.axvline(overall.mean, color=MUTED, linewidth=1.2, linestyle=(0, (4, 2)))
    if len(gaps) <= NAMED:
        axis.set_yticks(range(len(gaps)), [fitted(gap.clip) for gap in gaps], fontsize=7.5)
    else:
        axis.set_yticks([])
        axis.set_ylabel(counted(len(gaps), "clip"))
    axis.set_ylim(len(gaps) - 0.4, -0.6)
    axis.grid(axis="y", visible=False)
    axis.set_xlabel(f"difference in {focus.axis}: {focus.method} less {focus.against}")
    return Plate(
        f"differences-{slug(corruption)}",
        f"Clip by clip: {focus.method} against {focus.against}, damage '{corruption}'",
        f"A dot for each of {counted(len(gaps), 'clip')}, sorted, with a line from its lowest to its highest seed; a "
        f"line at zero; a {'band' if overall.wide else 'dashed line'} for the mean over all.",
        _caption(gaps, focus, corruption, overall),
        figure,
        Table(
            ["clip", "seeds", f"difference in {focus.metric.label} (lowest to highest seed)"],
            [[gap.clip, str(gap.seeds), spread(gap.interval, focus.metric, signed=True)] for gap in gaps],
        ),
    )


def _caption(gaps: list[ClipDifference], focus: Focus, corruption: str, overall: Interval) -> str:
    assert focus.against is not None
    finding = compared(focus.method, focus.against, overall, focus.metric)
    better = sum(focus.metric.sign * gap.interval.mean > 0 for gap in gaps)
    seeds = max(gap.seeds for gap in gaps)
    ends = [f"{gap.clip} ({show(gap.interval.mean, focus.metric, signed=True)})" for gap in (gaps[0], gaps[-1])]
    extremes = f"It does best on {ends[0]} and worst on {ends[1]}. " if len(gaps) > 1 else ""
    spans = (
        f"Lines reach from the lowest to the highest of up to {counted(seeds, 'seed')}."
        if seeds > 1
        else "Each clip was damaged once, so that chance is not shown clip by clip."
    )
    return (
        f"Damage '{corruption}': {focus.method} has the better {focus.metric.label} on {better} of "
        f"{counted(len(gaps), 'clip')}. {finding} "
        f"{extremes}{spans} The dashed line is the mean over all clips"
        f"{', the band its 95 % interval' * overall.wide}."
    )


def differences_table(evaluation: Evaluation, focus: Focus) -> Table | None:
    """All differences of the evaluation in the metric."""
    found = [(row, gap) for row in evaluation.differences if (gap := row.values.get(focus.key))]
    rows = [[row.method, row.against, row.corruption, spread(gap, focus.metric, signed=True)] for row, gap in found]
    label = headed(focus.metric.label, [gap for _, gap in found])
    return Table(["method", "less", "damage", label], rows) if rows else None
