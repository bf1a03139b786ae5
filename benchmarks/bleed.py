"""What colours that reach out of a hole cost, and what leaving them out of sight gains.

    python benchmarks/bleed.py [--clips DIR] [--frames 12] [--out results/bleed.json]

The first frames of each clip at 256×256 get marks of one colour (masks ``shift``), are stored in 4:2:0 without loss,
and are repaired from file to file: once with pixels beside a hole as they are decoded, once without the colour of the
mark in them. The masks fit to the pixel, or reach four pixels beyond the mark. PSNR inside them, against the clip
stored likewise without marks, and the gain with a 95 % interval over clips. Without ``--clips`` the folder ``test`` of
the variable ROVR_DATA is used.
"""

import argparse
import math
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import av
import cv2
import numpy as np
import torch
from _common import ROOT, clips_of, commit, footage, machine, write
from numpy.typing import NDArray

from rovr.data.corrupt import make_masks
from rovr.evaluate.summary import student
from rovr.restore import restore_video
from rovr.restorer import Restorer
from rovr.video import open_source
from rovr.video.colour import Colour, Frame
from rovr.video.masks import widened

GREY, RED, MAGENTA = (128, 128, 128), (255, 0, 0), (255, 0, 255)
MARKS = {("grey", 0): GREY, ("red", 0): RED, ("magenta", 0): MAGENTA, ("grey", 4): GREY, ("magenta", 4): MAGENTA}
"""A mark's name and how many pixels the mask reaches beyond it → its colour."""

Pictures = NDArray[np.uint8]
"""(T, H, W, 3)."""


def store(path: Path, pictures: Pictures, codec: str = "ffv1") -> None:
    """Write a video in 4:2:0."""
    colour = Colour(5, False)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = pictures.shape[2], pictures.shape[1], "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(colour.recast(av.VideoFrame.from_ndarray(picture, "rgb24"), "yuv420p")))
        container.mux(stream.encode())


def seen(path: Path) -> Pictures:
    """Read a video."""
    with open_source(path) as source:
        return np.stack([frame.rgb for frame in source])


def level(repaired: Pictures, truth: Pictures, masks: NDArray[np.bool_]) -> float:
    """PSNR inside the holes, in decibels."""
    return 10 * math.log10(255**2 / float(np.square(repaired[masks].astype(float) - truth[masks]).mean()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, default=footage("test"))
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "bleed.json")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    now, restorer = commit(), Restorer.from_pretrained(device="cpu", cuts=False)
    found: dict[tuple[str, int], list[tuple[float, float]]] = {mark: [] for mark in MARKS}
    with TemporaryDirectory() as folder:
        marked, masked, whole, out = (Path(folder, name) for name in ("marked.mkv", "masks", "whole.mkv", "out.mkv"))
        masked.mkdir()
        for name, clip in clips_of(args.clips, args.frames, 256).items():
            pictures = clip.permute(0, 2, 3, 1).numpy()
            holes = make_masks("shift", len(clip), 256, 256, zlib.crc32(name.encode()))[:, 0].numpy()
            store(whole, pictures)
            truth = seen(whole)
            for (mark, beyond), colour in MARKS.items():
                masks = np.stack([widened(hole, beyond) for hole in holes])
                for k, mask in enumerate(masks):
                    cv2.imwrite(str(masked / f"{k:03d}.png"), mask.astype(np.uint8) * 255)
                store(marked, np.where(holes[..., None], np.array(colour, np.uint8), pictures))
                levels = []
                for look in (lambda frame, mask: frame.planar, Frame.beside):
                    with mock.patch.object(Frame, "beside", look):
                        restore_video(marked, masked, out, restorer=restorer, lossless=True, overwrite=True)
                    levels.append(level(seen(out), truth, masks))
                found[mark, beyond].append((levels[0], levels[1]))
                print(f"{name}, {mark}, {beyond}: {levels[0]:.2f} and {levels[1]:.2f} dB", flush=True)
    rows = []
    for (mark, beyond), pairs in found.items():
        plain, without = np.array(pairs).T
        mean, count = float((without - plain).mean()), len(pairs)
        half = student(count - 1) * float((without - plain).std(ddof=1)) / math.sqrt(count)
        gain = {"mean": mean, "low": mean - half, "high": mean + half}
        figures = {"as_decoded": float(plain.mean()), "without_the_mark": float(without.mean()), "gain": gain}
        rows.append({"mark": mark, "mask_beyond_px": beyond, **figures})
    report = {
        "commit": now,
        "seed": 0,
        "machine": machine(1),
        "clips": len(next(iter(found.values()))),
        "frames": args.frames,
        "rows": rows,
    }
    write(args.out, report)


if __name__ == "__main__":
    main()
