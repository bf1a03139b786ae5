"""See-through logos, repaired as holes and seen through: python benchmarks/translucent.py [--out FILE].

Clips of the folders ``davis480`` and ``full`` of the variable ROVR_DATA are brought to 720×576; logos are laid over
them, each clip by itself and all strung together as one recording of many scenes, progressive and interlaced, and
encoded. The mask is where the logo is, WIDER pixels wider. PSNR inside it, against the clips as they were before.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import torch
from _common import ROOT, commit, machine, write
from bleed import Pictures, level, seen
from fields import HEIGHT, WIDTH, clip_name, interlaced, large_clips, read
from finders import disc, letters
from lost_blocks import Kind, record
from numpy.typing import NDArray

from rovr.errors import UserError
from rovr.restore import restore_video
from rovr.restorer import Restorer
from rovr.translucent import learn_overlay

WIDER, EACH = 2, 24
"""Pixels around a logo that belong to the mask, and frames of each scene where several are strung together."""

CODECS = {
    "H.264": Kind("libx264", ".mp4", lambda packet, chance: packet, 0, options={"crf": "20"}),
    "MPEG-2, interlaced": Kind(
        "mpeg2video", ".ts", lambda packet, chance: packet, 0, interlaced=True,
        options={"b": "8M", "g": "12", "bf": "2", "flags": "+ildct+ilme"},
    ),
}  # fmt: skip

Floats = NDArray[np.float32]


def soft(mask: NDArray[np.bool_], by: float) -> Floats:
    """Edges as a scaled drawing has them."""
    return cv2.GaussianBlur(mask.astype(np.float32), (0, 0), by)


def plain(share: float, draw: Callable[[int, int], NDArray[np.bool_]], colour: tuple[int, int, int]) -> Floats:
    """One colour: how much of the picture is hidden, and what is added to it, (H, W, 1 + 3)."""
    hidden = share * soft(draw(HEIGHT, WIDTH), 0.7)[..., None]
    return np.concatenate([hidden, hidden * np.array(colour, np.float32)], -1)


def shadowed() -> Floats:
    """White letters with a soft black shadow, likewise."""
    ink = letters(HEIGHT, WIDTH)
    white, black = 0.6 * soft(ink, 0.7)[..., None], 0.5 * soft(np.roll(ink, (2, 2), (0, 1)), 2.5)[..., None]
    return np.concatenate([white + (1 - white) * black, np.repeat(255 * white, 3, -1)], -1)


LOGOS: dict[str, Callable[[], Floats]] = {
    "white letters, half": lambda: plain(0.5, letters, (255, 255, 255)),
    "white letters, three quarters": lambda: plain(0.75, letters, (255, 255, 255)),
    "white letters with a shadow": shadowed,
    "blue disc, half": lambda: plain(0.5, disc, (40, 90, 220)),
}


def measure(folder: Path, truth: Pictures, logo: Floats, kind: Kind, restorer: Restorer) -> dict[str, Any]:
    """One recording."""
    laid = np.clip(np.rint(truth * (1 - logo[..., :1]) + logo[..., 1:]), 0, 255).astype(np.uint8)
    area = cv2.dilate((logo[..., 0] > 0.01).astype(np.uint8), np.ones((2 * WIDER + 1,) * 2, np.uint8)) > 0
    video, mask, learned = folder / f"in{kind.suffix}", folder / "mask.png", folder / "logo.npz"
    record(video, laid, kind, None)
    cv2.imwrite(str(mask), area.astype(np.uint8) * 255)
    masks = np.broadcast_to(area, truth.shape[:3])
    row: dict[str, Any] = {"frames": len(truth), "before": level(seen(video), truth, masks)}
    for name, given in (("hole", mask), ("seen", learned)):
        out = folder / f"{name}.mkv"
        try:
            if given is learned:
                done = learn_overlay(video, mask, learned, restorer=restorer, overwrite=True)
                row["left"] = done.hole / done.pixels
            restore_video(video, given, out, lossless=True, restorer=restorer, overwrite=True)
        except UserError as error:
            # Whoever is told so repairs it as a hole.
            row |= {"refused": str(error), "left": 1.0, "seen": row["hole"]}
            break
        row[name] = level(seen(out), truth, masks)
    return row


def recordings(paths: list[Path]) -> list[tuple[str, str, str, Pictures]]:
    """What, codec, clip, and pictures (T, H, W, 3)."""
    clips = {clip_name(path): found for path in paths if (found := read(path)) is not None}
    made = [("one scene", "H.264", name, found) for name, found in clips.items()]
    made.append(("many scenes", "H.264", "all", torch.cat([found[:EACH] for found in clips.values()])))
    woven = torch.cat([interlaced(found) for found in clips.values()])
    made.append(("many scenes", "MPEG-2, interlaced", "all", woven))
    return [(*names, np.ascontiguousarray(found.permute(0, 2, 3, 1).numpy())) for *names, found in made]  # type: ignore[misc]


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, nargs="+", help="videos and folders of frames, in place of those above")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "translucent.json")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    restorer = Restorer.from_pretrained(device="cpu")
    details: list[dict[str, Any]] = []
    with TemporaryDirectory() as folder:
        for what, codec, clip, pictures in recordings(large_clips(args.clips)):
            for name, make in LOGOS.items():
                row = measure(Path(folder), pictures, make(), CODECS[codec], restorer)
                details.append({"recording": what, "codec": codec, "logo": name, "clip": clip, **row})
                print(details[-1], flush=True)
    rows = []
    for what, codec in dict.fromkeys((row["recording"], row["codec"]) for row in details):
        for name in LOGOS:
            own = [row for row in details if (row["recording"], row["codec"], row["logo"]) == (what, codec, name)]
            means = {key: float(np.mean([row[key] for row in own])) for key in ("before", "hole", "seen", "left")}
            refused = sum("refused" in row for row in own)
            rows.append(
                {"recording": what, "codec": codec, "logo": name, "videos": len(own), "refused": refused} | means
            )
    report = {"commit": commit(), "seed": 0, "machine": machine(1), "width": WIDTH, "height": HEIGHT}
    write(args.out, {**report, "wider_px": WIDER, "rows": rows, "details": details})


if __name__ == "__main__":
    main()
