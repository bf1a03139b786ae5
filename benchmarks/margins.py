"""How much beside a hole the network should see: python benchmarks/margins.py [--val DIR] [--out results/margins.json].

Validation clips are damaged and repaired as the package does it, but with other margins around the hole. Gains are in
decibels of hole-PSNR over the margin that ships, with their standard error over clips; the network's work is counted in
pixels. Without a folder that of the variable ROVR_DATA is taken.
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import torch
from _common import ROOT, clips_of, commit, machine, write

from rovr.data.cases import make_case
from rovr.editor import learned
from rovr.editor.loading import load_editor
from rovr.editor.views import Fusion, Views
from rovr.mdp.state import RepairState
from rovr.metrics import psnr
from rovr.repair import Repairer
from rovr.select import DEFAULT, load_selector

LENGTH, SIZE, SEED = 16, 256, 3000
DAMAGE = ("shift", "shift+photometric", "scratch")
MARGINS = (8, 16, 32)
SHIPPED = learned.MARGIN


class Counted:
    """Stands before a network and counts the pixels of the windows that it sees."""

    def __init__(self, net: Callable[[Views], Fusion]) -> None:
        self.net, self.pixels = net, 0

    def __call__(self, views: Views) -> Fusion:
        """Let it see them."""
        self.pixels += views.mask.numel()
        return self.net(views)


def repaired(repairer: Repairer, clips: dict[str, torch.Tensor], kind: str, margin: int) -> tuple[torch.Tensor, float]:
    """Hole-PSNR of each clip, and pixels of a window in shares of a frame."""
    editor = repairer.editor
    assert isinstance(editor, learned.LearnedEditor)
    forward = editor.net.forward
    counted = Counted(forward)
    learned.MARGIN, editor.net.forward = margin, counted
    found, edits = [], 0
    for k, clip in enumerate(clips.values()):
        case = make_case(clip, kind, SEED + k)
        state = RepairState.begin(case.frames.clone(), case.masks)
        repairer.run(state, torch.Generator().manual_seed(0))
        found.append(psnr(state.frames, case.truth, case.masks))
        edits += len(state.edits)
    editor.net.forward = forward
    return torch.tensor(found), counted.pixels / (edits * SIZE * SIZE)


def main() -> None:
    """Run and write."""
    data = os.environ.get("ROVR_DATA")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--val", type=Path, default=Path(data) / "val" if data else Path("val"))
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "margins.json")
    args = parser.parse_args()
    torch.set_num_threads(1)
    clips = clips_of(args.val, LENGTH, SIZE)
    repairer = Repairer(load_editor("aligned"), load_selector(DEFAULT))
    rows = []
    for kind in DAMAGE:
        base, usual = repaired(repairer, clips, kind, SHIPPED)
        for margin in MARGINS:
            psnrs, seen = (base, usual) if margin == SHIPPED else repaired(repairer, clips, kind, margin)
            gain = psnrs - base
            row = {"damage": kind, "margin": margin, "hole_psnr": float(psnrs.mean()), "gain_db": float(gain.mean())}
            row |= {"standard_error_db": float(gain.std() / len(gain) ** 0.5), "share_of_frame_seen": seen}
            rows.append(row)
            print(row, flush=True)
    report = {"commit": commit(), "seed": str(SEED), "machine": machine(1), "size": SIZE, "frames": LENGTH}
    write(args.out, {**report, "shipped": SHIPPED, "rows": rows})


if __name__ == "__main__":
    main()
