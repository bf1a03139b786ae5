"""Recordings with lost blocks, from finding them to the repaired video: python benchmarks/lost_blocks.py [--out FILE].

Clips of the folders ``davis480`` and ``full`` of the variable ROVR_DATA are brought to 720×576, encoded, some of the
encoded bytes are spoiled as a tape's dropouts and a bad reception do it, and what FFmpeg decodes of that is the damaged
video; what it decodes of the whole recording is the truth. The masks are those of ``rovr mask blocks``, as wide as the
command makes them, and nothing else is told. *Recall* is the share of the pixels that came out wrong by more than
VISIBLE levels that the masks hold; *precision* the share of the masks within SLACK pixels of anything wrong.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import cv2
import numpy as np
import torch
from _common import ROOT, commit, machine, write
from bleed import Pictures, level, seen
from fields import FRAMES, HEIGHT, WIDTH, clip_name, interlaced, large_clips, read

from rovr.errors import UserError
from rovr.masking import Place, finding_blocks, write_masks
from rovr.restore import restore_video
from rovr.video.masks import widened

VISIBLE, WRONG, SLACK, DILATE = 25, 4, 4, 2
SECTION = 80
"""Bytes of a DV tape that are lost at a time, the first three of which say what they hold."""
PAYLOAD = 184
"""Bytes that a packet of a transport stream holds."""

Chance = np.random.Generator


def tape(packet: bytes, chance: Chance) -> bytes:
    """Runs of sections that are noise."""
    data = bytearray(packet)
    for _ in range(chance.integers(1, 5)):
        first = int(chance.integers(len(data) // SECTION - 12))
        for at in range(first, first + int(chance.integers(1, 13))):
            data[SECTION * at + 3 : SECTION * (at + 1)] = chance.bytes(SECTION - 3)
    return bytes(data)


def broadcast(packet: bytes, chance: Chance) -> bytes:
    """Without what one to three packets of a transport stream hold."""
    gone = PAYLOAD * int(chance.integers(1, 4))
    if len(packet) < 2 * gone:
        return packet
    first = int(chance.integers(100, len(packet) - gone))
    return packet[:first] + packet[first + gone :]


@dataclass(frozen=True)
class Kind:
    """A recording, and how it is spoiled.

    Attributes:
        codec: FFmpeg's name of the encoder.
        suffix: of the file.
        spoil: spoils a packet.
        often: share of the packets that are.
        pix_fmt: FFmpeg's name.
        interlaced: whether every two pictures make a frame.
        options: of the encoder.
    """

    codec: str
    suffix: str
    spoil: Callable[[bytes, Chance], bytes]
    often: float
    pix_fmt: str = "yuv420p"
    interlaced: bool = False
    options: dict[str, str] = field(default_factory=dict)


_GROUP = {"g": "12", "bf": "2"}
KINDS = {
    "DV tape": Kind("dvvideo", ".avi", tape, 0.4),
    "DV tape of 4:2:2, interlaced": Kind("dvvideo", ".avi", tape, 0.4, "yuv422p", True, {"flags": "+ildct"}),
    "MPEG-2 broadcast": Kind("mpeg2video", ".ts", broadcast, 0.1, options=_GROUP | {"b": "5M"}),
    "H.264 broadcast": Kind("libx264", ".ts", broadcast, 0.1, options=_GROUP | {"x264-params": "slices=4"}),
}


def record(path: Path, pictures: Pictures, kind: Kind, chance: Chance | None) -> None:
    """Write a recording, spoiled where chance is given, but for its first two packets."""
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream(kind.codec, rate=25, options=dict(kind.options))
        stream.height, stream.width, stream.pix_fmt = *pictures.shape[1:3], kind.pix_fmt
        count = 0
        for index, rgb in enumerate([*pictures, None]):
            frame = None
            if rgb is not None:
                frame = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format=kind.pix_fmt)
                frame.pts, frame.time_base = index, Fraction(1, 25)
            for packet in stream.encode(frame):
                count += 1
                spoiled = chance is not None and count > 2 and chance.random() < kind.often
                made = av.Packet(kind.spoil(bytes(packet), chance) if spoiled and chance else bytes(packet))
                made.pts, made.dts, made.time_base = packet.pts, packet.dts, packet.time_base
                made.stream, made.is_keyframe = stream, packet.is_keyframe
                output.mux(made)


def pictures_of(path: Path, fields: bool) -> Pictures | None:
    """The first pictures of a clip, of an interlaced one two in a frame, (T, H, W, 3) uint8."""
    found = read(path)
    if found is None:
        return None
    frames = interlaced(found) if fields else found[:FRAMES]
    return np.ascontiguousarray(frames.permute(0, 2, 3, 1).numpy())


def measure(folder: Path, pictures: Pictures, kind: Kind, seed: int) -> dict[str, Any]:
    """One recording."""
    whole, spoiled = folder / f"whole{kind.suffix}", folder / f"spoiled{kind.suffix}"
    mask, out, clean = folder / "m.mkv", folder / "out.mkv", folder / "c.mkv"
    record(whole, pictures, kind, None)
    record(spoiled, pictures, kind, np.random.default_rng(seed))
    truth, damaged = seen(whole), seen(spoiled)
    if len(damaged) != len(truth):
        return {"lost_frames": len(truth) - len(damaged)}
    differs = np.abs(truth.astype(int) - damaged).max(-1)
    write_masks(Place(spoiled, mask, True, dilate=DILATE), finding_blocks())
    write_masks(Place(whole, clean, True, dilate=DILATE), finding_blocks())
    found = seen(mask)[..., 0] > 127
    near = np.stack([widened(wrong, SLACK) for wrong in differs > WRONG])
    visible = differs > VISIBLE
    if not visible.any():
        return {"nothing_visible": True}
    restore_video(spoiled, mask, out, lossless=True, device="cpu", overwrite=True)
    return {
        "frames": len(truth),
        "damaged": float(visible.mean()),
        "recall": float(found[visible].mean()),
        "precision": float(near[found].mean()),
        "marked_of_whole": float((seen(clean)[..., 0] > 127).mean()),
        "before": level(damaged, truth, visible),
        "after": level(seen(out), truth, visible),
    }


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, nargs="+", help="videos and folders of frames, in place of those above")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "lost_blocks.json")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    paths = large_clips(args.clips)
    details: list[dict[str, Any]] = []
    with TemporaryDirectory() as folder:
        for seed, path in enumerate(paths):
            for name, kind in KINDS.items():
                pictures = pictures_of(path, kind.interlaced)
                if pictures is None:
                    print(f"{path}: too short, left out")
                    break
                row: dict[str, Any] = {"clip": clip_name(path), "kind": name}
                try:
                    row |= measure(Path(folder), pictures, kind, seed)
                except UserError as error:
                    row |= {"refused": str(error)}
                details.append(row)
                print(row, flush=True)
    rows = []
    for name in KINDS:
        own = [row for row in details if row["kind"] == name and "recall" in row]
        keys = ("damaged", "recall", "precision", "before", "after")
        means = {key: float(np.mean([row[key] for row in own])) for key in keys}
        most = max(row["marked_of_whole"] for row in own)
        rows.append({"kind": name, "videos": len(own), **means, "most_marked": most})
    report = {"commit": commit(), "seed": 0, "machine": machine(1), "frames": FRAMES, "width": WIDTH, "height": HEIGHT}
    thresholds = {"visible_levels": VISIBLE, "wrong_levels": WRONG, "slack_px": SLACK, "dilate_px": DILATE}
    write(args.out, {**report, **thresholds, "rows": rows, "details": details})


if __name__ == "__main__":
    main()
