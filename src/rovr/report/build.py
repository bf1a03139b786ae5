"""``rovr report``: read, draw, write."""

from collections.abc import Callable
from pathlib import Path

import matplotlib

from rovr.errors import UserError
from rovr.outputs import prepared
from rovr.report.curves import read_logs
from rovr.report.focus import choose, shown
from rovr.report.glossary import facts, measured, words
from rovr.report.holes import Holes, completed
from rovr.report.merge import read_evaluations
from rovr.report.options import ReportOptions
from rovr.report.page import Told, render
from rovr.report.place import ReportFolder
from rovr.report.sections import Job, all_sections
from rovr.report.short import in_short
from rovr.report.stats import cautious
from rovr.report.style import SETTINGS, Palette
from rovr.report.why import why

LIMIT = 20_000_000
"""Bytes that the page may take."""


def build_report(options: ReportOptions, say: Callable[[str], None]) -> Path:
    """Do what :func:`rovr.report.write_report` says."""
    every = read_evaluations(options.evaluations)
    curves, agents = read_logs(options.curves, "--curves"), read_logs(options.agents, "--agents")
    holes = Holes(every.protocol.size)
    evaluation = completed(cautious(shown(every, options)), holes)
    focus = choose(evaluation, options)
    # Marks are given out over all methods, so that a report of a few shows them as the whole one does.
    palette = Palette(every.names, {method.chooser: method.name for method in reversed(every.methods)})
    given = [Path(item.partition("=")[2]) for group in (*options.curves, *options.agents) for item in group]
    folder = ReportFolder(Path(prepared(options.output)), True, options.overwrite, [*options.evaluations, *given])
    try:
        with matplotlib.rc_context(SETTINGS):
            job = Job(evaluation, focus, palette, curves, agents, options, folder.partial, LIMIT, holes)
            sections = all_sections(job)
        colours = {name: palette(name).index for name in palette.order}
        told = Told(
            measured(evaluation, focus),
            evaluation.protocol.caveat,
            in_short(evaluation, focus, why(evaluation, focus, job.scenes)),
            facts(evaluation, options.evaluations),
            words(evaluation),
        )
        page = render(sections, told, colours)
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
