"""What a training run leaves to look at: a CSV file, TensorBoard events where it is installed, and pictures."""

import csv
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from rovr.editor.training.samples import Lesson


class TrainLog:
    """Averages figures between two lines of the log.

    Args:
        folder: ``metrics.csv`` and TensorBoard's files go here.
        step: lines of later steps, left by a run that was killed after its last checkpoint, are dropped.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self.path = folder / "metrics.csv"
        rows = []
        if self.path.exists():
            with self.path.open(newline="") as file:
                rows = [row for row in csv.reader(file) if row and row[0] != "step" and int(row[0]) <= step]
        with self.path.open("w", newline="") as file:
            csv.writer(file).writerows([["step", "name", "value", "seconds"], *rows])
        self.began = time.monotonic() - (float(rows[-1][3]) if rows else 0.0)
        self.sums: dict[str, list[float]] = defaultdict(list)
        self.board = _board(folder, step)

    def add(self, figures: dict[str, float]) -> None:
        """Remember one step's figures."""
        for name, value in figures.items():
            self.sums[name].append(value)

    def flush(self, step: int, total: int) -> None:
        """Write the means since the last line, and say them."""
        means = {name: float(np.mean(values)) for name, values in self.sums.items()}
        self.sums.clear()
        self.write(step, means)
        said = "  ".join(
            f"{name} {means[name]:.4g}" for name in ("loss", "psnr", "flow", "perceptual") if name in means
        )
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


def _board(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=step)


@torch.no_grad()
def picture(net: nn.Module, lesson: Lesson, path: Path) -> None:
    """Draw a batch: a row a sample; damaged, smoothly filled, repaired, true."""
    image = net(lesson.views).image.clamp(0, 1)
    mask = lesson.views.mask
    damaged = torch.lerp(lesson.truth, torch.full_like(image, 0.5), mask)
    columns = [damaged, lesson.views.base, torch.lerp(lesson.views.base, image, mask), lesson.truth]
    sheet = torch.cat([torch.cat(list(column), 1) for column in columns], 2)
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = (sheet.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
