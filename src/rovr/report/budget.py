"""How quality depends on the number of frames that one repair looks at."""

import math
import re
from collections import defaultdict
from itertools import pairwise

from rovr.report.evaluation import Evaluation, Interval, Method
from rovr.report.focus import Focus
from rovr.report.overview import means
from rovr.report.plate import Plate, Table
from rovr.report.stats import difference
from rovr.report.style import DASHES, MUTED, Palette, canvas, legend
from rovr.report.trade import dot
from rovr.report.words import headed, listed, show, spread


def families(methods: list[Method]) -> dict[str, dict[int, Method]]:
    """Methods that differ in the number of contexts alone, by that number, for each editor and selector."""
    found: dict[tuple[str, str], dict[int, Method]] = defaultdict(dict)
    for method in methods:
        if isinstance(method.contexts, int):
            chooser = re.sub(r" contexts=\d+", "", method.chooser)
            # Of two with the same number, the first stands for both: they must differ in something else.
            found[method.editor, chooser].setdefault(method.contexts, method)
    return {
        f"{editor}, {selector}": dict(sorted(part.items()))
        for (editor, selector), part in found.items()
        if len(part) > 1
    }


def contexts_plate(evaluation: Evaluation, focus: Focus, palette: Palette) -> Plate | None:
    """Draw it; None where no two methods differ in it alone."""
    found = families(evaluation.methods)
    if not found:
        return None
    figure = canvas(1.4 + 4.0 * len(focus.corruptions), 3.5)
    axes = figure.subplots(1, len(focus.corruptions), squeeze=False, sharey=True)[0]
    said, rows = [], []
    every: list[Interval] = []
    for axis, corruption in zip(axes, focus.corruptions, strict=True):
        known = means(evaluation, focus, corruption)
        for place, (label, part) in enumerate(found.items()):
            line = {count: known[method.name] for count, method in part.items() if method.name in known}
            ends = [list(line), [mean.mean for mean in line.values()]]
            axis.plot(*ends, color=MUTED, linestyle=DASHES[place % len(DASHES)], linewidth=1.2, zorder=1)
            every += line.values()
            for count, mean in line.items():
                name = part[count].name
                # Lines that share a number stand beside each other.
                dot(axis, count + 0.03 * (place - (len(found) - 1) / 2), mean, palette(name), name)
                rows.append([label, corruption, str(count), spread(mean, focus.metric)])
            steps = [
                f"{_step(evaluation, focus, corruption, part[a].name, part[b].name)} from {a} to {b}"
                for a, b in pairwise(line)
            ]
            if steps:
                said.append(
                    f"{label}, damage '{corruption}': {focus.metric.label} changes by {listed(steps)} contexts."
                )
        axis.set_title(f"damage: {corruption}")
        axis.set_xlabel("frames looked at in one repair")
        axis.set_xticks(sorted({count for part in found.values() for count in part}))
    axes[0].set_ylabel(focus.axis)
    legend(figure, axes, 2)
    return Plate(
        "contexts",
        f"{focus.metric.label} against the number of contexts",
        f"A line for each of {listed(list(found))} over the number of frames that one repair looks at"
        f"{', with 95 % intervals' * any(mean.wide for mean in every)}.",
        " ".join([*said, f"{focus.metric.better.capitalize()} is better."]),
        figure,
        Table(["editor, selector", "damage", "contexts", headed(focus.metric.label, every)], rows),
    )


def _step(evaluation: Evaluation, focus: Focus, corruption: str, less: str, more: str) -> str:
    """What more contexts bring, with an interval where pairs of runs give the same mean as the summary."""
    known = means(evaluation, focus, corruption)
    plain = known[more].mean - known[less].mean
    gap = difference(evaluation, focus.key, more, less, corruption)
    if gap is None or not math.isclose(gap.mean, plain, rel_tol=1e-3, abs_tol=1e-6):
        return show(plain, focus.metric, signed=True)
    return spread(gap, focus.metric, signed=True)
