"""The small videos that an evaluation leaves of each clip, and what can be measured on them."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from rovr.errors import UserError
from rovr.metrics import psnr
from rovr.report.evaluation import Evaluation, Run
from rovr.video import open_source

Frames = NDArray[np.uint8]
"""(T, H, W, 3)."""


@dataclass(frozen=True)
class Sight:
    """How much of a hole's place was not hidden in the frames that a repair looked at.

    Attributes:
        saw: share that the camera saw in at least one of them.
        knew: the same with what earlier repairs had brought into them from other frames.
        each_saw: ``saw`` of every single context.
        each_knew: ``knew`` of every single context.
    """

    saw: float
    knew: float
    each_saw: list[float]
    each_knew: list[float]

    def words(self) -> str:
        """Both shares, in words."""
        more = f" themselves, and {self.knew:.0%} with what earlier repairs had brought there"
        return f"saw {self.saw:.0%} of the hole{more if self.knew - self.saw > 0.005 else ''}"


@dataclass(frozen=True)
class Footage:
    """One damaged clip and its repairs.

    Attributes:
        truth: what was there.
        damaged: with holes.
        masks: (T, H, W) bool, the holes.
        repaired: by method.
        files: the videos, by method and as ``damaged`` and ``truth``.
    """

    truth: Frames
    damaged: Frames
    masks: NDArray[np.bool_]
    repaired: dict[str, Frames]
    files: dict[str, Path]

    def psnr(self, method: str, frame: int) -> float | None:
        """Hole-PSNR of one repaired frame in dB, as measured on these compressed videos; None without a hole."""
        if not self.masks[frame].any():
            return None
        repaired, truth = (_tensor(frames[frame]) for frames in (self.repaired[method], self.truth))
        value = psnr(repaired, truth, torch.from_numpy(self.masks[frame])[None, None])
        return value if np.isfinite(value) else None

    def sights(self, run: Run) -> dict[int, "Sight"]:
        """What each repair of a run could draw on, by frame. Motion is not followed."""
        known = ~self.masks
        found: dict[int, Sight] = {}
        for frame, contexts in run.edits:
            hole = self.masks[frame]
            if not hole.any():
                continue
            saw, knew = ~self.masks[contexts][:, hole], known[contexts][:, hole]
            each = [[float(share) for share in shown.mean(1)] for shown in (saw, knew)]
            found[frame] = Sight(float(saw.any(0).mean()), float(knew.any(0).mean()), *each)
            known[frame] |= known[contexts].any(0)
        return found


@dataclass(frozen=True)
class Scene:
    """What the close looks at one clip are made of.

    Attributes:
        clip: its name.
        corruption: the kind of damage.
        runs: of the first seed, by method.
        footage: None where the evaluation has no videos of it.
    """

    clip: str
    corruption: str
    runs: dict[str, Run]
    footage: Footage | None

    @property
    def length(self) -> int:
        """Frames."""
        return max(len(run.hole) for run in self.runs.values())

    def contexts(self, method: str, frame: int) -> list[int] | None:
        """Whom a method looked at for a frame; None where it did not repair it."""
        return next((contexts for index, contexts in self.runs[method].edits if index == frame), None)

    def turn(self, method: str, frame: int) -> int | None:
        """When a method repaired a frame, from 0."""
        return next((k for k, (index, _) in enumerate(self.runs[method].edits) if index == frame), None)


def open_scene(evaluation: Evaluation, clip: str, corruption: str) -> Scene | None:
    """The first seed of a clip; None where there is no run.

    Raises:
        UserError: videos that cannot be read or do not fit together.
    """
    found = [run for run in evaluation.runs if (run.clip, run.corruption) == (clip, corruption)]
    if not found:
        return None
    first = min(run.seed for run in found)
    own = {run.method: run for run in found if run.seed == first}
    runs = {name: own[name] for name in evaluation.names if name in own}
    scene = Scene(clip, corruption, runs, _footage(evaluation, clip, corruption, list(runs)))
    if scene.footage is not None and len(scene.footage.truth) != scene.length:
        raise UserError(
            f"the videos of {clip} have {len(scene.footage.truth)} frames and the runs {scene.length}; "
            "evaluate again, so that they belong together"
        )
    return scene


def file_name(name: str) -> str:
    """A method's name as its video has it."""
    return re.sub(r"[/\s]", "_", name)


def _folder(media: Path, clip: str, corruption: str) -> Path | None:
    """Where a clip's videos are; None where there are none."""
    wanted = ("truth.mp4", "damaged.mp4", "mask.mp4")
    places = (media / clip / corruption, media / file_name(clip) / file_name(corruption))
    return next((place for place in places if all((place / name).is_file() for name in wanted)), None)


def _footage(evaluation: Evaluation, clip: str, corruption: str, methods: list[str]) -> Footage | None:
    """The videos of the methods that have some, with truth, damage and masks; None where these are missing."""
    places = {
        name: (folder, file_name(stem))
        for name, (media, stem) in evaluation.videos.items()
        if name in methods and (folder := _folder(Path(media), clip, corruption))
    }
    if not places:
        return None
    first = next(iter(places.values()))[0]
    files = {name: first / f"{name}.mp4" for name in ("damaged", "truth")}
    files |= {name: folder / f"{stem}.mp4" for name, (folder, stem) in places.items()}
    files = {name: path for name, path in files.items() if path.is_file()}
    frames = {name: _read(path) for name, path in files.items()}
    masks = _read(first / "mask.mp4")[..., 0] > 127
    shape = frames["truth"].shape
    for name, array in frames.items():
        if array.shape != shape or masks.shape != shape[:3]:
            raise UserError(f"{files[name]} does not fit truth.mp4 and mask.mp4 in {first}; evaluate again")
    repaired = {name: frames[name] for name in methods if name in frames}
    return Footage(frames["truth"], frames["damaged"], masks, repaired, files)


def _read(path: Path) -> Frames:
    with open_source(path) as source:
        return np.stack([frame.rgb for frame in source])


def _tensor(frame: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None]
