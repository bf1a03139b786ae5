"""What a training run leaves to look at: a CSV file, TensorBoard events where it is installed, and W&B if asked."""

import contextlib
import csv
import io
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rovr.files import write_whole


class TrainLog:
    """Averages figures between two lines of the log.

    Args:
        folder: ``metrics.csv`` and TensorBoard's files go here.
        step: lines of later steps, left by a run that was killed after its last checkpoint, are dropped.
        said: figures that the terminal shows, by the last part of their names.
        tracker: is told all figures too, such as :class:`rovr.editor.training.tracker.Tracker`.
        sums: figures of the steps since the last line, by name; whoever keeps it can go on from there.
    """

    def __init__(
        self,
        folder: Path,
        step: int,
        said: Sequence[str] = ("loss", "psnr", "flow", "perceptual"),
        tracker: Callable[[int, dict[str, float]], None] | None = None,
        sums: dict[str, list[float]] | None = None,
    ) -> None:
        self.said, self.tracker = said, tracker
        self.sums = {} if sums is None else sums
        self.path = folder / "metrics.csv"
        rows = _rows(self.path, step) if self.path.exists() else []
        lines = io.StringIO(newline="")
        csv.writer(lines).writerows([["step", "name", "value", "seconds"], *rows])
        write_whole(self.path, lambda file: file.write(lines.getvalue().encode()))
        self.began = time.monotonic() - (float(rows[-1][3]) if rows else 0.0)
        self.board = _board(folder, step)

    def add(self, figures: dict[str, float]) -> None:
        """Remember one step's figures."""
        for name, value in figures.items():
            self.sums.setdefault(name, []).append(value)

    def flush(self, step: int, total: int) -> None:
        """Write the means since the last line, and say them."""
        means = {name: float(np.mean(values)) for name, values in self.sums.items()}
        self.sums.clear()
        self.write(step, means)
        said = "  ".join(f"{name} {mean:.4g}" for name, mean in means.items() if name.split("/")[-1] in self.said)
        print(f"step {step}/{total}  {said}  {time.monotonic() - self.began:.0f} s", flush=True)

    def write(self, step: int, figures: dict[str, float]) -> None:
        """Write figures at once."""
        seconds = f"{time.monotonic() - self.began:.1f}"
        with self.path.open("a", newline="") as file:
            csv.writer(file).writerows([step, name, f"{value:.6g}", seconds] for name, value in figures.items())
        if self.board is not None:
            for name, value in figures.items():
                self.board.add_scalar(name, value, step)
            self.board.flush()
        if self.tracker is not None:
            self.tracker(step, figures)

    def close(self) -> None:
        """End the thread that writes TensorBoard's file."""
        if self.board is not None:
            self.board.close()


def _rows(path: Path, step: int) -> list[list[str]]:
    """The lines up to a step; those that a full disk or a loss of power has cut short or spoilt are left out."""
    rows = []
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        for row in csv.reader(file):
            with contextlib.suppress(ValueError, IndexError):
                number, _, _ = int(row[0]), float(row[2]), float(row[3])
                if number <= step:
                    rows.append(row[:4])
    return rows


def _board(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    # From this step on TensorBoard forgets what a killed run had written; the line of the last step kept is not of it.
    return SummaryWriter(str(folder), purge_step=step + 1)
