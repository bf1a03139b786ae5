"""Peak memory of the main job on a short and a long video: python benchmarks/memory.py [--out FILE]."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import cv2
import numpy as np
from _common import commit, machine, write

from rovr.select import DEFAULT

TARGET_MB = 300
"""How much more the long video may take than the short one."""


def make(folder: Path, count: int, width: int, height: int, every: int, seed: int) -> tuple[Path, Path]:
    """A video of moving texture and its mask video, with a hole in every few frames."""
    rng = np.random.default_rng(seed)
    canvas = cv2.GaussianBlur(rng.integers(0, 256, (height, 2 * width, 3), dtype=np.uint8), (0, 0), 4)
    canvas = cv2.normalize(canvas, None, 0, 255, cv2.NORM_MINMAX)
    path, mask = folder / f"{count}.mp4", folder / f"{count}-mask.mp4"
    with av.open(str(path), "w") as video, av.open(str(mask), "w") as holes:
        streams = []
        for output in (video, holes):
            stream = output.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            streams.append(stream)
        for index in range(count):
            shift = width - abs(2 * index % (2 * width) - width)  # there and back, without a jump
            hole = np.zeros((height, width, 3), np.uint8)
            if index % every == 0:
                left = 3 * index % (width - width // 6)
                hole[height // 3 : height // 2, left : left + width // 6] = 255
            pictures = (canvas[:, shift : shift + width], hole)
            for output, stream, picture in zip((video, holes), streams, pictures, strict=True):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
                output.mux(stream.encode(frame))
        for output, stream in zip((video, holes), streams, strict=True):
            output.mux(stream.encode(None))
    return path, mask


def run(command: list[str]) -> tuple[float, float, float]:
    """Run a command; its peak memory in MB, its time and the processor's in seconds."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"failed: {' '.join(command)}")
    # Linux counts in kilobytes, macOS in bytes.
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return usage.ru_maxrss / unit, time.perf_counter() - began, usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", nargs=2, type=int, default=[100, 2000])
    parser.add_argument("--size", nargs=2, type=int, default=[640, 360], help="width and height")
    parser.add_argument("--every", type=int, default=25, help="one frame in so many has a hole")
    parser.add_argument("--editor", default="aligned")
    parser.add_argument("--selector", default=DEFAULT)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "results" / "memory.json")
    args = parser.parse_args()

    idle, *_ = run([sys.executable, "-c", "import rovr.restore, rovr.editor, rovr.select"])
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for count in args.frames:
            path, mask = make(folder, count, *args.size, args.every, args.seed)
            command = [sys.executable, "-m", "rovr", "restore", str(path), "--mask", str(mask)]
            command += ["-o", str(folder / f"{count}-out.mp4"), "--quiet", "--device", "cpu"]
            peak, seconds, _ = run([*command, "--editor", args.editor, "--selector", args.selector])
            rows.append({"frames": count, "peak_mb": round(peak, 1), "seconds": round(seconds, 1)})
            print(f"{count:6d} frames  {peak:8.1f} MB  {seconds:8.1f} s", flush=True)
    more = rows[1]["peak_mb"] - rows[0]["peak_mb"]
    print(f"the longer takes {more:.1f} MB more; at most {TARGET_MB} are allowed")
    report = {
        "commit": commit(),
        "seed": args.seed,
        "machine": machine(os.cpu_count() or 1),
        "size": args.size,
        "hole_every": args.every,
        "editor": args.editor,
        "selector": args.selector,
        "imports_mb": round(idle, 1),
        "rows": rows,
        "more_mb": round(more, 1),
        "target_mb": TARGET_MB,
        "met": more <= TARGET_MB,
    }
    write(args.out, report)


if __name__ == "__main__":
    main()
