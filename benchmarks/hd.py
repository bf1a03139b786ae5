"""Time and memory of the main job at full HD: python benchmarks/hd.py [--out results/hd.json].

A pan over an enlarged picture with film grain, 10 % of each frame missing: once one box that moves, once two boxes in
opposite corners. From file to file by ``rovr restore`` in a process of its own, whose memory is its peak resident set.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from _common import ROOT, commit, machine, write
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

SHARE = 0.1
"""Of the picture that is missing."""

STEP = 4
"""Pixels that the camera moves a frame."""

GRAIN = 3.0
"""Standard deviation of the grain, of 255."""

TARGET_SECONDS, TARGET_MB = 1.5, 2048


def panorama(width: int, height: int) -> Picture:
    """A picture (height, 2 width, 3) with detail down to the pixel."""
    with av.open(str(ROOT / "src" / "rovr" / "assets" / "city.mp4")) as video:
        frame = next(video.decode(video=0)).to_ndarray(format="rgb24")
    large = cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.concatenate([large, large[:, ::-1]], 1)


def boxes(kind: str, index: int, width: int, height: int) -> Picture:
    """The mask (height, width) uint8 of one frame."""
    hole = np.zeros((height, width), np.uint8)
    parts = 2 if kind == "two corners" else 1
    tall, wide = round(height * (SHARE / parts) ** 0.5), round(width * (SHARE / parts) ** 0.5)
    if parts == 1:
        left = 7 * index % (2 * (width - wide))
        left = min(left, 2 * (width - wide) - left)  # there and back
        top = (height - tall) // 2
        hole[top : top + tall, left : left + wide] = 255
    else:
        hole[:tall, :wide] = hole[-tall:, -wide:] = 255
    return hole


def make(folder: Path, kind: str, count: int, width: int, height: int, seed: int) -> tuple[Path, Path]:
    """The video and its mask video."""
    rng = np.random.default_rng(seed)
    wall = panorama(width, height)
    noise = (rng.standard_normal((height + 64, width + 64, 1)) * GRAIN).astype(np.float32)
    paths = folder / "clip.mp4", folder / "mask.mp4"
    with av.open(str(paths[0]), "w") as video, av.open(str(paths[1]), "w") as holes:
        outputs = []
        for container, pix_fmt in ((video, "yuv420p"), (holes, "gray")):
            stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast", "crf": "12"})
            stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
            outputs.append((container, stream))
        for index in range(count):
            left = STEP * index % width
            y, x = rng.integers(0, 64, 2)
            picture = wall[:, left : left + width] + noise[y : y + height, x : x + width]
            pictures = (picture.clip(0, 255).astype(np.uint8), "rgb24"), (boxes(kind, index, width, height), "gray")
            for (container, stream), (array, name) in zip(outputs, pictures, strict=True):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(array), name)))
        for container, stream in outputs:
            container.mux(stream.encode(None))
    return paths


def restore(paths: tuple[Path, Path], out: Path, threads: int) -> dict[str, Any]:
    """Run the command; its summary with the peak memory in MB and all processor time in seconds."""
    command = [sys.executable, "-m", "rovr", "restore", str(paths[0]), "--mask", str(paths[1]), "-o", str(out)]
    command += ["--quiet", "--json", "--device", "cpu"]
    began = time.perf_counter()
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"failed: {' '.join(command)}")
    # Linux counts in kilobytes, macOS in bytes.
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return {
        **json.loads(text),
        "wall": time.perf_counter() - began,
        "peak_mb": usage.ru_maxrss / unit,
        "processor": usage.ru_utime + usage.ru_stime,
    }


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--size", nargs=2, type=int, default=[1920, 1080], help="width and height")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--holes", nargs="+", default=["moving box", "two corners"])
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "hd.json")
    args = parser.parse_args()
    rows = []
    for kind in args.holes:
        with tempfile.TemporaryDirectory() as name:
            paths = make(Path(name), kind, args.frames, *args.size, args.seed)
            told = restore(paths, Path(name) / "out.mp4", args.threads)
        row = {
            "hole": kind,
            "frames": told["frames"],
            "hole_share": told["hole_share"],
            "seconds_a_frame": told["wall"] / told["frames"],
            "repairing_seconds_a_frame": told["seconds_repairing"] / told["frames"],
            "processor_seconds_a_frame": told["processor"] / told["frames"],
            "peak_mb": told["peak_mb"],
        }
        rows.append(row)
        print({key: round(value, 3) if isinstance(value, float) else value for key, value in row.items()}, flush=True)
    report = {
        "commit": commit(),
        "seed": args.seed,
        "machine": machine(args.threads),
        "size": args.size,
        "rows": rows,
        "target_seconds_a_frame": TARGET_SECONDS,
        "target_mb": TARGET_MB,
        "met": all(row["seconds_a_frame"] <= TARGET_SECONDS and row["peak_mb"] <= TARGET_MB for row in rows),
    }
    write(args.out, report)


if __name__ == "__main__":
    main()
