"""``rovr report``: read, draw, write."""

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib

from rovr.errors import UserError
from rovr.outputs import prepared
from rovr.report.curves import read_logs
from rovr.report.evaluation import Evaluation
from rovr.report.focus import choose, shown
from rovr.report.merge import read_evaluations
from rovr.report.options import ReportOptions
from rovr.report.page import render
from rovr.report.place import ReportFolder
from rovr.report.sections import Job, all_sections
from rovr.report.short import in_short
from rovr.report.style import SETTINGS, Palette
from rovr.report.why import why

LIMIT = 20_000_000
"""Bytes that the page may take."""


def build_report(options: ReportOptions, say: Callable[[str], None]) -> Path:
    """Do what :func:`rovr.report.write_report` says."""
    every = read_evaluations(options.evaluations)
    curves, agents = read_logs(options.curves, "--curves"), read_logs(options.agents, "--agents")
    evaluation = shown(every, options)
    focus = choose(evaluation, options)
    # Marks are given out over all methods, so that a report of a few shows them as the whole one does.
    palette = Palette(every.names, {method.chooser: method.name for method in reversed(every.methods)})
    given = [Path(item.partition("=")[2]) for group in (*options.curves, *options.agents) for item in group]
    folder = ReportFolder(Path(prepared(options.output)), True, options.overwrite, [*options.evaluations, *given])
    try:
        with matplotlib.rc_context(SETTINGS):
            job = Job(evaluation, focus, palette, curves, agents, options, folder.partial, LIMIT)
            sections = all_sections(job)
        colours = {name: palette(name).index for name in palette.order}
        short = in_short(evaluation, focus, why(job.scenes, focus))
        told = short, facts(evaluation, options.evaluations), words(evaluation)
        page = render(sections, *told, colours)
        (folder.partial / "index.html").write_text(page, encoding="utf-8")
        folder.commit()
    except OSError as error:
        raise UserError(f"{options.output} cannot be written ({error.strerror}); choose another output") from error
    finally:
        folder.discard()
    for section in sections:
        for note in section.notes:
            say(f"left out of '{section.title}': {note}")
    return options.output / "index.html"


def facts(evaluation: Evaluation, paths: Sequence[Path]) -> list[tuple[str, str]]:
    """What was measured, how, and where."""
    protocol, machine = evaluation.protocol, evaluation.machine
    if isinstance(machine, dict):
        machine = ", ".join(f"{value}" if key == "cpu" else f"{value} {key}" for key, value in machine.items())
    size = "×".join(map(str, reversed(protocol.size or [])))
    found = [
        ("Protocol", protocol.name),
        ("Clips", str(len({run.clip for run in evaluation.runs}))),
        ("Frames of a clip", str(protocol.length or "")),
        ("Size", size),
        ("Damage", ", ".join(protocol.corruptions)),
        ("Seeds", str(evaluation.seed)),
        ("Runs", str(len(evaluation.runs))),
        ("ROVR", " ".join(filter(None, [evaluation.rovr, evaluation.commit and f"commit {evaluation.commit}"]))),
        ("Machine", str(machine or "")),
        ("From", ", ".join(path.name for path in paths)),
        ("Mind", protocol.caveat),
    ]
    return [(name, value) for name, value in found if value]


def words(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Terms that the page uses."""
    found = [
        ("Hole", "The part of a frame that is missing."),
        ("Context", "Another frame that the editor looks at while it repairs one."),
        ("Selector", "Decides which frame is repaired next, and its contexts: a rule, or a trained agent."),
        ("Editor", "Repairs one frame from its contexts."),
        ("Method", "An editor under a selector."),
        ("Look", "One context frame used in one repair."),
        (
            "95 % interval",
            "From the spread between runs (bootstrap). If the interval of a difference does not hold zero, chance "
            "alone hardly explains the difference.",
        ),
    ]
    for metric in evaluation.metrics.values():
        unit = f", in {metric.unit}" if metric.unit else ""
        by = f"; computed by {metric.by}" if metric.by else ""
        meaning = f"A measure of how close a repair is to the truth{unit}: {metric.better} is better{by}."
        found.append((metric.label, meaning))
    return found
