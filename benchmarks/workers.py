"""What it brings to share out the scenes of one video to processes: python benchmarks/workers.py.

A video of many scenes is repaired from file to file by one thread, by one process with a thread for each core, and by a
process for each core, in turns. Whole commands are timed, loading, looking for scenes and joining included.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import av
import cv2
from _common import ROOT, commit, machine, write
from memory import run
from speed import LENGTH, clip

from rovr.data.corrupt import damage


def make(folder: Path, scenes: int, seed: int) -> tuple[Path, Path]:
    """A damaged video, a scene of moving texture after the other, and the folder of its masks."""
    path, holes = folder / "damaged.mp4", folder / "masks"
    holes.mkdir()
    with av.open(str(path), "w") as video:
        stream = video.add_stream("libx264", rate=25, options={"crf": "12", "g": str(LENGTH)})
        stream.width = stream.height = 256
        stream.pix_fmt = "yuv420p"
        for scene in range(scenes):
            frames, masks = clip(seed + scene)
            for index, frame in enumerate(damage(frames, masks).permute(0, 2, 3, 1).contiguous().numpy()):
                video.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
                hole = masks[index, 0].byte().numpy() * 255
                cv2.imwrite(str(holes / f"{scene * LENGTH + index:05d}.png"), hole)
        video.mux(stream.encode(None))
    return path, holes


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=24)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "workers.json")
    args = parser.parse_args()
    cores = os.cpu_count() or 1
    ways = {(1, 1): ["OMP_NUM_THREADS=1"], (1, cores): [], (cores, 1): []}
    best = dict.fromkeys(ways, float("inf"))
    with tempfile.TemporaryDirectory() as name:
        path, masks = make(Path(name), args.scenes, args.seed)
        for turn in range(args.runs):
            for (processes, threads), environment in ways.items():
                command = ["env", *environment, sys.executable, "-m", "rovr", "restore", str(path), "--quiet"]
                command += ["--mask", str(masks), "-o", str(Path(name) / f"{turn}-{processes}-{threads}.mp4")]
                command += ["--device", "cpu"]
                seconds = run([*command, "--workers", str(processes)])[1] / (args.scenes * LENGTH)
                best[processes, threads] = min(best[processes, threads], seconds)
                print(f"{processes} processes of {threads} threads: {seconds:.4f} s a frame", flush=True)
    rows = [
        {"processes": processes, "threads_each": threads, "seconds_a_frame": seconds}
        for (processes, threads), seconds in best.items()
    ]
    write(
        args.out,
        {
            "commit": commit(),
            "seed": args.seed,
            "machine": machine(cores),
            "scenes": args.scenes,
            "frames": args.scenes * LENGTH,
            "runs": args.runs,
            "rows": rows,
            "faster_than_threads": best[1, cores] / best[cores, 1],
        },
    )


if __name__ == "__main__":
    main()
