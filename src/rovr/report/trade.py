"""What quality costs: against seconds, and against looks."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from rovr.report.evaluation import Evaluation, Interval, Run
from rovr.report.focus import Focus
from rovr.report.overview import means
from rovr.report.plate import Plate, Table
from rovr.report.style import MUTED, Mark, Palette, canvas, legend, logarithmic
from rovr.report.words import headed, listed, short, show, spread
from rovr.types import counted


def seconds_a_repair(run: Run) -> float | None:
    """Seconds for one repaired frame."""
    total = run.seconds.get("total")
    return total / len(run.edits) if total is not None and run.edits else None


def looks_a_repair(run: Run) -> float | None:
    """Context frames fused for one repaired frame."""
    return run.looks / len(run.edits) if run.looks is not None and run.edits else None


Price = Callable[[Run], float | None]


def costs(evaluation: Evaluation) -> dict[str, Price]:
    """What a repaired frame costs, by name; no seconds where those of one method cannot stand beside another's."""
    seconds: dict[str, Price] = {"processor seconds for one repaired frame": seconds_a_repair}
    return {**(seconds if evaluation.timed else {}), "frames looked at for one repaired frame": looks_a_repair}


def cost(evaluation: Evaluation, method: str, corruption: str, of: Price) -> float | None:
    """A method's mean cost."""
    found = [value for run in evaluation.of(method, corruption) if (value := of(run)) is not None]
    return float(np.mean(found)) if found else None


def unbeaten(points: dict[str, tuple[float, float]], sign: int) -> list[str]:
    """Of methods with their cost and quality, those that no other equals or beats in both; the cheapest first."""
    kept: list[str] = []
    best = -np.inf
    for name, (_, quality) in sorted(points.items(), key=lambda item: (item[1][0], -sign * item[1][1])):
        if sign * quality > best:
            kept.append(name)
            best = sign * quality
    return kept


def cost_plate(evaluation: Evaluation, focus: Focus, palette: Palette) -> Plate | None:
    """Quality against seconds and looks, one row a kind of damage; None where no run tells its cost."""
    prices_of = costs(evaluation)
    # One panel a kind of damage and cost, side by side where that leaves room.
    flat = len(prices_of) == 1 and len(focus.corruptions) <= 2
    shape = (1, len(focus.corruptions)) if flat else (len(focus.corruptions), len(prices_of))
    figure = canvas(4.2 * max(shape[1], 1.3), 3.2 * shape[0] + 0.5)
    axes = figure.subplots(*shape, squeeze=False, sharey="row")
    panels = zip(axes.flat, product(focus.corruptions, prices_of.items()), strict=True)
    said, rows = [], []
    every: list[Interval] = []
    for axis, (corruption, (label, of)) in panels:
        known = means(evaluation, focus, corruption)
        prices = {name: price for name in known if (price := cost(evaluation, name, corruption, of)) is not None}
        axis.set_xlabel(label)
        axis.set_title(f"damage: {corruption}")
        if not prices:
            continue
        scatter(axis, {name: known[name] for name in prices}, prices, palette)
        # What knows the truth is no rival, and its trials are not in its price.
        rivals = [name for name in prices if name not in focus.bounds] or list(prices)
        points = {name: (prices[name], known[name].mean) for name in rivals}
        said.append(f"Damage '{corruption}': {_front(axis, points, focus, label)}")
        every += [known[name] for name in prices]
        rows += [[name, corruption, label, short(prices[name]), spread(known[name], focus.metric)] for name in prices]
    if not rows:
        return None
    for line in axes:
        line[0].set_ylabel(focus.axis)
    # Under a single panel four long names do not fit side by side.
    legend(figure, axes.flat, 4 if shape[1] > 1 else 2)
    bounds = f" The trials of {listed(focus.bounds)} are not counted as looks." if focus.bounds else ""
    return Plate(
        "cost",
        f"{focus.metric.label} against cost",
        f"Dots for {counted(len(evaluation.names), 'method')}: {focus.metric.label} upwards, cost to the right"
        f"{', 95 % intervals as lines' * any(mean.wide for mean in every)}.",
        f"{' '.join(said)} The grey line joins those. Methods of the same price stand side by side, so that none hides "
        f"another.{bounds} {focus.metric.better.capitalize()} is better.",
        figure,
        Table(["method", "damage", "cost", "mean", headed(focus.metric.label, every)], rows),
    )


def _front(axis: Any, points: dict[str, tuple[float, float]], focus: Focus, label: str) -> str:
    """Join what is unbeaten, and say what it is."""
    front = unbeaten(points, focus.metric.sign)
    axis.step(*np.transpose([points[name] for name in front]), where="post", color=MUTED, linewidth=0.9, zorder=1)
    told = [f"{name} ({short(points[name][0])}, {show(points[name][1], focus.metric)})" for name in front]
    honest = " that does not know the truth" if focus.bounds else ""
    return f"by {label}, no other method{honest} is both as cheap and as good as {listed(told)}."


def scatter(axis: Any, means: dict[str, Interval], prices: dict[str, float], palette: Palette) -> None:
    """A dot with its interval for each method; equal prices are moved apart, or intervals hide each other."""
    lowest, highest = min(prices.values()), max(prices.values())
    wide = lowest > 0 and highest > 8 * lowest
    if wide:
        axis.set_xscale("log")
        logarithmic(axis.xaxis)
    step = 0 if wide else 0.02 * (highest - lowest or 1)
    for name, mean in means.items():
        same = [other for other in means if prices[other] == prices[name]]
        dot(axis, prices[name] + step * (same.index(name) - (len(same) - 1) / 2), mean, palette(name), name)


def dot(axis: Any, x: float, mean: Interval, mark: Mark, label: str) -> None:
    """A mean with its interval."""
    axis.plot([x, x], [mean.low, mean.high], color=mark.colour, linewidth=1.3)
    axis.plot(x, mean.mean, mark.marker, color=mark.colour, ms=6.5, label=label)
