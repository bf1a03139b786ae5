"""Evaluations made up for tests: known numbers, rules of three kinds, and small pictures of the bundled clip."""

import csv
import json
from importlib import resources
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from rovr.video import open_source

METHODS = ("aligned/sequential", "aligned/coverage", "aligned/coverage (1)", "telea")
GAIN = {"aligned/sequential": 0.0, "aligned/coverage": 1.5, "aligned/coverage (1)": 0.5, "telea": -4.0}
"""Hole-PSNR over that of the first, in dB."""

CLIPS = ("alps", "bay", "boat & <crew> $x$", "canal", "city")
SEEN = CLIPS[::2]
"""Those that there are videos of: of the largest gain, the median and the least."""

LENGTH, SIDE = 6, 64


def edits(method: str, length: int) -> list[list[Any]]:
    """A rule's repairs: two frames before; two far ones, from the end to the start; one far one; nobody."""
    if method == "aligned/sequential":
        return [[k, [(k - 1) % length, (k - 2) % length]] for k in range(length)]
    if method == "aligned/coverage":
        return [[k, [(k + length // 2) % length, (k + length // 3) % length]] for k in reversed(range(length))]
    return [[k, [(k + length // 2) % length] if "coverage" in method else []] for k in range(length)]


def run(method: str, clip: str, seed: int, corruption: str, length: int = LENGTH) -> dict[str, Any]:
    """One run; every clip is harder than the one before, and every clip but the last gains more than it."""
    place = CLIPS.index(clip)
    gain = GAIN[method] * (1.5 - 0.25 * place) + 0.1 * seed * (method == "aligned/coverage")
    made = edits(method, length)
    return {
        "method": method,
        "clip": clip,
        "seed": seed,
        "corruption": corruption,
        "values": {"hole_psnr": 24 - 1.0 * place + gain, "flow": None if method == "telea" else 0.5 - gain / 10},
        "seconds": {"select": 0.1, "edit": 0.4 * (1 + len(made[0][1])), "total": 0.1 + 0.4 * (1 + len(made[0][1]))},
        "looks": sum(len(contexts) for _, contexts in made),
        "edits": made,
        "hole": [0.1 + 0.02 * k for k in range(length)],
    }


def spread(values: list[float]) -> dict[str, float]:
    return {"mean": float(np.mean(values)), "low": float(np.mean(values)) - 0.25, "high": float(np.mean(values)) + 0.25}


def evaluation(corruptions: tuple[str, ...] = ("shift",), seeds: int = 2, length: int = LENGTH) -> dict[str, Any]:
    """A whole file as a dictionary."""
    runs = [run(m, c, s, d, length) for d in corruptions for c in CLIPS for s in range(seeds) for m in METHODS]

    def values(method: str, corruption: str, key: str) -> list[float]:
        own = [r["values"][key] for r in runs if (r["method"], r["corruption"]) == (method, corruption)]
        return [value for value in own if value is not None]

    def means(method: str, corruption: str, less: str | None = None) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key in ("hole_psnr", "flow"):
            own, other = values(method, corruption, key), values(less, corruption, key) if less else None
            gaps = [a - b for a, b in zip(own, other, strict=True)] if own and other else own
            found[key] = spread(gaps) if gaps else None
        return found

    return {
        "kind": "evaluation",
        "format": 1,
        "commit": "0123abc",
        "machine": {"cpu": "made up", "cores": 2, "threads": 1},
        "clock": "processor",
        "seed": f"0–{seeds - 1}",
        "rovr": "0.0",
        "protocol": {
            "name": "custom",
            "length": length,
            "size": [SIDE, SIDE],
            "corruptions": list(corruptions),
            "seeds": seeds,
            "clips": list(CLIPS),
        },
        "metrics": {
            "hole_psnr": {"label": "hole-PSNR", "unit": "dB", "better": "higher", "by": "pixels"},
            "flow": {"label": "flow error", "unit": "", "better": "lower", "by": "dis"},
        },
        "methods": [
            {"name": "aligned/sequential", "selector": "sequential", "editor": "aligned", "contexts": 2},
            {"name": "aligned/coverage", "selector": "coverage", "editor": "aligned", "contexts": 2},
            {"name": "aligned/coverage (1)", "selector": "coverage", "editor": "aligned", "contexts": 1},
            {"name": "telea", "selector": "sequential", "editor": "telea", "contexts": 0},
        ],
        "runs": runs,
        "summary": [
            {"method": m, "corruption": d, "count": len(CLIPS) * seeds, "values": means(m, d)}
            for d in corruptions
            for m in METHODS
        ],
        "differences": [
            {"method": m, "against": METHODS[0], "corruption": d, "values": means(m, d, METHODS[0])}
            for d in corruptions
            for m in METHODS[1:]
        ],
    }


def pictures(length: int = LENGTH, side: int = SIDE) -> np.ndarray:
    """Frames of the bundled clip, (T, side, side, 3) uint8."""
    clip = resources.files("rovr").joinpath("assets", "city.mp4")
    with resources.as_file(clip) as path, open_source(path) as source:
        frames = [frame.rgb for _, frame in zip(range(length), source, strict=False)]
    edge = min(frames[0].shape[:2])
    return np.stack([cv2.resize(frame[:edge, :edge], (side, side), interpolation=cv2.INTER_AREA) for frame in frames])


def write_video(path: Path, frames: np.ndarray) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "12"})
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24")))
        container.mux(stream.encode())


def media(folder: Path, report: dict[str, Any], side: int = SIDE) -> None:
    """Videos of some clips: a box drifts through each, where each method leaves noise, the less the better it is."""
    length = report["protocol"]["length"]
    rng = np.random.default_rng(0)
    truth = pictures(length, side)
    masks = np.zeros(truth.shape[:3], bool)
    for k in range(length):
        left = round(side * (0.1 + 0.5 * k / length))
        masks[k, side // 4 : side // 2, left : left + side // 3] = True
    for clip in SEEN:
        for corruption in report["protocol"]["corruptions"]:
            own = folder / clip / corruption
            own.mkdir(parents=True)
            noise = rng.normal(size=truth.shape)
            videos = {"truth": truth, "damaged": np.where(masks[..., None], 128, truth)}
            videos["mask"] = np.repeat(masks[..., None] * 255, 3, -1)
            for method, gain in GAIN.items():
                noisy = np.clip(truth + noise * 15 * 10 ** (-gain / 20), 0, 255)
                videos[method.replace("/", "_").replace(" ", "_")] = np.where(masks[..., None], noisy, truth)
            for name, frames in videos.items():
                write_video(own / f"{name}.mp4", frames.astype(np.uint8))


def write(folder: Path, report: dict[str, Any], with_media: bool = True) -> Path:
    """The file, with its videos beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    if with_media:
        report = {**report, "media": "media"}
        media(folder / "media", report)
    path = folder / "x.json"
    path.write_text(json.dumps(report))
    return path


def log(path: Path, end: float, steps: int = 40, name: str = "loss", more: dict[str, float] | None = None) -> Path:
    """A training log whose figure falls from 1 to ``end`` in the first half and stays there."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", "name", "value", "seconds"])
        for k in range(steps):
            writer.writerow([100 * (k + 1), name, end + (1 - end) * max(0.0, 1 - 2 * k / steps), k])
            writer.writerows([100 * (k + 1), other, value, k] for other, value in (more or {}).items())
    return path
