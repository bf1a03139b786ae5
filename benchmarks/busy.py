"""What another program costs a repair: python benchmarks/busy.py [--out results/busy.json].

One clip of 25 frames at 256×256 is repaired on tensors with each number of threads, while the machine has nothing else
to do, and while other processes keep one core busy or all of them. Threads wait for each other as the command ``rovr``
has them wait, and once more as they do by themselves; each way has a process of its own, which is told before it
loads torch.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rovr.threads import SPINS

LEFT_ALONE = 300_000
"""Times that a thread of GNU's OpenMP looks for the others by itself."""


@contextmanager
def others(count: int) -> Iterator[None]:
    """Other processes at work, each in a session of its own, as programs are: cores are shared out among sessions."""
    command = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(command, start_new_session=True) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def repair(threads: int, runs: int) -> float:
    """Seconds a frame, the least of some runs; in a process of its own."""
    import torch
    from speed import LENGTH, clip

    from rovr.data.corrupt import damage
    from rovr.editor.loading import load_editor
    from rovr.mdp.state import RepairState
    from rovr.repair import Repairer
    from rovr.select import DEFAULT, load_selector

    torch.set_num_threads(threads)
    repairer = Repairer(load_editor("aligned"), load_selector(DEFAULT))
    taken = []
    for seed in range(runs + 1):
        frames, masks = clip(seed)
        state = RepairState.begin(damage(frames, masks), masks)
        began = time.perf_counter()
        repairer.run(state, torch.Generator().manual_seed(0))
        taken.append((time.perf_counter() - began) / LENGTH)
    return min(taken[1:])  # the first one warms up


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--threads", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.threads:
        print(json.dumps(repair(args.threads, args.runs)))
        return
    from _common import ROOT, commit, machine, write

    cores = os.cpu_count() or 1
    ways = {"1": (1, SPINS), str(cores): (cores, SPINS), f"{cores}, left alone": (cores, LEFT_ALONE)}
    rows = []
    for busy in sorted({0, 1, cores}):
        for name, (threads, spins) in ways.items():
            command = [sys.executable, __file__, "--threads", str(threads), "--runs", str(args.runs)]
            env = {**os.environ, "GOMP_SPINCOUNT": str(spins)}
            with others(busy):
                done = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True)
            rows.append(
                {"threads": name, "spins": spins, "busy_cores": busy, "seconds_a_frame": json.loads(done.stdout)}
            )
            print(rows[-1])
    report = {"commit": commit(), "seed": f"1–{args.runs}", "machine": machine(cores), "rows": rows}
    write(args.out or ROOT / "results" / "busy.json", report)


if __name__ == "__main__":
    main()
