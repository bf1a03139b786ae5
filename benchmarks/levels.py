"""What it brings to match the brightness of contexts: python benchmarks/levels.py [--out results/levels.json].

The shipped editor with and without :mod:`rovr.editor.levels`, clip by clip side by side, on clips whose brightness is
steady and on the same clips when they flicker and are noisy.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _common import ROOT, clips_of, commit, footage, machine, write
from _exchanged import side_by_side

from rovr.data.cases import Case
from rovr.editor import aligned_net
from rovr.editor.levels import gains
from rovr.metrics import psnr

KINDS = ("shift+photometric", "shift")


def left_alone(*seen: torch.Tensor) -> torch.Tensor:
    """Gains of 1."""
    return torch.ones_like(gains(*seen))


def measured(frames: torch.Tensor, case: Case) -> float:
    """The hole-PSNR of a repaired case."""
    return psnr(frames, case.truth, case.masks)


def means(details: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each kind of damage."""
    rows = []
    for kind in KINDS:
        own = [detail for detail in details if detail["damage"] == kind]
        if own:
            pairs = np.array([(detail["as_they_are"], detail["matched"]) for detail in own])
            row = {"damage": kind, "clips": len(own), "as_they_are": pairs[:, 0].mean(), "matched": pairs[:, 1].mean()}
            rows.append({**row, "gain": row["matched"] - row["as_they_are"]})
    return rows


def main() -> None:
    """Run and write, after every repair."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, default=footage("val"))
    parser.add_argument("--length", type=int, default=25)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "levels.json")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    clips, details = clips_of(args.clips, args.length, 256), []
    ways = {"as_they_are": left_alone, "matched": gains}
    for detail in side_by_side(clips, KINDS, [args.seed], "sight", (aligned_net, "gains"), ways, measured):
        details.append(detail)
        print(detail, flush=True)
        report = {
            "commit": commit(),
            "seed": args.seed,
            "machine": machine(args.threads),
            "length": args.length,
            "rows": means(details),
            "clips": details,
        }
        write(args.out, report)


if __name__ == "__main__":
    main()
