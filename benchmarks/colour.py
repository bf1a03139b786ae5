"""What turning native frames into RGB and back costs at 1080p: python benchmarks/colour.py [--size W H].

Each step is timed beside the way it was done before, in the same run, so that their ratio does not depend on what
else the machine does.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
from _common import commit, machine, write

from rovr.video import frames, pixels
from rovr.video.colour import Colour


def noise(width: int, height: int, pix_fmt: str, seed: int) -> av.VideoFrame:
    """A frame of any 8-bit format with random samples."""
    frame, chance = av.VideoFrame(width, height, pix_fmt), np.random.default_rng(seed)
    for plane in pixels.planes(frame):
        plane[:] = chance.integers(16, 236, plane.shape)
    return frame


def direct(colour: Colour, frame: av.VideoFrame) -> Any:
    """RGB straight from swscale, as planes."""
    rgb = colour._convert("direct", frame, "rgb24", colour.full_range, True).to_ndarray()
    return np.ascontiguousarray(rgb.transpose(2, 0, 1))


def whole(frame: av.VideoFrame, filled: av.VideoFrame, mask: Any) -> av.VideoFrame:
    """A merge that looks at every sample."""
    new = frames.duplicate(frame)
    layout = pixels._layout(frame.format.name)[1]
    for target, fresh, (_, across, down, edited) in zip(pixels.planes(new), pixels.planes(filled), layout, strict=True):
        hole = pixels.plane_mask(mask, across, down)
        for channel in edited:
            np.copyto(target[..., channel], fresh[..., channel], where=hole)
    return new


def spent(run: Callable[[], Any], times: int) -> float:
    """Least processor time of several runs, in milliseconds."""
    found = []
    for _ in range(times):
        began = time.process_time()
        run()
        found.append(time.process_time() - began)
    return 1000 * min(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", nargs=2, type=int, default=[1920, 1080], help="width and height")
    parser.add_argument("--hole", type=float, default=0.1, help="share of the picture")
    parser.add_argument("--times", type=int, default=7)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "results" / "colour.json")
    args = parser.parse_args()

    width, height = args.size
    frame, filled = (noise(width, height, "yuv420p", args.seed + k) for k in range(2))
    mask = np.zeros((height, width), bool)
    tall, wide = (round(side * args.hole**0.5) for side in (height, width))
    mask[height // 3 : height // 3 + tall, width // 3 : width // 3 + wide] = True
    colour = Colour(1, False)
    steps = {
        "to RGB": (lambda: direct(colour, frame), lambda: colour.planar(frame)),
        "merge": (lambda: whole(frame, filled, mask), lambda: pixels.merge(frame, filled, mask)),
    }
    rows = []
    for name, (before, after) in steps.items():
        row = {
            "step": name,
            "before_ms": round(spent(before, args.times), 2),
            "after_ms": round(spent(after, args.times), 2),
        }
        rows.append({**row, "ratio": round(row["before_ms"] / row["after_ms"], 1)})
        print(f"{name:8s}{row['before_ms']:8.1f} ms before {row['after_ms']:8.1f} ms now, {rows[-1]['ratio']} to 1")
    same = bool((direct(colour, frame) == colour.planar(frame)).all())
    pairs = zip(
        pixels.planes(whole(frame, filled, mask)), pixels.planes(pixels.merge(frame, filled, mask)), strict=True
    )
    same = same and all(bool((a == b).all()) for a, b in pairs)
    report = {"commit": commit(), "seed": args.seed, "machine": machine(1), "size": args.size, "hole": args.hole}
    write(args.out, {**report, "rows": rows, "identical": same})


if __name__ == "__main__":
    main()
