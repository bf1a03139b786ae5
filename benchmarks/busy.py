"""What another program costs a repair: python benchmarks/busy.py [--out results/busy.json].

One clip of 25 frames at 256×256 is repaired on tensors with each number of threads, while the machine has nothing else
to do, and while other processes keep one core busy or all of them.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from _common import ROOT, commit, machine, write
from speed import LENGTH, clip

from rovr.data.corrupt import damage
from rovr.editor.loading import load_editor
from rovr.mdp.state import RepairState
from rovr.repair import Repairer
from rovr.select import DEFAULT, load_selector


@contextmanager
def others(count: int) -> Iterator[None]:
    """Other processes at work."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def repair(repairer: Repairer, seed: int) -> float:
    """Seconds a frame."""
    frames, masks = clip(seed)
    state = RepairState.begin(damage(frames, masks), masks)
    began = time.perf_counter()
    repairer.run(state, torch.Generator().manual_seed(0))
    return (time.perf_counter() - began) / LENGTH


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "busy.json")
    args = parser.parse_args()
    cores = os.cpu_count() or 1
    repairer = Repairer(load_editor("aligned"), load_selector(DEFAULT))
    rows = []
    for busy in sorted({0, 1, cores}):
        for threads in sorted({1, cores}):
            torch.set_num_threads(threads)
            with others(busy):
                repair(repairer, 0)
                seconds = min(repair(repairer, 1 + run) for run in range(args.runs))
            rows.append({"busy_cores": busy, "threads": threads, "seconds_a_frame": seconds})
            print(rows[-1])
    write(args.out, {"commit": commit(), "seed": f"1–{args.runs}", "machine": machine(cores), "rows": rows})


if __name__ == "__main__":
    main()
