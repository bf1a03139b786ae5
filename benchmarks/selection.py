"""How the cost of choosing grows with the length of a video: python benchmarks/selection.py [--out FILE]."""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from _common import commit, machine, write

from rovr.data.corrupt import shift_masks
from rovr.mdp.state import RepairState
from rovr.select import SELECTORS, Selector, load_selector

LENGTHS = (25, 50, 100, 200, 400, 800, 1600, 3200)
# Masks are drawn and kept at this size: the strategies average them onto a coarse grid anyway.
SIDE = 64
# What a repair leaves of the doubt, so that repaired frames are weighed as in a real run.
LEFT = 0.3


def whole_video(selector: Selector, masks: torch.Tensor, seed: int) -> float:
    """Seconds spent choosing for a whole video; the edits between, which cost the same for all, do not count."""
    n, _, height, width = masks.shape
    state = RepairState.begin(torch.zeros(n, 3, height, width, dtype=torch.uint8), masks)
    blank = torch.zeros(3, height, width)
    start = time.perf_counter()
    selector.reset(state, torch.Generator().manual_seed(seed), 2)
    spent = time.perf_counter() - start
    while not state.done:
        start = time.perf_counter()
        edit = selector.select(state)
        spent += time.perf_counter() - start
        state.record(edit, blank, masks[edit.frame] * LEFT)
    return spent


def slope(lengths: list[int], values: list[float]) -> float:
    """Exponent of growth: the least-squares slope of log value against log length."""
    return float(np.polyfit(np.log(lengths), np.log(values), 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--selectors", nargs="+", default=[*SELECTORS, "coverage:easiest"])
    parser.add_argument("--lengths", nargs="+", type=int, default=LENGTHS)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "results" / "selection.json")
    args = parser.parse_args()
    torch.set_num_threads(1)

    rows, slopes = [], {}
    for name in args.selectors:
        kind, _, order = name.partition(":")
        selector = load_selector(kind, **({"order": order} if order else {}))
        for n in args.lengths:
            masks = shift_masks(n, SIDE, SIDE, args.seed)
            seconds = min(whole_video(selector, masks, args.seed) for _ in range(args.repeats))
            row = {"selector": name, "frames": n, "seconds": seconds, "ms_per_frame": 1000 * seconds / n}
            if hasattr(selector, "weighed"):
                row["pairs_weighed"] = selector.weighed
            rows.append(row)
            print(f"{name:18s} {n:5d} frames  {seconds:8.4f} s  {1000 * seconds / n:6.3f} ms a frame", flush=True)
        mine = [row for row in rows if row["selector"] == name]
        slopes[name] = slope([row["frames"] for row in mine], [row["seconds"] for row in mine])
        print(f"{name:18s} grows as n^{slopes[name]:.2f}", flush=True)

    report = {
        "commit": commit(),
        "seed": args.seed,
        "machine": machine(1),
        "side": SIDE,
        "rows": rows,
        "slope": slopes,
    }
    write(args.out, report)


if __name__ == "__main__":
    main()
