"""Two Ray workers against two processes started by hand, and workers killed at random: python benchmarks/ray_engine.py.

The same videos are repaired by two independent commands, half of the videos each, and by one command with two workers
on a Ray cluster that runs already; whole commands are timed, in turns. Then a batch is repaired while workers are
killed, one at a time, at random moments. All outputs must be those of the first commands.
"""

import argparse
import contextlib
import hashlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from _common import commit, machine, write
from memory import make

WORKERS = 2
TARGET = 0.85


def make_videos(folder: Path, count: int, args: argparse.Namespace) -> None:
    """``count`` videos, each with its mask beside it."""
    folder.mkdir()
    for index in range(count):
        make(folder, args.frames, *args.size, 1, args.seed + index)
        (folder / f"{args.frames}.mp4").rename(folder / f"{index:03d}.mp4")
        (folder / f"{args.frames}-mask.mp4").rename(folder / f"{index:03d}.mask.mp4")


def command(source: Path, out: Path, args: argparse.Namespace, *more: str) -> list[str]:
    """One ``rovr restore-many``."""
    tools = ["--editor", args.editor, "--selector", args.selector, "--device", "cpu", "--quiet"]
    return [sys.executable, "-m", "rovr", "restore-many", str(source), "-o", str(out), *tools, *more]


def timed(commands: list[list[str]]) -> float:
    """Seconds until commands that run at the same time have all ended."""
    began = time.perf_counter()
    processes = [subprocess.Popen(command) for command in commands]
    if any([process.wait() for process in processes]):
        raise SystemExit("a command failed")
    return time.perf_counter() - began


def digests(*folders: Path) -> dict[str, str]:
    """Name → SHA-256 of every output."""
    files = [path for folder in folders for path in sorted(folder.glob("[!.]*.mp4"))]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def halves(videos: Path, folder: Path) -> list[Path]:
    """Two folders of links, every other video each."""
    made = [folder / f"half-{half}" for half in range(WORKERS)]
    for half in made:
        half.mkdir()
    for path in sorted(videos.iterdir()):
        (made[int(path.name[:3]) % WORKERS] / path.name).symlink_to(path)
    return made


def race(videos: Path, folder: Path, address: str, args: argparse.Namespace) -> tuple[list[dict[str, Any]], bool]:
    """Seconds of both ways, in turns, and whether their outputs are the same."""
    parts, rows, same = halves(videos, folder), [], True
    for turn in range(args.runs):
        by_hand, by_ray = [folder / f"{turn}-hand-{half}" for half in range(WORKERS)], folder / f"{turn}-ray"
        hand = timed([command(part, out, args) for part, out in zip(parts, by_hand, strict=True)])
        ray = timed([command(videos, by_ray, args, "--ray", address, "--workers", str(WORKERS))])
        same = same and digests(*by_hand) == digests(by_ray) and len(digests(by_ray)) == args.videos
        rows.append({"by hand, s": hand, "Ray, s": ray, "share": hand / ray})
        print(rows[-1], flush=True)
    return rows, same


def a_video(out: Path) -> float:
    """Seconds that a repair took, the median of a manifest."""
    lines = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    return statistics.median(line["seconds"] for line in lines if line["status"] == "done")


def alive(raylets: set[int]) -> list[int]:
    """Processes of workers that have come to life."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent in raylets and (folder / "cmdline").read_bytes().startswith(b"ray::Worker"):
                found.append(int(folder.name))
    return found


def kill_workers(videos: Path, out: Path, cluster: Any, seconds: float, args: argparse.Namespace) -> dict[str, Any]:
    """Repair a batch whose workers are killed; what became of it.

    Args:
        videos: to repair.
        out: where to.
        cluster: to work on.
        seconds: that one video takes.
        args: of the command line.
    """
    from rovr.batch.run import restore_many
    from rovr.batch.task import Tools

    chance, over, kills = random.Random(args.seed), threading.Event(), [0]
    raylets = {node.all_processes["raylet"][0].process.pid for node in cluster.list_all_nodes()}

    def kill() -> None:
        while kills[0] < args.kills and not over.wait(chance.uniform(0, seconds)):
            if pids := sorted(alive(raylets)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(chance.choice(pids), signal.SIGKILL)
                    kills[0] += 1
                    print(f"kill {kills[0]}", flush=True)

    thread = threading.Thread(target=kill)
    thread.start()
    tools = Tools(args.editor, args.selector, device="cpu")
    summary = restore_many(videos, out, tools=tools, workers=WORKERS, ray=cluster.address, retries=args.kills)
    over.set()
    thread.join()
    lines = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    done = [line["output"] for line in lines if line["status"] == "done"]
    return {
        "videos": len(summary.files),
        "kills": kills[0],
        "done": summary.done,
        "done twice": len(done) - len(set(done)),
        "tries": sum(entry["attempts"] for entry in summary.files),
        "left over": sum(path.name != "manifest.jsonl" for path in out.iterdir()) - len(set(done)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, default=12, help="to repair in both ways")
    parser.add_argument("--batch", type=int, default=40, help="videos of which workers are killed")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--size", nargs=2, type=int, default=[128, 128], help="width and height")
    parser.add_argument("--editor", default="aligned")
    parser.add_argument("--selector", default="random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "results" / "ray_engine.json")
    args = parser.parse_args()
    # A worker has one core; the commands by hand get no more. Ray's workers would otherwise step back behind others.
    os.environ |= {"OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    from ray.cluster_utils import Cluster

    store = {"object_store_memory": 80 << 20}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": WORKERS, "include_dashboard": False, **store})
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            make_videos(folder / "in", args.videos, args)
            rows, same = race(folder / "in", folder, cluster.address, args)
            make_videos(folder / "batch", args.batch, args)
            if timed([command(folder / "batch", folder / "truth", args)]) and not digests(folder / "truth"):
                raise SystemExit("nothing was repaired")
            killed = kill_workers(folder / "batch", folder / "killed", cluster, a_video(folder / "truth"), args)
            killed["identical"] = sum(
                digests(folder / "killed").get(name) == digest for name, digest in digests(folder / "truth").items()
            )
    finally:
        cluster.shutdown()
    share = statistics.median(row["share"] for row in rows)
    whole = killed["identical"] == args.batch and not killed["done twice"] and not killed["left over"]
    report = {
        "commit": commit(),
        "seed": args.seed,
        "machine": machine(1),
        "videos": args.videos,
        "frames": args.frames,
        "size": args.size,
        "editor": args.editor,
        "selector": args.selector,
        "rows": rows,
        "share": share,
        "identical": same,
        "target": TARGET,
        "kills": [killed],
        "met": share >= TARGET and same and whole and killed["kills"] == args.kills,
    }
    print(f"{share:.0%} of the throughput by hand, outputs {'identical' if same else 'DIFFERENT'}; {killed}")
    write(args.out, report)


if __name__ == "__main__":
    main()
