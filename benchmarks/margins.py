"""How much beside a hole the network should see: python benchmarks/margins.py [--val DIR] [--out results/margins.json].

Validation clips are damaged and repaired as the package does it, but with other margins around the hole: of the network
that puts the picture together, and of the one that corrects the motion. Gains are in decibels of hole-PSNR over the
margin that ships, with their standard error over clips; a network's work is counted in pixels. Without a folder that of
the variable ROVR_DATA is taken.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from _common import ROOT, clips_of, commit, footage, machine, write

from rovr.data.cases import make_case
from rovr.editor import chaining, learned
from rovr.editor.aligned import AlignedEditor
from rovr.editor.loading import load_editor
from rovr.editor.views import Views
from rovr.mdp.state import RepairState
from rovr.metrics import psnr
from rovr.repair import Repairer
from rovr.select import DEFAULT, load_selector

LENGTH, SIZE, SEED = 16, 256, 3000
DAMAGE = ("shift", "shift+photometric", "scratch")
SHIPPED = {"picture": learned.MARGIN, "motion": chaining.BESIDE}
MARGINS = {"picture": (8, 16, 32), "motion": (4, 8, 12, 16, SIZE)}


class Counted:
    """Stands before a network and counts the pixels of the windows that it sees, at its own scale."""

    def __init__(self, net: Callable[..., Any], size: int) -> None:
        self.net, self.size = net, size
        self.pixels = self.frames = 0

    def __call__(self, seen: Views | torch.Tensor) -> Any:
        """Let it see them."""
        shape = (seen.mask if isinstance(seen, Views) else seen).shape
        self.pixels += shape[0] * shape[-2] * shape[-1]
        self.frames += shape[0]
        return self.net(seen)

    def share(self) -> float:
        """Of the frames that it was asked about, how much it saw."""
        return self.pixels / (self.frames * self.size**2)


def repaired(
    repairer: Repairer, clips: dict[str, torch.Tensor], kind: str, part: str, margin: int
) -> tuple[torch.Tensor, float]:
    """Hole-PSNR of each clip, and the share of a frame that the network sees."""
    editor = repairer.editor
    assert isinstance(editor, AlignedEditor)
    net: Any = editor.net if part == "picture" else editor.net.motion
    forward = net.forward
    counted = net.forward = Counted(forward, SIZE if part == "picture" else SIZE // 2)
    learned.MARGIN, chaining.BESIDE = ({**SHIPPED, part: margin}[name] for name in ("picture", "motion"))
    found = []
    for k, clip in enumerate(clips.values()):
        case = make_case(clip, kind, SEED + k)
        state = RepairState.begin(case.frames.clone(), case.masks)
        repairer.run(state, torch.Generator().manual_seed(0))
        found.append(psnr(state.frames, case.truth, case.masks))
    net.forward = forward
    return torch.tensor(found), counted.share()


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--val", type=Path, default=footage("val"))
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "margins.json")
    args = parser.parse_args()
    torch.set_num_threads(1)
    clips = clips_of(args.val, LENGTH, SIZE)
    repairer = Repairer(load_editor("aligned"), load_selector(DEFAULT))
    rows = []
    for part, margins in MARGINS.items():
        for kind in DAMAGE:
            base, usual = repaired(repairer, clips, kind, part, SHIPPED[part])
            for margin in margins:
                same = margin == SHIPPED[part]
                psnrs, seen = (base, usual) if same else repaired(repairer, clips, kind, part, margin)
                gain = psnrs - base
                row = {"part": part, "damage": kind, "margin": margin, "hole_psnr": float(psnrs.mean())}
                row["gain_db"] = float(gain.mean())
                row["standard_error_db"] = float(gain.std() / len(gain) ** 0.5)
                rows.append({**row, "share_of_frame_seen": seen})
                print(rows[-1], flush=True)
    report = {"commit": commit(), "seed": str(SEED), "machine": machine(1), "size": SIZE, "frames": LENGTH}
    write(args.out, {**report, "shipped": SHIPPED, "rows": rows})


if __name__ == "__main__":
    main()
