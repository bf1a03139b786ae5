"""Two chosen contexts beside the many of a fixed rule: quality and the editor's work, on the same clips and damage.

    python benchmarks/side_by_side.py --clips DIR [--seeds 4] [--out results/side_by_side.json]

Each clip's first 25 frames at 256×256 are damaged (``shift``), by each seed differently, and repaired by the same
editor with K contexts, as the agent and the rule ``sight`` choose them, and with all those that ``local_stride`` asks
for: the frames within five, and every tenth. Work is counted, not clocked: contexts looked at, and multiply-adds of
the editor's convolutions and matrix products. Dense flow, which is measured once a video for either, is not among
them; the agent's own networks are.
Without ``--clips`` the folder ``test`` of the variable ROVR_DATA is used.
"""

import argparse
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import torch
from _common import ROOT, clips_of, commit, footage, machine, span, write
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from rovr.editor import load_editor
from rovr.evaluate.clips import draw_case
from rovr.evaluate.summary import compare, summarize
from rovr.mdp.state import RepairState
from rovr.metrics import psnr
from rovr.repair import Repairer
from rovr.select import load_selector

RULE = "local_stride"
COUNTS = (1, 2, 3, 4, 6)
CHOSEN = 2

Row = dict[str, Any]


def methods() -> dict[str, tuple[str, dict[str, Any], int]]:
    """Name → selector, its options, and K."""
    chosen = {f"agent, {count}": ("agent", {}, count) for count in COUNTS}
    return {**chosen, f"sight, {CHOSEN}": ("sight", {}, CHOSEN), f"{RULE}, all": (RULE, {"every": True}, CHOSEN)}


def measure(task: tuple[str, Tensor, int]) -> list[Row]:
    """All methods on one damaged clip."""
    name, truth, seed = task
    torch.set_num_threads(1)
    case = draw_case(truth, name, seed, "shift")
    editor = load_editor("aligned")
    rows = []
    for method, (selector, options, count) in methods().items():
        state = RepairState.begin(case.frames.clone(), case.masks)
        counter = FlopCounterMode(display=False)
        with counter:
            Repairer(editor, load_selector(selector, **options), count).run(state, torch.Generator().manual_seed(0))
        rows.append(
            {
                "clip": name,
                "seed": seed,
                "method": method,
                "hole_psnr": psnr(state.frames, case.truth, case.masks),
                "repairs": len(state.edits),
                "looks": sum(len(edit.contexts) for edit in state.edits),
                # A multiply-add is two operations.
                "multiply_adds": counter.get_total_flops() // 2,
            }
        )
    return rows


def as_runs(details: list[Row], method: str) -> list[Row]:
    """The rows of a method as :mod:`rovr.evaluate.summary` takes them."""
    own = [row for row in details if row["method"] == method]
    return [{"clip": row["clip"], "values": {"hole_psnr": row["hole_psnr"]}, "hole": [0.0]} for row in own]


def summary(details: list[Row]) -> dict[str, Any]:
    """A row a method, and its difference to the rule with all its contexts, paired by clip and seed."""
    base, rows = f"{RULE}, all", []
    total = sum(row["multiply_adds"] for row in details if row["method"] == base)
    seen = sum(row["looks"] for row in details if row["method"] == base)
    for name in methods():
        own = [row for row in details if row["method"] == name]
        repairs, looks, work = (sum(row[key] for row in own) for key in ("repairs", "looks", "multiply_adds"))
        found = summarize(as_runs(details, name), ["hole_psnr"])["hole_psnr"]
        gap = compare(as_runs(details, name), as_runs(details, base), ["hole_psnr"])["hole_psnr"]
        assert found is not None
        assert gap is not None
        rows.append(
            {
                "method": name,
                "contexts": looks / repairs,
                "hole_psnr": found["mean"],
                "above_rule": gap["mean"],
                "low": gap["low"],
                "high": gap["high"],
                "gmac_a_repair": work / repairs / 1e9,
                "share_of_looks": looks / seen,
                "share_of_work": work / total,
            }
        )
    return {"rows": rows, "chosen": next(row for row in rows if row["method"] == f"agent, {CHOSEN}")}


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, help="folder of clips")
    parser.add_argument("--only", nargs="+", help="these clips alone")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--length", type=int, default=25)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "side_by_side.json")
    args = parser.parse_args()
    firsts = clips_of(args.clips or footage("test"), args.length, args.size)
    firsts = {name: clip for name, clip in firsts.items() if not args.only or name in args.only}
    tasks = [(name, clip, seed) for name, clip in firsts.items() for seed in range(args.seeds)]
    details: list[Row] = []
    began = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(args.workers) as pool:
        for done, rows in enumerate(pool.imap_unordered(measure, tasks), 1):
            details += rows
            left = (time.monotonic() - began) / done * (len(tasks) - done) / 60
            print(f"{done}/{len(tasks)}  {rows[0]['clip']}, about {left:.0f} minutes left", flush=True)
    details.sort(key=lambda row: (row["clip"], row["seed"]))
    report = {
        "commit": commit(),
        "machine": machine(1),
        "seed": span(args.seeds),
        "clips": sorted(firsts),
        "frames": args.length,
        "size": args.size,
        **summary(details),
        "details": details,
    }
    write(args.out, report)
    for row in report["rows"]:
        line = "{method:<20}{contexts:6.2f} contexts {hole_psnr:7.2f} dB, {above_rule:+.2f} ({low:+.2f} to {high:+.2f})"
        print(
            (line + " on the rule, {gmac_a_repair:7.2f} GMAC a repair, {share_of_work:.0%} of its work").format(**row)
        )


if __name__ == "__main__":
    main()
