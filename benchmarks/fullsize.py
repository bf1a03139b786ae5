"""Repairs at full size, and how much they show: python benchmarks/fullsize.py [--out results/fullsize.json].

Each clip at its own size, a box of 10 % of the picture moving over it. *Coarse* is the same editor without the step
that puts repairs together from full-size pixels: what it made at the working size is enlarged. Beside the hole-PSNR:

- *border step*: mean colour step from a repaired pixel to its neighbour outside the hole, over the same of the truth.
  Above 1 a seam shows.
- *fine detail*: mean absolute value of the finest octave inside the hole, over the same of the truth. Below 1 the
  repair is smoother than it should be, grain included.
"""

import argparse
import os
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import torch
from _common import ROOT, commit, machine, write
from numpy.typing import NDArray

from rovr.data.cases import Case
from rovr.data.corrupt import damage
from rovr.editor.aligned import AlignedEditor
from rovr.editor.base import Editor
from rovr.editor.loading import load_editor
from rovr.editor.window import read
from rovr.grain import add_grain
from rovr.metrics import psnr
from rovr.restorer import Restorer

SHARE, STEP = 0.1, 20


class Coarse(AlignedEditor):
    """Enlarges what was made at the working size."""

    def enlarge(self, target: Any, mask: Any, contexts: Any, window: Any, fusion: Any) -> Any:
        """Image, doubt and their place."""
        maps, place = read(torch.cat([fusion.image, fusion.doubt], 1), mask, window)
        return maps[:, :3], maps[:, 3:], place


def load(path: Path, count: int) -> torch.Tensor:
    """The first frames (T, 3, H, W) uint8 of a video, or of a folder of pictures."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*.jpg"))[:count]
        frames = [cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB) for file in files]
    else:
        with av.open(str(path)) as video:
            frames = [frame.to_ndarray(format="rgb24") for frame in islice(video.decode(video=0), count)]
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).contiguous()


def moving_box(count: int, height: int, width: int) -> torch.Tensor:
    """Masks (T, 1, H, W): a box that wanders there and back."""
    masks = torch.zeros(count, 1, height, width, dtype=torch.bool)
    tall, wide = round(height * SHARE**0.5), round(width * SHARE**0.5)
    for index in range(count):
        left = (width // 4 + STEP * width // 854 * index) % (2 * (width - wide))
        left = min(left, 2 * (width - wide) - left)
        masks[index, :, height // 3 : height // 3 + tall, left : left + wide] = True
    return masks


def border_step(image: NDArray[np.float32], truth: NDArray[np.float32], mask: NDArray[np.bool_]) -> tuple[float, float]:
    """Sum of colour steps across the border of the hole, of image and truth (H, W, 3)."""
    sums = [0.0, 0.0]
    for axis in (0, 1):
        across = np.diff(mask.astype(np.int8), axis=axis) != 0
        for k, picture in enumerate((image, truth)):
            sums[k] += float(np.abs(np.diff(picture, axis=axis))[across].sum())
    return sums[0], sums[1]


def detail(picture: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Sum of the finest octave inside the hole."""
    luma = picture.mean(2)
    inside = cv2.erode(mask.astype(np.uint8), np.ones((7, 7), np.uint8), borderValue=1) > 0
    return float(np.abs(luma - cv2.GaussianBlur(luma, (0, 0), 1.0))[inside].sum())


def judge(frames: torch.Tensor, case: Case) -> dict[str, float]:
    """Figures of a repaired clip (T, 3, H, W) uint8."""
    steps, details = np.zeros(2), np.zeros(2)
    pictures = (clip.permute(0, 2, 3, 1).numpy().astype(np.float32) for clip in (frames, case.truth))
    for image, truth, mask in zip(*pictures, case.masks[:, 0].numpy(), strict=True):
        steps += border_step(image, truth, mask)
        details += detail(image, mask), detail(truth, mask)
    return {
        "hole_psnr": psnr(frames, case.truth, case.masks),
        "border_step": steps[0] / steps[1],
        "fine_detail": details[0] / details[1],
    }


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("ROVR_DATA", "."))
    parser.add_argument("--clips", nargs="+", type=Path, default=sorted((data / "davis480").glob("*")))
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "fullsize.json")
    args = parser.parse_args()
    if not args.clips:
        raise SystemExit("give videos or folders of frames with --clips, or set ROVR_DATA")
    torch.set_num_threads(args.threads)
    aligned = load_editor("aligned")
    assert isinstance(aligned, AlignedEditor)
    editors: dict[str, Editor] = {"telea": load_editor("telea"), "coarse": Coarse(aligned.net), "aligned": aligned}
    details = []
    for path in args.clips:
        truth = load(path, args.frames)
        masks = moving_box(len(truth), *truth.shape[-2:])
        case = Case(truth, damage(truth, masks), masks)
        for name, editor in editors.items():
            frames = Restorer.from_pretrained(editor, "sight").restore(case.frames, case.masks).frames
            assert isinstance(frames, torch.Tensor)
            done = {name: frames}
            if name == "aligned":
                grained = [
                    add_grain(frame.permute(1, 2, 0).numpy(), mask[0].numpy(), 0, index)
                    for index, (frame, mask) in enumerate(zip(frames, masks, strict=True))
                ]
                done["aligned with grain"] = torch.from_numpy(np.stack(grained)).permute(0, 3, 1, 2)
            for way, clip in done.items():
                details.append({"clip": path.stem, "size": list(truth.shape[:-3:-1]), "way": way, **judge(clip, case)})
                print(details[-1], flush=True)
    rows = []
    for way in dict.fromkeys(detail["way"] for detail in details):
        own = [detail for detail in details if detail["way"] == way]
        means = {key: float(np.mean([d[key] for d in own])) for key in ("hole_psnr", "border_step", "fine_detail")}
        rows.append({"way": way, **means})
    report = {
        "commit": commit(),
        "seed": 0,
        "machine": machine(args.threads),
        "frames": args.frames,
        "rows": rows,
        "clips": details,
    }
    write(args.out, report)


if __name__ == "__main__":
    main()
