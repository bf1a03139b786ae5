"""Training logs as curves: ``step,name,value,seconds`` in long format, see :mod:`rovr.editor.training.log`."""

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rovr.errors import UserError

Array = NDArray[np.float64]

WINDOW = 0.05
"""Share of a log's lines that smoothing averages over."""

END = 0.1
"""Share of the steps that count as the beginning or the end of training."""


@dataclass(frozen=True)
class Line:
    """One figure of one run: ``values`` at ``steps``, both (N,)."""

    steps: Array
    values: Array

    def smooth(self) -> Array:
        """The mean over :data:`WINDOW` around each step, over what there is of it at both ends."""
        half = round(len(self.values) * WINDOW) // 2
        total = np.concatenate([[0.0], np.cumsum(self.values)])
        at = np.arange(len(self.values))
        low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, len(at))
        return np.asarray((total[high] - total[low]) / (high - low), float)

    def begin(self) -> float:
        """The mean over the first :data:`END` of the steps."""
        last = self.steps[0] + END * (self.steps[-1] - self.steps[0])
        return float(self.values[self.steps <= last].mean())

    def end(self) -> float:
        """The mean over the last :data:`END` of the steps."""
        first = self.steps[-1] - END * (self.steps[-1] - self.steps[0])
        return float(self.values[self.steps >= first].mean())


@dataclass(frozen=True)
class Curve:
    """The runs of one name, which differ in their seeds."""

    name: str
    lines: list[Line]

    def band(self) -> tuple[Array, Array, Array, Array]:
        """Steps that all runs share, and the mean, lowest and highest of their smoothed values there."""
        low, high = max(line.steps[0] for line in self.lines), min(line.steps[-1] for line in self.lines)
        steps = np.unique(np.concatenate([line.steps for line in self.lines]))
        steps = steps[(steps >= low) & (steps <= high)]
        values = np.stack([np.interp(steps, line.steps, line.smooth()) for line in self.lines])
        return steps, values.mean(0), values.min(0), values.max(0)

    def end(self) -> tuple[float, float, float]:
        """Mean, lowest and highest of the runs' ends."""
        ends = [line.end() for line in self.lines]
        return float(np.mean(ends)), min(ends), max(ends)


Logs = dict[str, list[dict[str, Line]]]
"""For each name its runs, each with its figures."""


def read_logs(given: Sequence[Sequence[str]], option: str) -> Logs:
    """Read logs given as NAME=FILE.

    Args:
        given: as the command line has them.
        option: whose they are, for messages.

    Raises:
        UserError: not of this form, or not such a file.
    """
    logs: Logs = {}
    for item in (item for group in given for item in group):
        name, sign, file = item.partition("=")
        if not (name.strip() and sign and file):
            raise UserError(f"{option} {item}: give NAME=FILE.csv")
        logs.setdefault(name.strip(), []).append(read_log(Path(file)))
    return logs


def read_log(path: Path) -> dict[str, Line]:
    """The figures of one log, by name.

    Raises:
        UserError: it is no such file.
    """
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if not {"step", "name", "value"} <= set(reader.fieldnames or ()):
                raise UserError(f"{path} is no training log: its first line must be step,name,value,seconds")
            for row in reader:
                found[row["name"]].append((float(row["step"]), float(row["value"])))
    except (TypeError, ValueError, csv.Error) as error:
        raise UserError(f"{path} has a line that is not step,name,value,seconds; mend or remove it") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); give a training log") from error
    if not found:
        raise UserError(f"{path} holds no figures yet; wait until training has logged some")
    return {name: _line(points) for name, points in found.items()}


def _line(points: list[tuple[float, float]]) -> Line:
    """Points in order of their steps; those that are no numbers are left out."""
    array = np.array([point for point in points if np.isfinite(point).all()], float).reshape(-1, 2)
    array = array[np.argsort(array[:, 0], kind="stable")]
    return Line(array[:, 0], array[:, 1])


def curve(name: str, runs: list[dict[str, Line]], series: str, validation: bool = False) -> Curve | None:
    """The curve of a figure by the last part of its name.

    Args:
        name: of the curve.
        runs: its logs.
        series: ``return`` finds ``imitate/return`` and ``ppg/return``, and strings them together.
        validation: look among the figures under ``val/`` instead of the others.

    Returns:
        None where no run has it.
    """
    lines = []
    for run in runs:
        parts = [
            line
            for key, line in run.items()
            if key.split("/")[-1] == series and key.startswith("val/") == validation and len(line.steps)
        ]
        if parts:
            steps, values = (np.concatenate([getattr(part, what) for part in parts]) for what in ("steps", "values"))
            order = np.argsort(steps, kind="stable")
            lines.append(Line(steps[order], values[order]))
    return Curve(name, lines) if lines else None
