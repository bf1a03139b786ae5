"""Figure 1: the training loss of editors under samplers, in the 2×2 so that one is not taken for the other."""

from dataclasses import dataclass
from itertools import product
from typing import Any

from rovr.errors import UserError
from rovr.report.curves import Curve, Logs, curve
from rovr.report.plate import Plate, Table
from rovr.report.style import Palette, canvas, legend, logarithmic
from rovr.report.words import listed, short
from rovr.types import counted


@dataclass(frozen=True)
class Grid:
    """Curves named EDITOR/SAMPLER of which every combination is there."""

    editors: list[str]
    samplers: list[str]


def grid_of(names: list[str]) -> Grid | None:
    """The grid that names make up; None where they make up none of at least two by two."""
    pairs = [tuple(name.split("/")) for name in names]
    if any(len(pair) != 2 for pair in pairs):
        return None
    editors, samplers = (list(dict.fromkeys(pair[k] for pair in pairs)) for k in (0, 1))
    whole = set(product(editors, samplers)) == set(pairs)
    return Grid(editors, samplers) if whole and min(len(editors), len(samplers)) > 1 else None


def training_plate(logs: Logs, series: str, palette: Palette) -> Plate:
    """Draw it.

    Args:
        logs: of ``--curves``.
        series: the figure to draw, by the last part of its name.
        palette: marks by name.

    Raises:
        UserError: a log without that figure.
    """
    curves = {name: _required(name, runs, series) for name, runs in logs.items()}
    grid = grid_of(list(curves))
    panels = [[f"{editor}/{s}" for s in grid.samplers] for editor in grid.editors] if grid else [list(curves)]
    figure = canvas(4.4 * len(panels) if grid else 7.2, 3.6)
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, names in zip(axes, panels, strict=True):
        for name in names:
            label = name.split("/")[1] if grid else name
            draw(axis, curves[name], palette, label)
        axis.set_xlabel("training step")
        axis.set_title(f"editor: {names[0].split('/')[0]}" if grid else "")
    axes[0].set_ylabel(series)
    if all(line.values.min() > 0 for c in curves.values() for line in c.lines) and _wide(curves):
        axes[0].set_yscale("log")
        logarithmic(axes[0].yaxis)
    legend(figure, axes)
    ends = {name: found.end() for name, found in curves.items()}
    rows = [[name, *map(short, ends[name]), str(len(curves[name].lines))] for name in curves]
    return Plate(
        "figure-1-training-loss",
        f"Figure 1. {series.capitalize()} while training",
        f"Lines of {series} against training step for {listed(list(curves))}"
        + (f", in one panel for each of the editors {listed(grid.editors)}." if grid else "."),
        " ".join([*_findings(ends, grid, series), *_reading(curves, grid)]),
        figure,
        Table(["curve", f"{series} at the end", "lowest seed", "highest seed", "seeds"], rows),
    )


def draw(axis: Any, found: Curve, palette: Palette, label: str) -> None:
    """One curve: every run raw and faint, the mean of the smoothed runs over it, and the band they fill."""
    mark = palette(label)
    for line in found.lines:
        axis.plot(line.steps, line.values, color=mark.colour, alpha=0.22, linewidth=0.7)
    steps, mean, low, high = found.band()
    if len(found.lines) > 1:
        axis.fill_between(steps, low, high, color=mark.colour, alpha=0.2, linewidth=0)
    every = max(1, len(steps) // 8)
    axis.plot(
        steps, mean, color=mark.colour, linestyle=mark.dash, marker=mark.marker, markevery=every, ms=4.5, label=label
    )


def _required(name: str, runs: list[dict[str, Any]], series: str) -> Curve:
    found = curve(name, runs, series)
    if found is None or len(found.lines) < len(runs):
        known = sorted({key.split("/")[-1] for run in runs for key in run if not key.startswith("val/")})
        if not known:
            raise UserError(f"a log of the curve '{name}' holds no figures of the training yet; train more steps")
        raise UserError(f"a log of the curve '{name}' has no '{series}'; choose with --series from {', '.join(known)}")
    return found


def _wide(curves: dict[str, Curve]) -> bool:
    smooth = [line.smooth() for found in curves.values() for line in found.lines]
    return max(float(line.max()) for line in smooth) > 8 * min(float(line.min()) for line in smooth)


def _findings(ends: dict[str, tuple[float, float, float]], grid: Grid | None, series: str) -> list[str]:
    if grid is None:
        said = [f"{name} {short(end[0])}" for name, end in ends.items()]
        return [f"At the end of training the {series} is: {', '.join(said)}."]
    first, sentences, gaps = grid.samplers[0], [], {}
    for editor in grid.editors:
        base = ends[f"{editor}/{first}"][0]
        others = []
        for sampler in grid.samplers[1:]:
            end = ends[f"{editor}/{sampler}"][0]
            gaps[editor, sampler] = end - base
            change = f", {'+' if end >= base else '−'}{abs(end / base - 1):.0%}" if base else ""
            others.append(f"{short(end)} with {sampler}{change}")
        sentences.append(
            f"With the editor {editor}, the {series} at the end is {short(base)} with the sampler {first} and "
            f"{listed(others)}."
        )
    for sampler in grid.samplers[1:]:
        changes = [f"{short(gaps[editor, sampler])} for {editor}" for editor in grid.editors]
        sentences.append(f"Going from {first} to {sampler} changes it by {listed(changes)}.")
    return sentences


def _reading(curves: dict[str, Curve], grid: Grid | None) -> list[str]:
    seeds = [len(found.lines) for found in curves.values()]
    several = (
        f"Bands reach from the lowest to the highest of {counted(max(seeds), 'seed')}."
        if max(seeds) > 1
        else "There is one run of each, so that chance is not shown."
    )
    sentences = ["Faint lines are the log, strong ones its running mean.", several]
    if grid is None and len(curves) > 1:
        sentences.append(
            "Curves that differ in both editor and sampler cannot say which of the two made a difference: name four "
            "of them EDITOR/SAMPLER for that."
        )
    return [*sentences, "Each loss is taken on the frames that the run's own sampler picked."]
