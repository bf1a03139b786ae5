"""What it brings to take what hides before a still camera to stand still: python benchmarks/standing.py.

The shipped editor with and without :mod:`rovr.editor.standing`, clip by clip on the same damage. *Flicker* is the
change from frame to frame inside the holes that the truth does not have.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _common import ROOT, clips_of, commit, footage, machine, write
from torch import Tensor

from rovr.data.cases import Case, make_case
from rovr.editor import aligned
from rovr.editor.base import Editor
from rovr.editor.loading import load_editor
from rovr.editor.standing import standing
from rovr.mdp.state import RepairState
from rovr.metrics import flicker, psnr
from rovr.repair import Repairer
from rovr.select import DEFAULT, load_selector

KINDS = ("shift", "static")

CLEAR = 0.1
"""dB by which a clip is better or worse."""


def along_the_flow(flows: Tensor, *seen: Tensor) -> Tensor:
    """Flows as they are."""
    return flows


def repaired(editor: Editor, case: Case) -> tuple[float, float]:
    """Hole-PSNR and flicker of a repaired case."""
    state = RepairState.begin(case.frames.clone(), case.masks)
    Repairer(editor, load_selector(DEFAULT)).run(state, torch.Generator().manual_seed(0))
    return psnr(state.frames, case.truth, case.masks), flicker(state.frames, case.truth, case.masks)


def means(details: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each kind of damage."""
    rows = []
    for kind in KINDS:
        own = [detail for detail in details if detail["damage"] == kind]
        if own:
            psnrs, flickers = (np.array([detail[key] for detail in own]) for key in ("hole_psnr", "flicker"))
            gains = psnrs[:, 1] - psnrs[:, 0]
            rows.append(
                {
                    "damage": kind,
                    "clips": len(own),
                    "along_the_flow": psnrs[:, 0].mean(),
                    "standing": psnrs[:, 1].mean(),
                    "gain": gains.mean(),
                    "least_gain": gains.min(),
                    "most_gain": gains.max(),
                    "better": int((gains >= CLEAR).sum()),
                    "worse": int((gains <= -CLEAR).sum()),
                    "flicker_along_the_flow": flickers[:, 0].mean(),
                    "flicker_standing": flickers[:, 1].mean(),
                }
            )
    return rows


def main() -> None:
    """Run and write, after every clip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, default=footage("test"))
    parser.add_argument("--length", type=int, default=25)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "standing.json")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    editor, details = load_editor("aligned"), []
    for name, clip in clips_of(args.clips, args.length, 256).items():
        for kind in KINDS:
            case, pairs = make_case(clip, kind, args.seed), []
            for rule in (along_the_flow, standing):
                aligned.standing = rule  # type: ignore[attr-defined]
                pairs.append(repaired(editor, case))
            psnrs, flickers = zip(*pairs, strict=True)
            details.append({"clip": name, "damage": kind, "hole_psnr": psnrs, "flicker": flickers})
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
