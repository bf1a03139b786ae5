"""What it is worth to repair every frame again: python benchmarks/passes.py [--clips DIR] [--out results/passes.json].

Test clips of 25 frames at 256×256, damaged as in the evaluation, repaired in one pass and in more, by the agent, by
``sight`` and in the order of time. Differences are to one pass of the agent with two contexts, on the same damage, with
95 % intervals over clips. Motion is measured by DIS. Seconds are the processor's. Without a folder that of the variable
ROVR_DATA is taken.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import torch
from _common import ROOT, clips_of, commit, footage, machine, write

from rovr.data.cases import Case
from rovr.editor.loading import load_editor
from rovr.evaluate.clips import draw_case
from rovr.evaluate.summary import compare, summarize
from rovr.flow import load_flow
from rovr.mdp.state import RepairState
from rovr.metrics import flicker, flow_error, psnr, ssim
from rovr.repair import Repairer
from rovr.select import load_selector

LENGTH, SIZE = 25, 256
DAMAGE = ("shift", "shift+photometric")
BASE = "agent", 2, 1
METHODS = (
    BASE,
    ("agent", 2, 2),
    ("agent", 2, 3),
    ("agent", 4, 1),
    ("agent", 4, 2),
    ("sight", 2, 2),
    ("sequential", 2, 1),
    ("sequential", 2, 2),
)
KEYS = ("hole_psnr", "hole_ssim", "flow_recovery", "flicker")


def runs_of(clip: str, case: Case, repairers: dict[Any, Repairer], flow: Any) -> dict[Any, dict[str, Any]]:
    """One damaged clip repaired by every method."""
    true = flow.clip(case.truth)
    before = flow_error(flow.clip(case.frames), true).mean
    hole = case.masks.float().mean((1, 2, 3)).tolist()
    runs = {}
    for method, repairer in repairers.items():
        state = RepairState.begin(case.frames.clone(), case.masks.clone())
        began = time.process_time()
        repairer.run(state, torch.Generator().manual_seed(0))
        seconds = time.process_time() - began
        assert torch.equal(state.frames.masked_fill(case.masks, 0), case.frames.masked_fill(case.masks, 0))
        values = {
            "hole_psnr": psnr(state.frames, case.truth, case.masks),
            "hole_ssim": ssim(state.frames, case.truth, case.masks),
            "flow_error_damaged": before,
            "flow_error_repaired": flow_error(flow.clip(state.frames), true).mean,
            "flicker": flicker(state.frames, case.truth, case.masks),
        }
        runs[method] = {"clip": clip, "values": values, "seconds": seconds, "hole": hole}
    return runs


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, default=footage("test"))
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "passes.json")
    args = parser.parse_args()
    torch.set_num_threads(1)
    editor, flow = load_editor("aligned"), load_flow("dis", None, torch.device("cpu"))
    repairers = {
        (selector, contexts, passes): Repairer(editor, load_selector(selector), contexts, passes)
        for selector, contexts, passes in METHODS
    }
    clips, rows = clips_of(args.clips, LENGTH, SIZE), []
    for kind in DAMAGE:
        found: dict[Any, list[dict[str, Any]]] = {method: [] for method in METHODS}
        for name, clip in clips.items():
            for method, run in runs_of(name, draw_case(clip, name, 0, kind), repairers, flow).items():
                found[method].append(run)
            print(kind, name, [round(found[method][-1]["values"]["hole_psnr"], 2) for method in METHODS], flush=True)
        cost = sum(run["seconds"] for run in found[BASE])
        for method, runs in found.items():
            row: dict[str, Any] = dict(zip(("selector", "contexts", "passes"), method, strict=True))
            row |= {"damage": kind, "time": sum(run["seconds"] for run in runs) / cost}
            row |= {"values": summarize(runs, KEYS), "gains": compare(runs, found[BASE], KEYS)}
            rows.append(row)
    report = {"commit": commit(), "seed": "0", "machine": machine(1), "frames": LENGTH, "size": SIZE}
    write(args.out, {**report, "rows": rows})


if __name__ == "__main__":
    main()
