"""Whether provenance holds: pixels that are said to be recovered against those that are said to be invented.

    python benchmarks/provenance.py --clips DIR [--seeds 4] [--out results/provenance.json]

Each clip's first 25 frames at 256×256 are damaged (``shift``), by each seed differently in every clip, repaired while
every pixel is followed to its sources, and compared with the truth. A pixel counts as recovered where less than half of
it was invented. PSNR is taken from the squared error pooled over pixels; ``details`` has every clip for itself. The
repair is made a second time without following, to see what that costs and that the picture is the same. Without
``--clips`` the folder ``test`` of the variable ROVR_DATA is used.
"""

import argparse
import math
import multiprocessing
import os
import time
import zlib
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _common import ROOT, clips_of, commit, footage, machine, span, write
from numpy.typing import NDArray
from torch import Tensor

from rovr.data.corrupt import damage, make_masks
from rovr.editor import load_editor
from rovr.mdp.state import RepairState
from rovr.provenance import Tally, Tracker
from rovr.provenance.trace import WHOLE
from rovr.repair import Repairer
from rovr.select import load_selector

DECILES = 10

Sums = NDArray[np.float64]
"""By invented share: pixels and squared error, (WHOLE + 1, 2)."""


def repair(frames: Tensor, masks: Tensor, weights: Path | None, tracker: Tracker | None) -> tuple[Tensor, float]:
    """Repaired frames, and the seconds a frame took."""
    state = RepairState.begin(frames.clone(), masks)
    repairer = Repairer(load_editor("aligned", weights=weights), load_selector("sight"))
    began = time.perf_counter()
    repaired = repairer.run(state, torch.Generator().manual_seed(0), tracker=tracker).frames
    return repaired, (time.perf_counter() - began) / len(frames)


@torch.inference_mode()
def measure(task: tuple[argparse.Namespace, str, Tensor, int]) -> dict[str, Any]:
    """One damaged clip."""
    args, name, truth, seed = task
    torch.set_num_threads(1)
    masks = make_masks("shift", len(truth), truth.shape[-2], truth.shape[-1], zlib.crc32(f"{name} {seed}".encode()))
    damaged = damage(truth, masks)
    plain, seconds = repair(damaged, masks, args.aligned, None)
    tracker, tally = Tracker(range(len(truth))), Tally()
    repaired, seconds_followed = repair(damaged, masks, args.aligned, tracker)
    assert torch.equal(plain, repaired), "following changed the picture"
    sums, named = np.zeros((WHOLE + 1, 2)), np.zeros(5)
    for frame, trace in tracker.traces.items():
        tally.add(trace, frame)
        error = (repaired[frame].float() - truth[frame].float()).square().mean(0).flatten()[trace.places]
        invented = trace.invented.long().numpy()
        sums[:, 0] += np.bincount(invented, minlength=WHOLE + 1)
        sums[:, 1] += np.bincount(invented, error.numpy(), minlength=WHOLE + 1)
        named += [*trace.shares.long().sum(1).tolist(), int(trace.other.sum())]
    times = {"seconds_a_frame": seconds, "followed": seconds_followed}
    return {"clip": name, "seed": seed, "sums": sums, "named": named, "tally": tally.summary(), **times}


def level(sums: Sums) -> float | None:
    """PSNR of some pixels, None where there are none."""
    pixels, error = sums.sum(0)
    return 10 * math.log10(255**2 * pixels / error) if pixels and error else None


def classes(sums: Sums) -> list[dict[str, Any]]:
    """Share and PSNR of what was recovered and of what was invented."""
    half = WHOLE // 2 + 1
    parts = {"recovered": sums[:half], "invented": sums[half:]}
    whole = max(1.0, sums[:, 0].sum())
    return [{"pixels": n, "share": p[:, 0].sum() / whole, "psnr": level(p)} for n, p in parts.items()]


def gap(sums: Sums) -> float | None:
    """How much better recovered pixels are than invented ones, in decibels."""
    recovered, invented = (row["psnr"] for row in classes(sums))
    return recovered - invented if recovered is not None and invented is not None else None


def deciles(sums: Sums) -> list[dict[str, Any]]:
    """PSNR by the share that was invented."""
    whole, edges = max(1.0, sums[:, 0].sum()), np.linspace(0, WHOLE + 1, DECILES + 1).round().astype(int)
    parts = [sums[a:b] for a, b in pairwise(edges)]
    return [
        {"invented": f"{10 * k}–{10 * k + 10} %", "share": p[:, 0].sum() / whole, "psnr": level(p)}
        for k, p in enumerate(parts)
    ]


def slots(named: Iterable[float]) -> list[dict[str, Any]]:
    """How much of what was recovered is told by how many named frames."""
    *parts, other = named
    whole = max(1.0, sum(parts) + other)
    return [{"frames_named": k + 1, "told": sum(parts[: k + 1]) / whole} for k in range(len(parts))]


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, help="folder of clips")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--length", type=int, default=25)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--only", nargs="+", help="these clips alone")
    parser.add_argument("--aligned", type=Path, help="weights in place of the ones that ship")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "provenance.json")
    args = parser.parse_args()
    firsts = clips_of(args.clips or footage("test"), args.length, args.size)
    firsts = {name: clip for name, clip in firsts.items() if not args.only or name in args.only}
    tasks = [(args, name, firsts[name], seed) for name in firsts for seed in range(args.seeds)]
    found: list[dict[str, Any]] = []
    with multiprocessing.get_context("spawn").Pool(args.workers) as pool:
        for done, one in enumerate(pool.imap_unordered(measure, tasks), 1):
            found.append(one)
            print(f"{done}/{len(tasks)}  {one['clip']}", flush=True)
    found.sort(key=lambda one: (one["clip"], one["seed"]))
    report = summed(found)
    report = {
        "commit": commit(),
        "machine": machine(1),
        "seed": span(args.seeds),
        "clips": sorted(firsts),
        "frames": args.length,
        "size": args.size,
        **report,
    }
    write(args.out, report)
    for row in report["deciles"]:
        print("{invented:>10} invented {share:7.1%} of pixels".format(**row), end="")
        print("" if row["psnr"] is None else f" {row['psnr']:6.2f} dB")
    print(f"recovered over invented: {report['gap']} dB")


def summed(found: list[dict[str, Any]]) -> dict[str, Any]:
    """All clips together, and each for itself."""
    sums, named = sum(one["sums"] for one in found), sum(one["named"] for one in found)
    figures = ("recovered", "invented", "mean_sources", "median_distance")
    details = []
    for one in found:
        row = {name: one[name] for name in ("clip", "seed")} | {name: one["tally"][name] for name in figures}
        details.append({**row, "gap": gap(one["sums"])})
    gaps = [row["gap"] for row in details if row["gap"] is not None]
    plain, followed = (float(np.mean([one[name] for one in found])) for name in ("seconds_a_frame", "followed"))
    return {
        "classes": classes(sums),
        "gap": gap(sums),
        "least_gap": min(gaps, default=None),
        "deciles": deciles(sums),
        "slots": slots(named.tolist()),
        "cost": {"seconds_a_frame": plain, "followed": followed, "more": followed / plain - 1},
        "details": details,
    }


if __name__ == "__main__":
    main()
