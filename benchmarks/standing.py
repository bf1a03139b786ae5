"""What it brings to take what hides before a still camera to stand still: python benchmarks/standing.py.

The shipped editor with and without :mod:`rovr.editor.standing`, clip by clip on the same damage, on the footage on which
such things are chosen and on that for testing. *Flicker* is the change from frame to frame inside the holes that the
truth does not have.
"""

import argparse
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _common import ROOT, clips_of, commit, footage, machine, write
from torch import Tensor

from rovr.data.cases import Case, make_case
from rovr.data.corrupt import damage
from rovr.editor import aligned
from rovr.editor.base import Editor
from rovr.editor.loading import load_editor
from rovr.editor.standing import standing
from rovr.evaluate.freeform import freeform_masks
from rovr.mdp.state import RepairState
from rovr.metrics import flicker, psnr
from rovr.repair import Repairer
from rovr.select import DEFAULT, load_selector

KINDS = ("shift", "freeform-moving")
SPLITS = ("val", "test")

CLEAR = 0.1
"""dB by which a clip is better or worse."""


def along_the_flow(flows: Tensor, *seen: Tensor) -> Tensor:
    """Flows as they are."""
    return flows


def case_of(clip: Tensor, kind: str, seed: int) -> Case:
    """A damaged clip."""
    if kind == "shift":
        return make_case(clip, kind, seed)
    masks = freeform_masks(len(clip), *clip.shape[-2:], True, seed)
    return Case(clip, damage(clip, masks), masks)


def repaired(editor: Editor, case: Case) -> tuple[float, float]:
    """Hole-PSNR and flicker of a repaired case."""
    state = RepairState.begin(case.frames.clone(), case.masks)
    Repairer(editor, load_selector(DEFAULT)).run(state, torch.Generator().manual_seed(0))
    return psnr(state.frames, case.truth, case.masks), flicker(state.frames, case.truth, case.masks)


def means(details: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each kind of damage of each split."""
    rows = []
    for split, kind in product(SPLITS, KINDS):
        own = [detail for detail in details if (detail["footage"], detail["damage"]) == (split, kind)]
        if own:
            psnrs, flickers = (np.array([detail[key] for detail in own]) for key in ("hole_psnr", "flicker"))
            gains = psnrs[:, 1] - psnrs[:, 0]
            rows.append(
                {
                    "footage": split,
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
    """Run and write, after each split."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--length", type=int, default=25)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "standing.json")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    editor, details = load_editor("aligned"), []
    for split in SPLITS:
        for (name, clip), kind in product(clips_of(footage(split), args.length, 256).items(), KINDS):
            case, pairs = case_of(clip, kind, args.seed), []
            for rule in (along_the_flow, standing):
                aligned.standing = rule  # type: ignore[attr-defined]
                pairs.append(repaired(editor, case))
            psnrs, flickers = zip(*pairs, strict=True)
            details.append({"footage": split, "clip": name, "damage": kind, "hole_psnr": psnrs, "flicker": flickers})
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
