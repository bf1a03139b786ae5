"""All methods at a glance: their means with intervals."""

from rovr.report.evaluation import Evaluation, Interval, Metric
from rovr.report.focus import Focus
from rovr.report.plate import Plate, Table
from rovr.report.style import Palette, canvas
from rovr.report.words import headed, show, spread
from rovr.types import counted

OVERLAP = (
    "Clips differ more than methods do, so intervals overlap although one method may be better on nearly every clip: "
    "whether two differ is told by their differences on the same clips."
)


def means(evaluation: Evaluation, focus: Focus, corruption: str) -> dict[str, Interval]:
    """The methods that have a mean, the best first."""
    found = {name: evaluation.mean(name, corruption, focus.key) for name in evaluation.names}
    known = {name: mean for name, mean in found.items() if mean is not None}
    return dict(sorted(known.items(), key=lambda pair: -focus.metric.sign * pair[1].mean))


def overview_plate(evaluation: Evaluation, focus: Focus, palette: Palette) -> Plate:
    """One row a method, one panel a kind of damage."""
    found = {corruption: means(evaluation, focus, corruption) for corruption in focus.corruptions}
    ranked = list(dict.fromkeys(name for part in found.values() for name in part))
    figure = canvas(2.4 + 3.4 * len(found), 1.1 + 0.32 * max(1, len(ranked)))
    axes = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
    for axis, (corruption, part) in zip(axes, found.items(), strict=True):
        for place, name in enumerate(ranked):
            if name in part:
                mark, mean = palette(name), part[name]
                axis.plot([mean.low, mean.high], [place, place], color=mark.colour, linewidth=2.4)
                axis.plot(mean.mean, place, mark.marker, color=mark.colour, ms=6.5)
        axis.set_title(f"damage: {corruption}")
        axis.set_xlabel(focus.axis)
        axis.grid(axis="y", visible=False)
    axes[0].set_yticks(range(len(ranked)), [f"{n}\n(knows the truth)" if n in focus.bounds else n for n in ranked])
    axes[0].set_ylim(len(ranked) - 0.5, -0.5)
    every = [mean for part in found.values() for mean in part.values()]
    wide = any(mean.wide for mean in every)
    rows = [[name, corruption, spread(part[name], focus.metric)] for corruption, part in found.items() for name in part]
    return Plate(
        "overview",
        f"{focus.metric.label} of each method",
        f"A dot for each of {counted(len(ranked), 'method')}{', with a line for its 95 % interval' * wide}; "
        f"{focus.metric.better} is better.",
        " ".join(
            [*(_caption(corruption, part, focus) for corruption, part in found.items() if part), *[OVERLAP] * wide]
        ),
        figure,
        Table(["method", "damage", headed(focus.metric.label, every)], rows),
    )


def _caption(corruption: str, part: dict[str, Interval], focus: Focus) -> str:
    ranks = [f"{name} {show(mean.mean, focus.metric)}" for name, mean in part.items()]
    return f"Damage '{corruption}', from best to worst: {', '.join(ranks)}."


def crossed(evaluation: Evaluation, focus: Focus, corruption: str) -> Table | None:
    """Editors down, selectors across, where at least two of each were combined: what each of them is worth alone."""
    cells: dict[tuple[str, str], str] = {}
    for method in evaluation.methods:
        mean = evaluation.mean(method.name, corruption, focus.key)
        if mean and (method.editor, method.chooser) not in cells:
            cells[method.editor, method.chooser] = show(mean.mean, focus.metric)
    editors, selectors = (list(dict.fromkeys(pair[k] for pair in cells)) for k in (0, 1))
    editors = [editor for editor in editors if sum(pair[0] == editor for pair in cells) > 1]
    if len(editors) < 2:
        return None
    selectors = [s for s in selectors if sum((editor, s) in cells for editor in editors) > 1]
    if len(selectors) < 2:
        return None
    rows = [[editor, *(cells.get((editor, selector), "–") for selector in selectors)] for editor in editors]
    return Table(["editor \\ selector", *selectors], rows)


def summary_table(evaluation: Evaluation, focus: Focus, corruption: str) -> Table:
    """Every metric of every method under one kind of damage: metrics down, methods across, the best first."""
    ranked = [*means(evaluation, focus, corruption)]
    ranked += [name for name in evaluation.names if name not in ranked]
    rows = {row.method: row.values for row in evaluation.summary if row.corruption == corruption}
    names = [name for name in ranked if name in rows]
    arrows = {"higher": "↑", "lower": "↓"}
    cells = []
    for key, metric in evaluation.metrics.items():
        unit = f", {metric.unit}" if metric.unit else ""
        bare = Metric(metric.label)
        found = [rows[name].get(key) for name in names]
        digits = 2 if metric.unit else None
        told = [spread(mean, bare, digits=digits) if mean else "–" for mean in found]
        cells.append([f"{metric.label}{unit} {arrows[metric.better]}", *told])
    return Table(["measure", *names], cells)
