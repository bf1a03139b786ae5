"""Kill the main job at random moments, let --resume go on, compare the output: python benchmarks/kill.py [--outputs N].

A job is begun; a clock that was set at random kills it, or it is faster. Some clocks end while the process starts, most
while it repairs. Then the same command goes on, under another clock, and so on, until the output is there: it
must be, byte for byte, that of a job nobody killed, with nothing left beside it. Then the next job is begun, until as
many outputs as were asked for have come about although their job was killed at least once.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from _common import commit, machine, write
from memory import make

from rovr.select import DEFAULT


def begin(folder: Path, out: Path, args: argparse.Namespace) -> subprocess.Popen[bytes]:
    """The command, which is the same each time."""
    command = [
        sys.executable,
        "-m",
        "rovr",
        "restore",
        str(folder / f"{args.frames}.mp4"),
        "--device",
        "cpu",
        "--resume",
    ]
    command += ["--mask", str(folder / f"{args.frames}-mask.mp4"), "-o", str(out), "--quiet"]
    return subprocess.Popen([*command, "--editor", args.editor, "--selector", args.selector])


def journal(out: Path) -> Path:
    """Where the command keeps finished blocks."""
    return out.parent / f".{out.name}.journal"


def at_work(process: subprocess.Popen[bytes], out: Path) -> float:
    """Wait until a process has begun to repair, or ended; the time."""
    while process.poll() is None and not (journal(out) / "job.json").exists():
        time.sleep(0.002)
    return time.perf_counter()


def kill(process: subprocess.Popen[bytes], out: Path, fuse: float) -> dict[str, Any] | None:
    """Kill a process some seconds after it has started; None if its work was done by then."""
    began = time.perf_counter()
    while process.poll() is None and time.perf_counter() < began + fuse:
        time.sleep(0.001)
    process.kill()
    # Without a journal the output is an output like any other: what was killed was only on its way out.
    if process.wait() == 0 or (out.exists() and not journal(out).exists()):
        return None
    if process.returncode != -signal.SIGKILL:
        raise SystemExit(f"the command failed by itself, with exit code {process.returncode}")
    blocks = len(list(journal(out).glob("*.npz")))
    return {"after": round(fuse, 3), "blocks": blocks, "appeared": out.exists()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outputs", type=int, default=50)
    parser.add_argument("--early", type=float, default=0.25, help="share of the clocks that end before the first frame")
    parser.add_argument("--frames", type=int, default=130, help="three blocks by default")
    parser.add_argument("--size", nargs=2, type=int, default=[64, 64], help="width and height")
    parser.add_argument("--editor", default="aligned")
    parser.add_argument("--selector", default=DEFAULT, help="random asks whether chance goes on where it was")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "results" / "kill.json")
    args = parser.parse_args()

    chance = random.Random(args.seed)
    kills: list[dict[str, Any]] = []
    finished = identical = left_over = spared = killed_before = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, args.frames, *args.size, 1, args.seed)
        outputs = folder / "outputs"
        outputs.mkdir()
        out = outputs / "out.mp4"
        started = time.perf_counter()
        process = begin(folder, out, args)
        began = at_work(process, out)
        if process.wait():
            raise SystemExit("the command failed without being killed")
        start, whole = began - started, time.perf_counter() - began
        truth = out.read_bytes()
        out.unlink()
        while finished < args.outputs:
            early = chance.random() < args.early
            fuse = chance.uniform(0, start) if early else start + chance.uniform(0, whole)
            killed = kill(begin(folder, out, args), out, fuse)
            if killed is not None:
                kills.append(killed)
                killed_before += 1
                print(f"kill {len(kills)}, {finished} outputs: {killed}", flush=True)
                continue
            same, beside = out.read_bytes() == truth, len(list(outputs.iterdir())) - 1
            # An output that nobody disturbed proves nothing, unless it is wrong.
            spared += not killed_before
            finished, killed_before = finished + bool(killed_before), 0
            identical += same
            left_over += beside
            shutil.rmtree(outputs)
            outputs.mkdir()
    report = {
        "commit": commit(),
        "seed": args.seed,
        "machine": machine(os.cpu_count() or 1),
        "frames": args.frames,
        "size": args.size,
        "editor": args.editor,
        "selector": args.selector,
        "seconds": round(whole, 2),
        "seconds to start": round(start, 2),
        "never killed": spared,
        "rows": [{"kills": len(kills), "outputs": finished, "identical": identical - spared, "left over": left_over}],
        "kills": kills,
        "met": finished >= 50 and identical == finished + spared and not left_over,
    }
    print(f"{len(kills)} kills, {finished} outputs, {identical - spared} of them identical, {left_over} left over")
    write(args.out, report)


if __name__ == "__main__":
    main()
