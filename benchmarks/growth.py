"""How cost grows with the length of a video: python benchmarks/growth.py [--quick] [--out results/growth.json].

Two parts: choosing alone, and the whole repair by the ``aligned`` editor. Clips are small (64×64) and held in memory as
one, since in blocks, as long videos are repaired, every rule would grow with the length alone. Every point is measured
in a process of its own:

- ``seconds`` of the processor on one thread, after a short clip for warming up;
- ``peak_mb``, what the process grew by at its highest from there on;
- ``weighed``, pairs of frames that the selector compared, where it counts them, and ``looked_at``, contexts that it
  handed to the editor: both the same on every machine.

Exponents are slopes of log cost against log length, by least squares over the longer half of the clips.
"""

import argparse
import resource
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _common import ROOT, commit, machine, write
from torch.nn.functional import avg_pool2d

from rovr.data.corrupt import shift_masks
from rovr.editor import load_editor
from rovr.mdp.state import RepairState
from rovr.repair import Repairer
from rovr.select import Selector, load_selector

LENGTHS = {
    "choosing": (25, 50, 100, 200, 400, 800, 1600, 3200, 6400, 10000),
    "repair": (25, 50, 100, 200, 400, 700, 1000),
}
QUICK = {"choosing": (25, 50), "repair": (6, 12)}
# A colon is followed by an option to be set.
SELECTORS = {
    "choosing": (
        "agent",
        "sight",
        "coverage",
        "sequential",
        "midpoint",
        "local_stride:every",
        "attention",
        "key_frames",
    ),
    "repair": ("agent", "coverage", "local_stride:every", "attention"),
}
COSTS = ("seconds", "peak_mb", "weighed", "looked_at")
SIDE = 64
# Length of the clip to warm up with: what is set up once a process is no growth.
WARM = 6
# Frames after which the camera turns round.
PAN = 256
# What a repair leaves of the doubt, so that repaired frames are weighed as in a real run.
LEFT = 0.3
# Growth below so many MB is noise and no point of a fit.
NOISE_MB = 1.0


def clip(length: int, seed: int) -> RepairState:
    """A smooth texture under a camera that pans there and back, and moving holes."""
    masks = shift_masks(length, SIDE, SIDE, seed)
    wall = torch.rand(1, 3, SIDE + 8, SIDE + 8 + PAN, generator=torch.Generator().manual_seed(seed))
    wall = avg_pool2d(wall, 9, stride=1)[0]
    wall = ((wall - wall.min()) / (wall.max() - wall.min()) * 255).to(torch.uint8)
    frames = torch.empty(length, 3, SIDE, SIDE, dtype=torch.uint8)
    for k, frame in enumerate(frames):
        left = PAN - abs(PAN - k % (2 * PAN))
        frame[:] = wall[:, :, left : left + SIDE]
    # In place: a copy for a moment would hide as much of what comes later from the peak.
    return RepairState.begin(frames, masks, masks.to(torch.uint8).mul_(255))


def load(name: str) -> Selector:
    """A selector by its name and option."""
    kind, _, option = name.partition(":")
    return load_selector(kind, **({option: True} if option else {}))


def peak() -> float:
    """The most memory that this process has had so far, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # on Linux getrusage would also count the process that this one was started from
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def choose(selector: Selector, state: RepairState, seed: int) -> float:
    """Choose for a whole clip; the edits between, which cost the same for all, take no time."""
    blank = torch.zeros(3, SIDE, SIDE)
    began = time.process_time()
    selector.reset(state, torch.Generator().manual_seed(seed), 2)
    spent = time.process_time() - began
    while not state.done:
        began = time.process_time()
        edit = selector.select(state)
        spent += time.process_time() - began
        state.record(edit, blank, state.masks[edit.frame] * LEFT)
    return spent


def repair(repairer: Repairer, state: RepairState, seed: int) -> float:
    """Repair a whole clip."""
    began = time.process_time()
    repairer.run(state, torch.Generator().manual_seed(seed))
    return time.process_time() - began


def measure(part: str, name: str, length: int, seed: int) -> dict[str, Any]:
    """One point."""
    torch.set_num_threads(1)
    selector = load(name)
    run = partial(choose, selector)
    if part == "repair":
        run = partial(repair, Repairer(load_editor("aligned"), selector))
    run(clip(WARM, seed), seed)
    state = clip(length, seed)
    before = peak()
    seconds = run(state, seed)
    return {
        "part": part,
        "selector": name,
        "frames": length,
        "seconds": seconds,
        "ms_per_frame": 1000 * seconds / length,
        "peak_mb": round(peak() - before, 2),
        "weighed": getattr(selector, "weighed", None),
        "looked_at": sum(len(edit.contexts) for edit in state.edits),
    }


def apart(*point: Any) -> dict[str, Any]:
    """The same in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure, *point).result()


def exponent(lengths: Sequence[int], costs: Sequence[float | None], least: float = 0.0) -> float | None:
    """The power of the length with which a cost grows; None where too little was measured."""
    half = max(2, (len(lengths) + 1) // 2)
    points = [(n, cost) for n, cost in zip(lengths[-half:], costs[-half:], strict=True) if cost and cost > least]
    return float(np.polyfit(*np.log(points).T, 1)[0]) if len(points) > 1 else None


def growth(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The exponents of one selector's rows."""
    lengths = [row["frames"] for row in rows]
    found = {cost: exponent(lengths, [r[cost] for r in rows], NOISE_MB * (cost == "peak_mb")) for cost in COSTS}
    return {"part": rows[0]["part"], "selector": rows[0]["selector"], "up_to": lengths[-1], **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--choosing", nargs="*", default=SELECTORS["choosing"], metavar="SELECTOR")
    parser.add_argument("--repair", nargs="*", default=SELECTORS["repair"], metavar="SELECTOR")
    parser.add_argument("--limit", type=float, default=60, help="seconds after which a selector gets no longer clip")
    parser.add_argument("--quick", action="store_true", help="the shortest clips alone, to see that it works")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "growth.json")
    args = parser.parse_args()

    rows, exponents = [], []
    for part, lengths in (QUICK if args.quick else LENGTHS).items():
        for name in getattr(args, part):
            mine: list[dict[str, Any]] = []
            for length in lengths:
                if mine and mine[-1]["seconds"] > args.limit:
                    break
                mine.append(apart(part, name, length, args.seed))
                line = "{part:9}{selector:20}{frames:6} frames {seconds:10.4f} s {peak_mb:9.2f} MB"
                print(line.format(**mine[-1]), flush=True)
            rows += mine
            exponents.append(growth(mine))
            powers = (f"{cost} n^{exponents[-1][cost]:.2f}" for cost in COSTS if exponents[-1][cost] is not None)
            print(f"{part:9}{name:20}grows as {', '.join(powers)}", flush=True)
    report = {
        "commit": commit(),
        "seed": args.seed,
        "machine": machine(1),
        "side": SIDE,
        "rows": rows,
        "exponents": exponents,
    }
    write(args.out, report)


if __name__ == "__main__":
    main()
