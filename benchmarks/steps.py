"""What each change gave at full HD: python benchmarks/steps.py REVISION… [--out results/steps.json].

Runs the editing of ``benchmarks/hd.py``'s clips, in memory, with the source of each revision in turn, round after
round, so that a busy machine does not favour any. Processor time counts, not that on the clock.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from _common import ROOT, commit, machine, write

KINDS = ("moving box", "two corners")

CHILD = """
import json, resource, sys, time
import numpy as np, torch
from hd import boxes, panorama
from rovr.restorer import Restorer
kind, count, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
width, height = 1920, 1080
wall = panorama(width, height)
frames = np.stack([wall[:, 8 * i : 8 * i + width] for i in range(count)])
masks = np.stack([boxes(kind, 6 * i, width, height) for i in range(count)])
restorer = Restorer.from_pretrained()
began = time.process_time()
restorer.restore(frames, masks)
print(json.dumps([(time.process_time() - began) / count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


def git(*words: str) -> bytes:
    """What git says."""
    return subprocess.run(["git", "-C", str(ROOT), *words], check=True, capture_output=True).stdout


def run(source: Path, kind: str, frames: int, threads: int) -> tuple[float, float]:
    """Processor seconds a frame and peak memory in MB, of one revision on one clip."""
    path = os.pathsep.join([str(source), str(ROOT / "benchmarks")])
    command = [sys.executable, "-c", CHILD, kind, str(frames), str(threads)]
    told = subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": path})
    seconds, memory = json.loads(told.stdout)
    return seconds, memory


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("revisions", nargs="*", help="oldest first; without any, nothing is measured")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "steps.json")
    args = parser.parse_args()
    if not args.revisions:
        print("name the revisions to compare, oldest first")
        return
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        for revision in args.revisions:
            (Path(name) / revision).mkdir()
            subprocess.run(
                ["tar", "x", "-C", str(Path(name) / revision)], input=git("archive", revision, "src"), check=True
            )
        for _ in range(args.rounds):
            for revision in args.revisions:
                for kind in KINDS:
                    figures = run(Path(name) / revision / "src", kind, args.frames, args.threads)
                    found.setdefault((revision, kind), []).append(figures)
                    print(revision, kind, *(round(figure, 3) for figure in figures), flush=True)
    rows: list[dict[str, Any]] = []
    for revision in args.revisions:
        row: dict[str, Any] = {"step": git("log", "-1", "--format=%s", revision).decode().strip(), "commit": revision}
        for kind in KINDS:
            seconds, memory = np.array(found[revision, kind]).T
            row[f"{kind}, s a frame"] = float(seconds.min())
            row[f"{kind}, MB"] = float(memory.max())
        rows.append(row)
    write(args.out, {"commit": commit(), "seed": 0, "machine": machine(args.threads), "rows": rows})


if __name__ == "__main__":
    main()
