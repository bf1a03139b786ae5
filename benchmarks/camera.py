"""What it brings to fit the camera's motion to all points: python benchmarks/camera.py [--out results/camera.json].

The shipped editor with :func:`rovr.editor.camera.camera_motion` and with OpenCV's homography from random samples
(MAGSAC++), clip by clip on the same damage. *Flicker* is the change from frame to frame inside the holes that the truth
does not have. Without ``--clips`` the folder ``val`` of the variable ROVR_DATA is used: there designs are chosen.
"""

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from _common import ROOT, clips_of, commit, footage, machine, span, write
from _exchanged import side_by_side
from torch import Tensor

from rovr.data.cases import Case
from rovr.editor import alignment
from rovr.editor.camera import FloatArray, camera_motion
from rovr.metrics import flicker, psnr
from rovr.select import DEFAULT

KINDS = ("shift", "shift+photometric", "blocks")


def sampled(start: FloatArray, goal: FloatArray) -> FloatArray:
    """The homography of a random sample that most points agree with within half a pixel."""
    matrix: Any = None
    if len(start) >= 30:
        matrix, _ = cv2.findHomography(start, goal, cv2.USAC_MAGSAC, 0.5, maxIters=300, confidence=0.99)
    return np.eye(3, dtype=np.float32) if matrix is None else matrix.astype(np.float32)


WAYS = {"random_samples": sampled, "all_points": camera_motion}

MEASURES = ("hole_psnr", "flicker")


def measured(frames: Tensor, case: Case) -> dict[str, float]:
    """Hole-PSNR and flicker of a repaired case."""
    values = (rule(frames, case.truth, case.masks) for rule in (psnr, flicker))
    return dict(zip(MEASURES, values, strict=True))


def means(details: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each kind of damage."""
    rows = []
    for kind in KINDS:
        own = [[detail[way] for way in WAYS] for detail in details if detail["damage"] == kind]
        if len(own) > 1:
            psnrs, flickers = (np.array([[found[key] for found in case] for case in own]) for key in MEASURES)
            gains = psnrs[:, 1] - psnrs[:, 0]
            rows.append(
                {
                    "damage": kind,
                    "cases": len(gains),
                    **dict(zip(WAYS, psnrs.mean(0), strict=True)),
                    "gain": gains.mean(),
                    "standard_error": gains.std(ddof=1) / len(gains) ** 0.5,
                    "better": int((gains > 0).sum()),
                    **{f"flicker_{way}": mean for way, mean in zip(WAYS, flickers.mean(0), strict=True)},
                }
            )
    return rows


def main() -> None:
    """Run and write, after every repair."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, default=footage("val"))
    parser.add_argument("--length", type=int, default=25)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "camera.json")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    clips, details = clips_of(args.clips, args.length, 256), []
    part = alignment, "camera_motion"
    for detail in side_by_side(clips, KINDS, range(args.seeds), DEFAULT, part, WAYS, measured):
        details.append(detail)
        print(detail, flush=True)
        report = {
            "commit": commit(),
            "seed": span(args.seeds),
            "machine": machine(args.threads),
            "length": args.length,
            "rows": means(details),
            "clips": details,
        }
        write(args.out, report)


if __name__ == "__main__":
    main()
