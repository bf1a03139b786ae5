"""How much of the holes the contexts of each method saw, and from how far away."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rovr.report.evaluation import Evaluation, Run
from rovr.report.focus import Focus
from rovr.report.media import Scene
from rovr.report.overview import means
from rovr.report.plate import Plate, Table
from rovr.report.stats import clips
from rovr.report.style import Palette, canvas, legend
from rovr.report.words import show
from rovr.types import counted


@dataclass(frozen=True)
class Reach:
    """Means over repairs.

    Attributes:
        away: frames between a repaired frame and those it was repaired from; None where there are none.
        saw: share of the hole that the contexts saw.
        knew: the same with what earlier repairs had brought into them.
    """

    away: float | None
    saw: float
    knew: float


def distance(run: Run) -> float | None:
    """Mean distance in frames between a repaired frame and those it was repaired from."""
    spans = [abs(context - frame) for frame, contexts in run.edits for context in contexts]
    return float(np.mean(spans)) if spans else None


def reach(runs: Sequence[Run]) -> Reach | None:
    """Over the runs of which it is known what their contexts saw; None where there is none."""
    known = [run for run in runs if run.repairs]
    saw, knew = ([x for run in known for x in getattr(run.repairs, what) if x is not None] for what in ("saw", "knew"))
    far = [value for run in known if (value := distance(run)) is not None]
    return Reach(float(np.mean(far)) if far else None, float(np.mean(saw)), float(np.mean(knew))) if saw else None


def known_runs(evaluation: Evaluation, scenes: Sequence[Scene], corruption: str) -> dict[tuple[str, str, int], Run]:
    """The runs under one kind of damage by method, clip and seed, with what the videos of scenes say of them."""
    shown = [run for scene in scenes if scene.corruption == corruption for run in scene.runs.values()]
    every = [*(run for run in evaluation.runs if run.corruption == corruption), *shown]
    return {(run.method, run.clip, run.seed): run for run in every}


def reach_plate(evaluation: Evaluation, scenes: Sequence[Scene], focus: Focus, palette: Palette) -> Plate | None:
    """Quality over what contexts saw, and over their distance; None where fewer than two methods are known to look."""
    corruption = focus.corruptions[0]
    runs = known_runs(evaluation, scenes, corruption)
    values = means(evaluation, focus, corruption)
    found = {name: it for name in values if (it := reach([r for key, r in runs.items() if key[0] == name]))}
    looking = {name: it for name, it in found.items() if it.away is not None}
    if len(looking) < 2:
        return None
    figure = canvas(8.4, 3.7)
    axes = figure.subplots(1, 2, sharey=True)
    for name, it in looking.items():
        mark, value = palette(name), values[name].mean
        axes[0].plot(100 * it.saw, value, mark.marker, color=mark.colour, ms=8, label=name)
        axes[1].plot(it.away, value, mark.marker, color=mark.colour, ms=8, label=name)
    axes[0].set_ylabel(focus.axis)
    axes[0].set_xlabel("share of the hole that the contexts saw (%)")
    axes[0].set_xlim(0, 100)
    axes[1].set_xlabel("frames between repaired frame and contexts")
    axes[1].set_xlim(left=0)
    legend(figure, axes, 4)
    rows = [
        [
            name,
            "–" if it.away is None else f"{it.away:.1f}",
            f"{it.saw:.0%}",
            f"{it.knew:.0%}",
            show(values[name].mean, focus.metric),
        ]
        for name, it in found.items()
    ]
    return Plate(
        "reach",
        "What the contexts of each method saw, and from how far away",
        f"Dots for {counted(len(looking), 'method')}: {focus.metric.label} upwards; to the right the share of the hole "
        "that the contexts saw, and, in a second panel, how many frames away they are.",
        f"Damage '{corruption}', {counted(clips(evaluation, corruption), 'clip')}. Left: the farther to the right, the "
        "more of what is missing the contexts show. Right: the farther to the left, the nearer in time they are, and "
        "the more alike the repaired frame. Both are wanted, and often one is had only at the price of the other. Up "
        f"or down is {focus.metric.label}; {focus.metric.better} is better.",
        figure,
        Table(["method", "frames away", "saw", "knew", focus.metric.label], rows),
    )
