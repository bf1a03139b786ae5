"""What every results file says of itself: commit and machine."""

import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from torch import Tensor

from rovr.data.cases import first_clips

ROOT = Path(__file__).resolve().parents[1]


def machine(threads: int) -> dict[str, Any]:
    """Processor, cores and threads used."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {"cpu": names[0] if names else platform.processor(), "cores": os.cpu_count(), "threads": threads}


def commit() -> str:
    """The commit, marked where the source differs from it."""
    asked = ["git", "rev-parse", "--short=12", "HEAD"]
    name = subprocess.run(asked, capture_output=True, text=True, cwd=ROOT, check=False).stdout.strip()
    changed = ["git", "status", "--porcelain", "--untracked-files=no", "src", "benchmarks"]
    dirty = subprocess.run(changed, capture_output=True, text=True, cwd=ROOT, check=False).stdout.strip()
    return name + ("-dirty" if dirty else "")


def clips_of(folder: Path, length: int, size: int) -> dict[str, Tensor]:
    """The first clip (length, 3, size, size) uint8 of every video of a folder, in the order of their names."""
    if not folder.is_dir():
        raise SystemExit("give a folder of clips with --clips, or set ROVR_DATA")
    return dict(sorted(first_clips(folder, length, size).items()))


def write(path: Path, report: dict[str, Any]) -> None:
    """Write a results file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(report, indent=1) + "\n")
    partial.replace(path)
    print(f"wrote {path}")
