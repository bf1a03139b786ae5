"""What further contexts are worth, and who should pick them: python benchmarks/further.py [--val DIR] [--out FILE].

The agent was trained to pick two. It repairs validation clips with two and with more, which the rule ``sight`` picks,
and so does the rule by itself. Gains are in decibels of hole-PSNR over the agent with two, with their standard error
over clips. Without a folder that of the variable ROVR_DATA is taken.
"""

import argparse
from pathlib import Path

import torch
from _common import ROOT, clips_of, commit, footage, machine, write
from torch import Tensor

from rovr.data.cases import make_case
from rovr.editor.base import Editor
from rovr.editor.loading import load_editor
from rovr.mdp.state import RepairState
from rovr.metrics import psnr
from rovr.repair import Repairer
from rovr.select import load_selector

LENGTH, SEED = 25, 1000
DAMAGE = ("shift", "shift+photometric")
METHODS = (("agent", 2), ("agent", 3), ("agent", 4), ("agent", 6), ("sight", 2), ("sight", 4))


def repaired(editor: Editor, selector: str, contexts: int, clips: dict[str, Tensor], kind: str) -> Tensor:
    """Hole-PSNR of each clip."""
    repairer, found = Repairer(editor, load_selector(selector), contexts), []
    for k, clip in enumerate(clips.values()):
        case = make_case(clip, kind, SEED + k)
        state = RepairState.begin(case.frames.clone(), case.masks)
        repairer.run(state, torch.Generator().manual_seed(0))
        found.append(psnr(state.frames, case.truth, case.masks))
    return torch.tensor(found)


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--val", type=Path, default=footage("val"))
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "further.json")
    args = parser.parse_args()
    torch.set_num_threads(1)
    editor, clips = load_editor("aligned"), clips_of(args.val, LENGTH, args.size)
    rows = []
    for kind in DAMAGE:
        found = {method: repaired(editor, *method, clips, kind) for method in METHODS}
        for (selector, contexts), psnrs in found.items():
            gain = psnrs - found["agent", 2]
            row = {"damage": kind, "selector": selector, "contexts": contexts, "hole_psnr": float(psnrs.mean())}
            error = float(gain.std() / len(gain) ** 0.5)
            rows.append({**row, "gain_db": float(gain.mean()), "standard_error_db": error})
            print(rows[-1], flush=True)
    write(args.out, {"commit": commit(), "seed": str(SEED), "machine": machine(1), "size": args.size, "rows": rows})


if __name__ == "__main__":
    main()
