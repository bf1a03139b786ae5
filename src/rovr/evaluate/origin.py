"""Where results come from: commit and machine."""

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

from rovr.device import has_bf16

ROOT = Path(__file__).resolve().parents[3]


def machine(threads: int) -> dict[str, Any]:
    """Processor, its widest instructions, cores, and threads used for a repair."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    wide = torch.backends.cpu.get_cpu_capability() + " with bfloat16" * has_bf16(torch.device("cpu"))
    cpu = names[0] if names else platform.processor()
    return {"cpu": cpu, "instructions": wide, "cores": os.cpu_count(), "threads": threads}


def described(machine: dict[str, Any] | str | None) -> str:
    """What :func:`machine` gives, in words; words stay as they are."""
    if not isinstance(machine, dict):
        return str(machine or "")
    return ", ".join(f"{value}" if key == "cpu" else f"{value} {key}" for key, value in machine.items())


def commit(*folders: str) -> str:
    """The commit of this source, marked where files differ from it; empty where it is no checkout of its own.

    Args:
        folders: whose files count, relative to the checkout; by default ``src``.
    """
    if not (ROOT / ".git").exists():
        return ""
    name = _git("rev-parse", "--short=12", "HEAD")
    return name + ("-dirty" if _git("status", "--porcelain", "--untracked-files=no", *(folders or ("src",))) else "")


def _git(*args: str) -> str:
    try:
        return subprocess.run(["git", *args], capture_output=True, text=True, cwd=ROOT, check=False).stdout.strip()
    except OSError:
        return ""
