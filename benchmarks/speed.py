"""How long a repair takes and where the time goes: python benchmarks/speed.py [--out results/speed.json].

One clip of 25 frames at 256×256, damaged with ``shift``, repaired end to end on tensors (no files). The floor is what
the networks' multiply-adds on the same clips would take at the rate this machine reaches on a large convolution,
measured in the same run with the same threads and number format.

A machine that is shared with others is faster at one hour than at another: with --again a run joins those that the file
has of the same commit, and the one of the median time is what the file shows.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _common import ROOT, commit, machine, write
from torch.utils.flop_counter import FlopCounterMode

from rovr.data.corrupt import damage, make_masks
from rovr.editor.aligned import AlignedEditor
from rovr.editor.chaining import Chain
from rovr.editor.loading import load_editor
from rovr.mdp.state import RepairState
from rovr.repair import Repairer
from rovr.select import DEFAULT, load_selector

LENGTH, SIZE = 25, 256
TARGET = 0.10


def convolution_rate(repeats: int = 10) -> float:
    """Multiply-adds a second of a 3×3 convolution with 64 channels on 128×128."""
    layer = torch.nn.Conv2d(64, 64, 3, padding=1).to(memory_format=torch.channels_last)
    x = torch.randn(4, 64, 128, 128).contiguous(memory_format=torch.channels_last)
    layer(x)
    best = np.inf
    for _ in range(repeats):
        began = time.perf_counter()
        layer(x)
        best = min(best, time.perf_counter() - began)
    return 4 * 64 * 64 * 9 * 128 * 128 / best


class Clock:
    """Adds up the time that calls take, each without the timed calls inside it."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()
        self.inside: list[float] = []

    def timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same callable, timed."""

        def run(*args: Any, **options: Any) -> Any:
            began = time.perf_counter()
            self.inside.append(0.0)
            result = call(*args, **options)
            seconds = time.perf_counter() - began
            self.spent[name] += seconds - self.inside.pop()
            if self.inside:
                self.inside[-1] += seconds
            return result

        return run


def clip(seed: int, size: int = SIZE) -> tuple[torch.Tensor, torch.Tensor]:
    """A smooth texture under a pan, and masks; what is in the picture does not change the cost."""
    generator = torch.Generator().manual_seed(seed)
    wall = torch.rand(1, 3, size + 16, size + 16 + 3 * LENGTH, generator=generator)
    wall = torch.nn.functional.avg_pool2d(wall, 17, stride=1)
    wall = (wall - wall.min()) / (wall.max() - wall.min()) * 255
    frames = torch.stack([wall[0, :, :, 3 * k : 3 * k + size] for k in range(LENGTH)]).to(torch.uint8)
    return frames, make_masks("shift", LENGTH, size, size, seed)


def joined(report: dict[str, Any], path: Path) -> dict[str, Any]:
    """The run of the median time among this one and those of a file, with all of them."""
    runs = json.loads(path.read_text(encoding="utf-8")).get("runs", []) if path.exists() else []
    runs = [run for run in runs if (run["commit"], run["machine"]) == (report["commit"], report["machine"])]
    runs = sorted([*runs, report], key=lambda run: run["seconds_a_frame"])
    seconds = [run["seconds_a_frame"] for run in runs]
    spread = {"least_seconds": seconds[0], "most_seconds": seconds[-1], "count": len(runs)}
    return {**runs[len(runs) // 2], **spread, "runs": runs}


@torch.inference_mode()
def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=6, help="clips, each with its own damage")
    parser.add_argument("--selector", default=DEFAULT)
    parser.add_argument("--again", action="store_true", help="add to the runs that the file has")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "speed.json")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    editor = load_editor("aligned")
    assert isinstance(editor, AlignedEditor)
    selector = load_selector(args.selector)

    def repair(seed: int) -> float:
        frames, masks = clip(seed)
        state = RepairState.begin(damage(frames, masks), masks)
        began = time.perf_counter()
        Repairer(editor, selector).run(state, torch.Generator().manual_seed(0))
        return (time.perf_counter() - began) / LENGTH

    seeds = range(2, args.runs + 2)
    with FlopCounterMode(display=False) as counter:  # which slows down what it counts
        for seed in seeds:
            repair(seed)
    multiply_adds = counter.get_total_flops() / 2 / LENGTH / args.runs
    clock = Clock()
    for name, holder, method in (
        ("fuse contexts: network", editor.net, "forward"),
        ("complete motion: network", editor.net.motion, "forward"),
        ("complete motion: carry and spread", Chain, "_complete"),
        ("measure motion", editor.aligner, "moves"),
        ("chain motion", Chain, "flow"),
        ("prepare frames", editor, "prepare"),
        ("choose", selector, "select"),
        ("choose", selector, "reset"),
    ):
        setattr(holder, method, clock.timed(name, getattr(holder, method)))
    repair(1)
    clock.spent.clear()
    totals = [repair(seed) for seed in seeds]
    frame = float(np.mean(totals))
    rate = convolution_rate()
    floor = multiply_adds / rate
    stages = {name: seconds / LENGTH / args.runs for name, seconds in clock.spent.most_common()}
    networks = sum(seconds for name, seconds in stages.items() if name.endswith("network"))
    stages["everything else"] = frame - sum(stages.values())
    rows = [{"stage": name, "ms_a_frame": 1000 * seconds, "share": seconds / frame} for name, seconds in stages.items()]
    rows.append({"stage": "all", "ms_a_frame": 1000 * frame, "share": 1.0})
    report = {
        "commit": commit(),
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
        "seed": f"{seeds[0]}–{seeds[-1]}",
        "machine": machine(args.threads),
        "rows": rows,
        "seconds_a_frame": frame,
        "median_seconds_a_frame": float(np.median(totals)),
        "target": TARGET,
        "met": frame <= TARGET,
        "network_multiply_adds_a_frame": multiply_adds,
        "convolution_multiply_adds_a_second": rate,
        "network_floor_seconds": floor,
        "network_share_of_floor": floor / networks,
    }
    write(args.out, joined(report, args.out) if args.again else report)
    for row in rows:
        print("{stage:<36}{ms_a_frame:8.1f} ms {share:6.1%}".format(**row))
    print(f"networks: {multiply_adds / 1e9:.2f} G multiply-adds a frame, floor {1000 * floor:.1f} ms")


if __name__ == "__main__":
    main()
