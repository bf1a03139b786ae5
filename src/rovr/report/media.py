"""The small videos that an evaluation leaves of each clip, and what can be measured on them."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from rovr.errors import UserError
from rovr.evaluate.media import file_name
from rovr.evaluate.sight import Sight, sights
from rovr.metrics import psnr
from rovr.report.evaluation import Evaluation, Repairs, Run
from rovr.report.holes import Holes
from rovr.video import open_source

Frames = NDArray[np.uint8]
"""(T, H, W, 3)."""


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

    def sights(self, run: Run) -> dict[int, Sight]:
        """What each repair of a run could draw on, by frame; as of the masks in these videos."""
        found = zip(run.edits, sights(self.masks, run.edits), strict=True)
        return {frame: sight for (frame, _), sight in found if sight is not None}

    def repairs(self, run: Run) -> Repairs:
        """What a file of a later version would say of a run that is shown here."""
        found = sights(self.masks, run.edits)
        shares = [(None, None) if sight is None else (sight.saw, sight.knew) for sight in found]
        scores = [self.psnr(run.method, frame) for frame, _ in run.edits]
        return Repairs([saw for saw, _ in shares], [knew for _, knew in shares], scores)


@dataclass(frozen=True)
class Scene:
    """What the close looks at one clip are made of.

    Attributes:
        clip: its name.
        corruption: the kind of damage.
        runs: of the first seed, by method.
        footage: None where the evaluation has no videos of it.
        masks: (T, H, W) bool, the holes; None where they are not known.
    """

    clip: str
    corruption: str
    runs: dict[str, Run]
    footage: Footage | None
    masks: NDArray[np.bool_] | None = None

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


def open_scene(evaluation: Evaluation, clip: str, corruption: str, holes: Holes | None = None) -> Scene | None:
    """The first seed of a clip; None where there is no run.

    Args:
        evaluation: the whole.
        clip: its name.
        corruption: kind of damage.
        holes: draws the masks where there are no videos.

    Raises:
        UserError: videos that cannot be read or do not fit together.
    """
    found = [run for run in evaluation.runs if (run.clip, run.corruption) == (clip, corruption)]
    if not found:
        return None
    first = min(run.seed for run in found)
    own = {run.method: run for run in found if run.seed == first}
    runs = {name: own[name] for name in evaluation.names if name in own}
    footage = _footage(evaluation, clip, corruption, list(runs))
    drawn = holes.of(next(iter(runs.values()))) if holes else None
    scene = Scene(clip, corruption, runs, footage, drawn if footage is None else footage.masks)
    if scene.footage is not None and len(scene.footage.truth) != scene.length:
        raise UserError(
            f"the videos of {clip} have {len(scene.footage.truth)} frames and the runs {scene.length}; "
            "evaluate again, so that they belong together"
        )
    if footage is not None:
        # What the file says is exact; the videos, which are compressed, serve where it says nothing.
        for name in footage.repaired:
            kept = runs[name].repairs
            if kept is None or not kept.psnr:
                runs[name] = replace(runs[name], repairs=footage.repairs(runs[name]))
    return scene


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
