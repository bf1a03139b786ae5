"""What every results file says of itself: commit and machine."""

import os
from pathlib import Path
from typing import Any

from torch import Tensor

from rovr.data.cases import first_clips
from rovr.evaluate import origin
from rovr.evaluate.origin import machine
from rovr.files import lay_out

__all__ = ["ROOT", "clips_of", "commit", "footage", "machine", "span", "write"]

ROOT = Path(__file__).resolve().parents[1]


def commit() -> str:
    """The commit, marked where source or benchmarks differ from it."""
    return origin.commit("src", "benchmarks")


def footage(split: str) -> Path:
    """A folder of the footage that the variable ROVR_DATA names; beside us where it is not set."""
    return Path(os.environ.get("ROVR_DATA", "")) / split


def clips_of(folder: Path, length: int, size: int) -> dict[str, Tensor]:
    """The first clip (length, 3, size, size) uint8 of every video of a folder, in the order of their names."""
    if not folder.is_dir():
        raise SystemExit("give a folder of clips with --clips, or set ROVR_DATA")
    return dict(sorted(first_clips(folder, length, size).items()))


def span(seeds: int) -> str:
    """The seeds in words."""
    return f"0–{seeds - 1}" if seeds > 1 else "0"


def write(path: Path, report: dict[str, Any]) -> None:
    """Write a results file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(lay_out(report) + "\n")
    partial.replace(path)
    print(f"wrote {path}")
