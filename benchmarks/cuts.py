"""How many scene cuts are found, and how many that are none, in clips strung together.

    python benchmarks/cuts.py --clips DIR [--seeds 4] [--out results/cuts.json]

The first 25 frames of each clip at 256×256 follow each other in an order drawn by the seed, as they are, with moving
holes, and with flicker and noise on top. Where PySceneDetect is installed (``pip install --no-deps scenedetect``), its
two usual detectors are asked as well; as they know of no holes, these show them what was there in the frame before.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from _common import ROOT, clips_of, commit, machine, span, write
from numpy.typing import NDArray

from rovr.data.corrupt import make_masks
from rovr.video.cuts import thumb, with_cuts

LENGTH, SIZE = 25, 256
DAMAGE = (("none", 0.0), ("shift", 0.0), ("none", 0.1), ("shift", 0.1))
"""Kind of holes; strength of flicker and noise."""

Frames = NDArray[np.uint8]
Finder = Callable[[Frames, NDArray[np.bool_]], set[int]]


def own(frames: Frames, holes: NDArray[np.bool_]) -> set[int]:
    """What ``rovr restore`` does."""
    found = with_cuts(range(len(frames)), lambda i: thumb(frames[i], holes[i]))
    return {index for index, cut in found if cut}


def library(name: str) -> Finder | None:
    """A detector of PySceneDetect with its own settings but for the shortest scene."""
    try:
        import scenedetect
    except ImportError:
        return None

    def find(frames: Frames, holes: NDArray[np.bool_]) -> set[int]:
        detector = getattr(scenedetect, name)(min_scene_len=2)
        found, shown = set(), frames[0]
        for index, (frame, hole) in enumerate(zip(frames, holes, strict=True)):
            shown = np.where(hole[..., None], shown, frame)
            at = scenedetect.FrameTimecode(index, 25.0)
            found |= {cut.frame_num for cut in detector.process_frame(at, np.ascontiguousarray(shown[..., ::-1]))}
        return found

    return find


def string(clips: list[Frames], kind: str, flicker: float, seed: int) -> tuple[Frames, NDArray[np.bool_]]:
    """One long video, (T, H, W, 3), with its holes, (T, H, W)."""
    chance = np.random.default_rng(seed)
    frames = np.concatenate([clips[i] for i in chance.permutation(len(clips))])
    holes = np.zeros(frames.shape[:3], bool)
    if kind != "none":
        holes = make_masks(kind, *frames.shape[:3], seed)[:, 0].numpy()
    for frame, hole in zip(frames, holes, strict=True):
        if flicker:
            light = 1 + flicker * chance.normal(), 10 * flicker * chance.normal()
            noisy = frame * light[0] + light[1] + chance.normal(0, 40 * flicker, frame.shape)
            frame[:] = np.clip(noisy, 0, 255).astype(np.uint8)
        frame[hole] = 0
    return frames, holes


def main() -> None:
    """Run the study and write its results file."""
    parser = argparse.ArgumentParser(description="measure the finding of scene cuts")
    data = os.environ.get("ROVR_DATA")
    parser.add_argument("--clips", type=Path, default=Path(data, "test") if data else Path())
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "cuts.json")
    args = parser.parse_args()
    clips = [clip.permute(0, 2, 3, 1).numpy() for clip in clips_of(args.clips, LENGTH, SIZE).values()]
    truth = set(range(LENGTH, LENGTH * len(clips), LENGTH))
    finders = {"rovr": own}
    for name in ("AdaptiveDetector", "ContentDetector"):
        finder = library(name)
        if finder:
            finders[f"PySceneDetect {name}"] = finder
    rows: list[dict[str, Any]] = []
    for kind, flicker in DAMAGE:
        videos = [string(clips, kind, flicker, seed) for seed in range(args.seeds)]
        for name, find in finders.items():
            began = time.process_time()
            found = [find(*video) for video in videos]
            seconds = time.process_time() - began
            row = {"finder": name, "holes": kind, "flicker": flicker}
            row |= {"cuts": len(truth) * len(found), "found": sum(len(cuts & truth) for cuts in found)}
            row |= {"false": sum(len(cuts - truth) for cuts in found)}
            row |= {"ms_per_frame": 1000 * seconds / (LENGTH * len(clips) * len(found))}
            rows.append(row)
            print(row, flush=True)
    report = {"commit": commit(), "seed": span(args.seeds), "machine": machine(1)}
    write(args.out, {**report, "clips": len(clips), "size": SIZE, "rows": rows})


if __name__ == "__main__":
    main()
