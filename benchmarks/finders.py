"""How much of a logo, of scratches and of subtitles the finders of ``rovr mask`` find, and what they take for such.

    python benchmarks/finders.py [--clips DIR] [--out results/finders.json]

Marks are put into whole videos, which are then encoded by x264 as it does by default, so that they are as blurred as
in footage that people have. Precision is the share of a mask that lies on the mark, or between its letters, or within
SLACK pixels of it; recall the share of the mark that the mask holds once it is widened by as much. Both are means over
videos: precision over those where anything was found, recall over those that the finder did not refuse, as it does
where the camera stands still. Without ``--clips`` the folder ``test`` of the variable ROVR_DATA is used.
"""

import argparse
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import torch
from _common import ROOT, commit, footage, machine, write
from bleed import Pictures, seen, store
from numpy.typing import NDArray

from rovr.data.corrupt import make_masks
from rovr.errors import UserError
from rovr.masking import find_logo, finding_scratches, finding_subtitles, shown
from rovr.video import open_source
from rovr.video.masks import widened

SLACK = 2
GAP = 13
"""Pixels between the letters of a logo, which belong to it."""

Mask = NDArray[np.bool_]
WHITE, GREY, RED = (255, 255, 255), (128, 128, 128), (220, 20, 20)


def letters(height: int, width: int) -> Mask:
    """TV7 in the upper right."""
    picture = np.zeros((height, width), np.uint8)
    cv2.putText(picture, "TV7", (width * 3 // 4, height // 6), cv2.FONT_HERSHEY_DUPLEX, height / 360, 1, 2)
    return picture > 0


def disc(height: int, width: int) -> Mask:
    """A disc in the lower right."""
    picture = np.zeros((height, width), np.uint8)
    return cv2.circle(picture, (width * 4 // 5, height * 4 // 5), height // 9, 1, -1) > 0


def corner(height: int, width: int) -> Mask:
    """A box in the upper right corner."""
    mask = np.zeros((height, width), bool)
    mask[: height // 8, width * 5 // 6 :] = True
    return mask


LOGOS: dict[str, tuple[Callable[[int, int], Mask], tuple[int, int, int], float]] = {
    "white letters": (letters, WHITE, 1.0),
    "white letters, half transparent": (letters, WHITE, 0.5),
    "red letters": (letters, RED, 1.0),
    "grey letters": (letters, GREY, 1.0),
    "red disc": (disc, RED, 1.0),
    "grey disc": (disc, GREY, 1.0),
    "grey box in the corner": (corner, GREY, 1.0),
}
SCRATCHES = {"bright": (235, 0.0), "dark": (20, 0.0), "bright, the film flickers": (235, 0.12)}
"""Grey level, and how much the light of the whole picture strays."""


ENOUGH = 80
"""Frames of a video in which there is time for two texts."""
SUBTITLES = {"white letters, outlined": (WHITE, 0), "yellow letters, outlined, fading": ((255, 235, 60), 4)}
"""Colour, and frames that a text takes to come and to go."""


def lines(height: int, width: int, text: str) -> tuple[Mask, Mask]:
    """Two lines low in the middle: the letters, and what they take with their outlines."""
    both = []
    for pen in (1, 4):
        picture = np.zeros((height, width), np.uint8)
        for row, line in enumerate(text.split("/")):
            scale = height / 450
            (wide, _), _ = cv2.getTextSize(line, cv2.FONT_HERSHEY_DUPLEX, scale, 1)
            place = ((width - wide) // 2, height * 86 // 100 + row * height // 13)
            cv2.putText(picture, line, place, cv2.FONT_HERSHEY_DUPLEX, scale, 1, pen * max(1, round(height / 400)))
        both.append(picture > 0)
    return both[0], both[1]


def titled(pictures: Pictures, colour: tuple[int, int, int], fade: int) -> tuple[Pictures, Mask]:
    """Pictures with two texts, one after the other, or one where time is short, and where these are, (T, H, W)."""
    count, height, width = pictures.shape[:3]
    made, where = pictures.astype(float), np.zeros((count, height, width), bool)
    half = count // 2 if count >= ENOUGH else count - count // 16
    texts = [
        ("I have never seen/it like this.", count // 16, half - 3),
        ("Neither have I!", half + 2, count - count // 16),
    ]
    for text, first, end in texts:
        letters, outlined = lines(height, width, text)
        for t in range(first, end):
            share = min(1.0, (t - first + 1) / (fade + 1), (end - t) / (fade + 1))
            for mask, level in ((outlined, (0, 0, 0)), (letters, colour)):
                made[t] = np.where(mask[..., None], (1 - share) * made[t] + share * np.array(level), made[t])
            where[t] = outlined
    return made.round().astype(np.uint8), where


def laid(pictures: Pictures, masks: Mask, colour: tuple[int, ...], share: float) -> Pictures:
    """Put a colour over (T, H, W, 3), where masks (H, W) or (T, H, W) say so."""
    over = (1 - share) * pictures + share * np.array(colour)
    return np.where(masks[..., None], over, pictures).round().astype(np.uint8)


def logo(path: Path) -> Mask:
    """As ``rovr mask logo`` finds it, (1, H, W)."""
    return find_logo(path)[None]


def scratches(path: Path) -> Mask:
    """As ``rovr mask scratches`` finds them, (T, H, W)."""
    with open_source(path) as source:
        return np.stack(list(finding_scratches()(shown(source))))


def subtitles(path: Path) -> Mask:
    """As ``rovr mask subtitles`` finds them, (T, H, W)."""
    with open_source(path) as source:
        return np.stack(list(finding_subtitles(path)(shown(source))))


def judged(found: Mask, truth: Mask, area: Mask) -> dict[str, float]:
    """Figures of one video; what lies within the area is no mistake."""
    figures = {"marked": float(found.mean())}
    if truth.any():
        if not found.any():
            return {"nothing": 1, "recall": 0.0}
        near = np.stack([widened(mask, SLACK) for mask in area])
        wide = np.stack([widened(mask, SLACK) for mask in found])
        figures |= {"precision": float(near[found].mean()), "recall": float(wide[truth].mean())}
    return figures


def cases(pictures: Pictures, name: str) -> Iterator[tuple[str, str, Pictures, Mask, Mask]]:
    """Finder, mark, the video with it, where it is, and that with what lies between."""
    count, height, width = pictures.shape[:3]
    for mark, (draw, colour, share) in LOGOS.items():
        truth = draw(height, width)
        area = cv2.morphologyEx(truth.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((GAP, GAP), np.uint8)) > 0
        yield "logo", mark, laid(pictures, truth, colour, share), truth[None], area[None]
    masks = make_masks("scratch", count, height, width, zlib.crc32(name.encode()))[:, 0].numpy()
    chance = np.random.default_rng(0)
    for mark, (level, stray) in SCRATCHES.items():
        light = 1 + stray * chance.uniform(-1, 1, (count, 1, 1, 1))
        lit = np.clip(pictures * light, 0, 255).astype(np.uint8)
        yield "scratches", mark, laid(lit, masks, (level,) * 3, 0.9), masks, masks
    for mark, (colour, fade) in SUBTITLES.items():
        shown_with, truth = titled(pictures, colour, fade)
        area = np.stack(
            [cv2.morphologyEx(one.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((GAP, GAP))) > 0 for one in truth]
        )
        yield "subtitles", mark, shown_with, truth, area
    for finder, held in (("logo", 1), ("scratches", count), ("subtitles", count)):
        nothing = np.zeros((held, height, width), bool)
        yield finder, "none", pictures, nothing, nothing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, default=footage("test"))
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "finders.json")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    now, finders = commit(), {"logo": logo, "scratches": scratches, "subtitles": subtitles}
    told: dict[tuple[str, str], list[dict[str, Any]]] = {}
    with TemporaryDirectory() as folder:
        marked = Path(folder, "marked.mp4")
        for path in sorted(args.clips.iterdir()):
            for finder, mark, pictures, truth, area in cases(seen(path), path.stem):
                store(marked, pictures, "libx264")
                try:
                    figures: dict[str, Any] = judged(finders[finder](marked), truth, area)
                except UserError as error:
                    figures = {"nothing": 1, "recall": 0.0} if str(error).startswith("No ") else {"refused": 1}
                told.setdefault((finder, mark), []).append(figures)
                print(path.stem, finder, mark, figures, flush=True)
    rows = []
    for (finder, mark), each in sorted(told.items(), key=lambda item: (item[0][0], item[0][1] == "none")):
        means = {
            key: float(np.mean([figures[key] for figures in each if key in figures])) if mark != "none" else None
            for key in ("precision", "recall")
        }
        counts = {key: sum(figures.get(key, 0) for figures in each) for key in ("refused", "nothing")}
        most = max((figures["marked"] for figures in each if "marked" in figures), default=0.0)
        wrong = {"most_marked": most if mark == "none" else None}
        rows.append({"finder": finder, "mark": mark, "videos": len(each), **counts, **means, **wrong})
    write(args.out, {"commit": now, "seed": 0, "machine": machine(1), "slack_px": SLACK, "rows": rows})


if __name__ == "__main__":
    main()
