"""Settings of a report; the field docstrings are the command line's help."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, UseAppendAction, arg

Named = UseAppendAction[tuple[tuple[str, ...], ...]]
"""NAME=FILE any number of times, behind one flag or behind several."""


@dataclass(frozen=True)
class ReportOptions:
    """Draw figures from an evaluation, and write them into one HTML file that opens offline."""

    evaluations: Positional[tuple[Path, ...]]
    """JSON files that rovr evaluate wrote on the same damaged clips, such as with another editor or other contexts."""
    output: Annotated[Path, arg(aliases=["-o"], metavar="FOLDER")]
    """Folder for index.html and the figures, each as PNG and SVG."""
    curves: Annotated[Named, arg(metavar="NAME=FILE")] = ()
    """Training logs of editors (CSV); the same name again is one more seed, four names EDITOR/SAMPLER make the 2×2."""
    agents: Annotated[Named, arg(metavar="NAME=FILE")] = ()
    """Training logs of agents (CSV); the same name again is one more seed."""
    series: Annotated[str, arg(metavar="NAME")] = "loss"
    """Which figure of the editors' logs to draw, by the last part of its name."""
    metric: Annotated[str | None, arg(metavar="KEY")] = None
    """Key of the metric to draw; by default the first of the evaluation."""
    methods: Annotated[tuple[str, ...], arg(metavar="NAME")] = ()
    """Methods to show, in this order; by default all."""
    method: Annotated[str | None, arg(metavar="NAME")] = None
    """Method to look at closely; by default the best agent, or else the best rule, that is not the baseline."""
    against: Annotated[str | None, arg(metavar="NAME")] = None
    """Baseline to compare it with; by default the evaluation's."""
    clips: Annotated[tuple[str, ...], arg(metavar="NAME")] = ()
    """Clips to show; by default those where the method gains the most, the median and the least on the baseline."""
    overwrite: bool = False
    """Replace an earlier report."""
