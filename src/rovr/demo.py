"""The demo: damage the bundled clip, repair it as a user would, and compare with the truth."""

from collections.abc import Callable
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rovr.data.corrupt_video import corrupt_video
from rovr.editor import load_editor
from rovr.errors import UserError
from rovr.mdp.state import RepairState
from rovr.metrics import psnr
from rovr.repair import Repairer
from rovr.restore import restore_video
from rovr.select import load_selector
from rovr.summary import Summary
from rovr.types import check_seed, counted
from rovr.video import open_source

CLIP = "city.mp4"


def run_demo(
    output: Path,
    seed: int = 2,
    device: str = "auto",
    editor: str = "aligned",
    selector: str = "agent",
    say: Callable[[str], Any] = print,
) -> dict[str, float]:
    """Run the demo and say what it did.

    Args:
        output: folder for what it makes.
        seed: decides the damage.
        device: see :func:`rovr.device.pick_device`.
        editor: what repairs a frame.
        selector: how contexts are chosen.
        say: told each line.

    Returns:
        PSNR inside the hole, in decibels, by method.

    Raises:
        UserError: the seed is none, or a file stands where the folder is to be.
    """
    seed = check_seed(seed)
    if output.exists() and not output.is_dir():
        raise UserError(f"{output} is a file; give a folder with -o")
    output.mkdir(parents=True, exist_ok=True)
    clip = Path(str(resources.files("rovr"))) / "assets" / CLIP
    damaged, mask, repaired = (output / name for name in ("damaged.mp4", "mask.mp4", "repaired.mp4"))

    say(f"1. Damaging {CLIP} with a hole that drifts through the picture (seed {seed})")
    corrupt_video(clip, damaged, mask, "shift", seed, crf=12, overwrite=True)

    say(f"2. Repairing it: rovr restore {damaged} --mask {mask} -o {repaired}")
    summary = restore_video(
        damaged, mask, repaired, editor=editor, selector=selector, device=device, overwrite=True, crf=12
    )
    say(
        f"   {summary.repaired} of {counted(summary.frames, 'frame')} of {summary.width}×{summary.height} repaired on "
        f"{summary.device}, {summary.seconds_per_repair:.3f} s each"
    )

    say("3. Comparing with the truth inside the hole (PSNR, higher is better)")
    truth, broken, fixed = (_read(path) for path in (clip, damaged, repaired))
    holes = _read(mask)[:, :1] > 127
    scores = {"damaged": psnr(broken, truth, holes)}
    for name, label in (("telea", "OpenCV Telea"), ("navier-stokes", "OpenCV Navier-Stokes")):
        scores[label] = psnr(_still(broken, holes, name), truth, holes)
    scores["ROVR"] = psnr(fixed, truth, holes)
    for label, score in scores.items():
        say(f"   {label:<22}{score:6.2f} dB")

    _side_by_side(output / "side-by-side.mp4", {"damaged": broken, "repaired": fixed, "truth": truth}, summary)
    _contact_sheet(output / "contact-sheet.png", {"damaged": broken, "repaired": fixed, "truth": truth})
    say("4. Look at")
    for name, about in (
        ("repaired.mp4", "the repaired video"),
        ("side-by-side.mp4", "damaged, repaired and true, next to each other"),
        ("contact-sheet.png", "frames of all three"),
    ):
        say(f"   {output / name}  {about}")
    return scores


def _read(path: Path) -> Tensor:
    """All frames of a short video, (T, 3, H, W) uint8."""
    with open_source(path) as source:
        frames = np.stack([frame.rgb for frame in source])
    return torch.from_numpy(frames).permute(0, 3, 1, 2).contiguous()


def _still(frames: Tensor, holes: Tensor, name: str) -> Tensor:
    """Each frame repaired from itself alone."""
    state = RepairState.begin(frames.clone(), holes)
    generator = torch.Generator().manual_seed(0)
    return Repairer(load_editor(name), load_selector("sequential")).run(state, generator).frames


def _rows(clips: dict[str, Tensor], index: int) -> NDArray[np.uint8]:
    """One frame of each clip, labelled, side by side, (H, W, 3)."""
    tiles = []
    for label, clip in clips.items():
        tile = np.ascontiguousarray(clip[index].permute(1, 2, 0).numpy())
        for colour, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
            cv2.putText(tile, label, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.55, colour, width, cv2.LINE_AA)
        tiles.append(tile)
    return np.concatenate(tiles, 1)


def _side_by_side(path: Path, clips: dict[str, Tensor], summary: Summary) -> None:
    length, _, height, width = next(iter(clips.values())).shape
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(
            "libx264", rate=Fraction(summary.rate or 25).limit_denominator(1001), options={"crf": "18"}
        )
        stream.width, stream.height, stream.pix_fmt = width * len(clips) // 2 * 2, height // 2 * 2, "yuv420p"
        for index in range(length):
            picture = _rows(clips, index)[: stream.height, : stream.width]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")))
        container.mux(stream.encode())


def _contact_sheet(path: Path, clips: dict[str, Tensor], rows: int = 5) -> None:
    length = len(next(iter(clips.values())))
    sheet = np.concatenate([_rows(clips, round((k + 0.5) * (length - 1) / rows)) for k in range(rows)], 0)
    cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
