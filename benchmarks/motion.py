"""What completing motion inside the holes is worth: ways to find and complete flow, on the same clips and damage.

    python benchmarks/motion.py --clips DIR [--out results/motion.json]

For every way: the error of flow between neighbours inside the holes, in pixels, against flow of the undamaged frames,
and the hole-PSNR of the simplest repair there is, copying along the chained flow from the nearest frame that saw the
place. Without ``--clips`` the folder ``val`` of the variable ROVR_DATA is used: this is where designs are chosen.
"""

import argparse
import zlib
from collections import defaultdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from _common import ROOT, clips_of, commit, footage, machine, write
from _propagation import Steps, copied, smooth_steps
from torch import Tensor
from torch.nn import functional as F

from rovr.data.corrupt import damage, make_masks
from rovr.editor.aligned import AlignedEditor, AlignedSession
from rovr.editor.alignment import Aligner
from rovr.editor.loading import load_editor
from rovr.mdp.state import RepairState
from rovr.metrics import psnr


def preset_aligner() -> Aligner:
    """With OpenCV's flow as its preset has it."""
    aligner = Aligner()
    aligner.dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return aligner


def halved(frames: Tensor, masks: Tensor, aligner: Aligner) -> Steps:
    """Smooth completion of flow at half size."""
    known = F.avg_pool2d(1 - masks.float(), 2) > 0.99
    small = (
        (F.avg_pool2d((frames * ~masks).float(), 2) / F.avg_pool2d((~masks).float(), 2).clamp(min=1e-3)).round().byte()
    )
    return {pair: enlarged(step) for pair, step in smooth_steps(small, ~known, aligner).items()}


def enlarged(step: Tensor) -> Tensor:
    """Flow of half-size pixels as flow of pixels."""
    return 2 * F.interpolate(step, scale_factor=2.0, mode="bilinear", align_corners=False)


def completed(frames: Tensor, masks: Tensor, editor: AlignedEditor) -> Steps:
    """Flow as the editor completes it."""
    session = AlignedSession(editor, RepairState.begin(frames.clone(), masks), len(frames))
    steps = {}
    for i in range(len(frames)):
        for way in (1, -1):
            if 0 <= i + way < len(frames):
                steps[i, i + way] = enlarged(session.step(i, way)[None, :2])
    return steps


def ways(truth: Tensor, masks: Tensor, trained: AlignedEditor) -> dict[str, Steps]:
    """Every way to have flow between neighbours."""
    damaged = damage(truth, masks)
    still = torch.zeros_like(masks)
    return {
        "preset flow, spread smoothly": halved(damaged, masks, preset_aligner()),
        "fine flow, spread smoothly": halved(damaged, masks, Aligner()),
        "fine flow at full size, spread smoothly": smooth_steps(damaged, masks, Aligner()),
        "camera removed, carried through time": completed(damaged, masks, AlignedEditor()),
        "and corrected by the network": completed(damaged, masks, trained),
        "preset flow of the undamaged frames": halved(truth, still, preset_aligner()),
        "fine flow of the undamaged frames": halved(truth, still, Aligner()),
    }


@torch.inference_mode()
def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, help="folder of clips")
    parser.add_argument("--aligned", type=Path, help="weights in place of the ones that ship")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "motion.json")
    args = parser.parse_args()
    torch.set_num_threads(1)
    trained = load_editor("aligned", weights=args.aligned)
    assert isinstance(trained, AlignedEditor)
    clips = clips_of(args.clips or footage("val"), 25, 256)
    details: list[dict[str, Any]] = []
    for name, truth in clips.items():
        masks = make_masks("shift", *truth.shape[:1], *truth.shape[-2:], zlib.crc32(f"{name} {args.seed}".encode()))
        found = ways(truth, masks, trained)
        true = found["fine flow of the undamaged frames"]
        for way, steps in found.items():
            gaps = [
                (steps[pair] - true[pair]).norm(dim=1)[masks[pair[0]]].mean() for pair in steps if masks[pair[0]].any()
            ]
            repaired = copied(damage(truth, masks), masks, steps)
            row = {"clip": name, "way": way, "flow_error": float(torch.stack(gaps).mean())}
            details.append({**row, "hole_psnr": psnr(repaired, truth, masks)})
        print(name, {row["way"]: round(row["hole_psnr"], 2) for row in details[-len(found) :]}, flush=True)
    means: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in details:
        means[row["way"]].append((row["flow_error"], row["hole_psnr"]))
    rows = [
        {"way": way, "flow_error": float(np.mean(pairs, 0)[0]), "hole_psnr": float(np.mean(pairs, 0)[1])}
        for way, pairs in means.items()
    ]
    report = {"commit": commit(), "machine": machine(1), "seed": args.seed, "clips": sorted(clips)}
    write(args.out, {**report, "rows": rows, "details": details})


if __name__ == "__main__":
    main()
