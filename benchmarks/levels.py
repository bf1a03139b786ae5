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

from rovr.data.cases import Case, make_case
from rovr.editor import aligned_net
from rovr.editor.base import Editor
from rovr.editor.levels import gains
from rovr.editor.loading import load_editor
from rovr.mdp.state import RepairState
from rovr.metrics import psnr
from rovr.repair import Repairer
from rovr.select import load_selector

KINDS = ("shift+photometric", "shift")


def left_alone(*seen: torch.Tensor) -> torch.Tensor:
    """Gains of 1."""
    return torch.ones_like(gains(*seen))


def repaired(editor: Editor, case: Case) -> float:
    """The hole-PSNR of a repaired case."""
    state = RepairState.begin(case.frames.clone(), case.masks)
    Repairer(editor, load_selector("sight")).run(state, torch.Generator().manual_seed(0))
    return psnr(state.frames, case.truth, case.masks)


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
    """Run and write, after every clip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, default=footage("val"))
    parser.add_argument("--length", type=int, default=25)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "levels.json")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    editor, details = load_editor("aligned"), []
    for name, clip in clips_of(args.clips, args.length, 256).items():
        for kind in KINDS:
            case, found = make_case(clip, kind, args.seed), {}
            for way, rule in (("as_they_are", left_alone), ("matched", gains)):
                aligned_net.gains = rule  # type: ignore[attr-defined]
                found[way] = repaired(editor, case)
            details.append({"clip": name, "damage": kind, **found})
            print(details[-1], flush=True)
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
