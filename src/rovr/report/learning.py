"""Learning curves of the agents: what they earn while they learn, and how well they repair unseen clips."""

from rovr.report.curves import Curve, Logs, curve
from rovr.report.plate import Plate, Table
from rovr.report.style import MUTED, Palette, canvas, legend
from rovr.report.training import draw
from rovr.report.words import listed, short

PANELS = (
    ("return", False, "return while training"),
    ("return", True, "return on validation clips"),
    ("psnr", True, "hole-PSNR on validation clips (dB)"),
)
"""Figure, whether of validation, and what its axis says."""

RULE = "sight"
"""The rule that validations are compared with; its figures are named ``val/sight_…``."""


def learning_plate(logs: Logs, palette: Palette) -> Plate | None:
    """Draw them; None where no log has any of the figures."""
    panels = []
    for series, validation, label in PANELS:
        curves = [found for name, runs in logs.items() if (found := curve(name, runs, series, validation))]
        if curves:
            panels.append((series, validation, label, curves))
    if not panels:
        return None
    figure = canvas(max(4.2 * len(panels), 6.0), 3.6)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    said, rows = [], []
    for axis, (series, validation, label, curves) in zip(axes, panels, strict=True):
        for found in curves:
            draw(axis, found, palette, found.name)
        rule = _rule(logs, series) if validation else None
        if rule is not None:
            axis.axhline(rule, color=MUTED, linestyle=(0, (2, 2)), linewidth=1.2, label=f"the rule '{RULE}'")
        axis.set_xlabel("iteration")
        axis.set_ylabel(label)
        said += [_finding(found, label, rule) for found in curves]
        other = "–" if rule is None else short(rule)
        rows += [[found.name, label, *map(short, found.end()), other] for found in curves]
    legend(figure, axes)
    return Plate(
        "learning",
        "Learning curves of the agents",
        f"Lines over iterations for {listed(list(logs))}: {listed([panel[2] for panel in panels])}.",
        " ".join([*said, "Faint lines are the log, strong ones its running mean over seeds."]),
        figure,
        Table(["curve", "figure", "at the end", "lowest seed", "highest seed", f"rule '{RULE}'"], rows),
    )


def _rule(logs: Logs, series: str) -> float | None:
    """What the rule reaches in the same figure; None unless all logs that say so agree, for else their clips differ."""
    lines = [line for runs in logs.values() for run in runs if (line := run.get(f"val/{RULE}_{series}"))]
    ends = [line.end() for line in lines if len(line.steps)]
    return ends[0] if ends and max(ends) - min(ends) <= 0.001 * abs(ends[0]) else None


def _finding(found: Curve, label: str, rule: float | None) -> str:
    begin = sum(line.begin() for line in found.lines) / len(found.lines)
    end = found.end()[0]
    text = f"{found.name}: {label} goes from {short(begin)} to {short(end)}"
    if rule is None:
        return f"{text}."
    return f"{text}, {short(abs(end - rule))} {'above' if end >= rule else 'below'} the rule's {short(rule)}."
