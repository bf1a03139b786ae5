"""How time and memory of the main job grow with the length of a video: python benchmarks/stream.py [--out FILE].

``rovr restore`` from file to file, every frame with a hole, in a process of its own for each length. Time is the
processor's, of one thread that computes and those that read and write; memory is the most that the process had.
Exponents are slopes of log cost against log length, by least squares over all lengths.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from _common import ROOT, commit, machine, write
from memory import make, run

from rovr.select import DEFAULT

TARGETS = {"seconds": 1.05, "peak_mb": 0.05}


def exponents(rows: list[dict[str, float]]) -> dict[str, float]:
    """By what power of the length each cost grows."""
    length = np.log([row["frames"] for row in rows])
    return {name: float(np.polyfit(length, np.log([row[name] for row in rows]), 1)[0]) for name in TARGETS}


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", nargs="+", type=int, default=[100, 316, 1000, 3162, 10000])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--selector", default=DEFAULT)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "stream.json")
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for count in args.frames:
            path, mask = make(folder, count, args.size, args.size, 1, args.seed)
            command = [sys.executable, "-m", "rovr", "restore", str(path), "--mask", str(mask), "--quiet"]
            command += ["-o", str(folder / f"{count}-out.mp4"), "--device", "cpu", "--selector", args.selector]
            peak, _, seconds = run(command)
            rows.append({"frames": count, "seconds": seconds, "ms_a_frame": 1000 * seconds / count, "peak_mb": peak})
            print(f"{count:6d} frames  {seconds:8.1f} s  {peak:8.1f} MB", flush=True)
            for file in folder.iterdir():
                file.unlink()
    found = exponents(rows)
    report = {"commit": commit(), "seed": args.seed, "machine": machine(1), "size": args.size}
    report |= {"selector": args.selector, "rows": rows, "exponents": found, "targets": TARGETS}
    report["met"] = all(found[name] <= most for name, most in TARGETS.items())
    write(args.out, report)


if __name__ == "__main__":
    main()
