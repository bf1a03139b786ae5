"""Interlaced video repaired frame by frame and field by field: python benchmarks/fields.py [--out results/fields.json].

Clips of the folders ``davis480`` and ``full`` of the variable ROVR_DATA are brought to 720×576, and every two pictures
become the fields of one frame. From field to field things so move as far as they otherwise do from frame to frame, more
than in most of television. *Dropouts* are streaks of a few lines of one field each; the holes of ``shift`` lie in both.
*Combing* is what :class:`rovr.video.fields.Combing` says of the damaged frames, *time* what fields take over frames.
"""

import argparse
import os
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from _common import ROOT, commit, machine, write
from torch import Tensor

from rovr.data.corrupt import damage, make_masks
from rovr.editor.loading import load_editor
from rovr.mdp.state import RepairState
from rovr.metrics import psnr
from rovr.repair import Repairer
from rovr.select import load_selector
from rovr.video import open_source
from rovr.video.fields import COMBED, Combing

HEIGHT, WIDTH = 576, 720
FRAMES = 24


def read(path: Path) -> Tensor | None:
    """The first pictures of a video or a folder, (2 · FRAMES, 3, HEIGHT, WIDTH) uint8; None where there are fewer."""
    pictures = []
    with open_source(path) as source:
        for frame in source:
            pictures.append(cv2.resize(frame.rgb, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))
            if len(pictures) == 2 * FRAMES:
                return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
    return None


def apart(frames: Tensor) -> Tensor:
    """The fields of frames, upper ones first: (T, C, H, W) → (2 T, C, H / 2, W)."""
    return torch.stack([frames[:, :, 0::2], frames[:, :, 1::2]], 1).flatten(0, 1)


def together(fields: Tensor) -> Tensor:
    """The frames of fields; see :func:`apart`."""
    return fields.unflatten(0, (-1, 2)).permute(0, 2, 3, 1, 4).flatten(2, 3).contiguous()


def interlaced(pictures: Tensor) -> Tensor:
    """Every two pictures as the fields of one frame: (2 T, C, H, W) → (T, C, H, W)."""
    return together(apart(pictures)[[2 * i + i % 2 for i in range(len(pictures))]])


def large_clips(named: list[Path] | None) -> list[Path]:
    """The clips named, or those of ROVR_DATA that are large enough for 720×576."""
    data = os.environ.get("ROVR_DATA")
    if not (named or data):
        raise SystemExit("name clips with --clips, or set ROVR_DATA")
    return named or [
        *sorted(Path(data or "", "davis480").glob("*/frames")),
        *sorted(Path(data or "", "full").iterdir()),
    ]


def clip_name(path: Path) -> str:
    """Of a video, or of a sequence in a folder of frames."""
    return path.parent.name if path.name == "frames" else path.stem


def dropouts(seed: int) -> Tensor:
    """Up to three streaks a frame, (FRAMES, 1, HEIGHT, WIDTH) bool."""
    chance = np.random.default_rng(seed)
    masks = torch.zeros(FRAMES, 1, HEIGHT, WIDTH, dtype=torch.bool)
    for mask in masks:
        for _ in range(chance.integers(0, 4)):
            top, lines = chance.integers(0, HEIGHT - 16), chance.integers(1, 6)
            left = chance.integers(0, WIDTH - 120)
            mask[0, top : top + 2 * lines : 2, left : chance.integers(left + 100, WIDTH)] = True
    return masks


def combing(frames: Tensor, masks: Tensor) -> float:
    """See :class:`Combing`; of the green channel, where a video would have luma."""
    from av import VideoFrame

    from rovr.video.colour import Colour, Frame

    meter = Combing()
    for frame, mask in zip(frames, masks, strict=True):
        if mask.any():
            native = VideoFrame.from_ndarray(np.ascontiguousarray(frame[1].numpy()), "gray")
            meter.look(Frame(native, Colour(1, True)), mask[0].numpy())
    return meter.ratio


@torch.inference_mode()
def repair(frames: Tensor, masks: Tensor) -> tuple[Tensor, float]:
    """With what ships; also the processor's seconds."""
    state, repairer = RepairState.begin(frames.clone(), masks), Repairer(load_editor("aligned"), load_selector("agent"))
    began = time.process_time()
    repairer.run(state, torch.Generator().manual_seed(0))
    return state.frames, time.process_time() - began


def measure(name: str, kind: str, truth: Tensor, masks: Tensor) -> dict[str, Any]:
    """Both ways on one damaged clip."""
    damaged = damage(truth, masks)
    whole, seconds = repair(damaged, masks)
    fields, longer = repair(apart(damaged), apart(masks))
    row = {
        "clip": name,
        "damage": kind,
        "combing": combing(damaged, masks),
        "frames": psnr(whole, truth, masks),
        "fields": psnr(together(fields), truth, masks),
        "time": longer / seconds,
    }
    print(row, flush=True)
    return row


def summed(details: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means by damage, of clips that are combed and of those that are not."""
    rows = []
    for kind in dict.fromkeys(row["damage"] for row in details):
        for combed in (True, False):
            own = [row for row in details if row["damage"] == kind and (row["combing"] > COMBED) == combed]
            if own:
                means = {key: float(np.mean([row[key] for row in own])) for key in ("frames", "fields", "time")}
                gain = {"gain": means["fields"] - means["frames"]}
                better = {"better": sum(row["fields"] > row["frames"] for row in own)}
                rows.append(
                    {
                        "damage": kind,
                        "much_moves": "yes" if combed else "no",
                        "clips": len(own),
                        **means,
                        **gain,
                        **better,
                    }
                )
    return rows


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, nargs="+", help="videos and folders of frames, in place of those above")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "fields.json")
    args = parser.parse_args()
    torch.set_num_threads(1)
    paths = large_clips(args.clips)
    details = []
    for seed, path in enumerate(paths):
        pictures = read(path)
        if pictures is None:
            print(f"{path}: too short, left out")
            continue
        name, truth = clip_name(path), interlaced(pictures)
        for kind, masks in (
            ("dropouts", dropouts(seed)),
            ("shift", make_masks("shift", FRAMES, HEIGHT, WIDTH, seed)),
        ):
            details.append(measure(name, kind, truth, masks))
    report = {"commit": commit(), "seed": 0, "machine": machine(1), "frames": FRAMES, "width": WIDTH, "height": HEIGHT}
    write(args.out, {**report, "combed_from": COMBED, "rows": summed(details), "details": details})


if __name__ == "__main__":
    main()
