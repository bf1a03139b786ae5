"""What was done to a video, in one HTML file that opens offline; its parts are those of the page.

A long video is shown by some of its repaired frames and the frames that these were repaired from.
"""

import base64
import json
from collections.abc import Sequence
from fractions import Fraction
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rovr.errors import UserError
from rovr.files import as_text
from rovr.outputs import prepared, writing
from rovr.report.place import MARK, ReportFolder
from rovr.serve.index import played_aspect
from rovr.serve.pictures import clear_png, jpeg, smaller
from rovr.summary import Summary
from rovr.types import Edit
from rovr.video import open_masks, open_source
from rovr.video.limits import MAX_PIXELS

# Frames that are shown at most, and width of their pictures.
MOST, WIDE, SMALL = 72, 720, 320
# Pictures of doubt that are held while nobody knows yet how many frames there will be.
HELD = 4 * MOST
MODULES = ("ui.js", "compare.js", "film.js", "stage.js", "onefile.js")


class RepairReport:
    """Watches a repair, and tells of it afterwards.

    Args:
        folder: where the page goes, as ``index.html``; it appears when the report is finished.
        overwrite: whether an earlier report may be replaced.

    Raises:
        UserError: the folder cannot be written or is taken.
    """

    def __init__(self, folder: Path, overwrite: bool) -> None:
        self.place = ReportFolder(Path(prepared(folder)), True, overwrite)
        self.edits: list[Edit] = []
        self.doubts: dict[int, bytes] = {}
        self._every = 1
        self.levels: list[float] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.place.discard()

    def watch(self, edit: Edit, frame: Tensor, doubt: Tensor) -> None:
        """Take note of an edit, see :data:`rovr.blocks.Watch`."""
        self.edits.append(edit)
        level = smaller(doubt[0].cpu().numpy(), SMALL)
        self.levels.append(round(float(level.mean()) / 255, 4))
        if edit.frame % self._every:
            return
        self.doubts[edit.frame] = clear_png(level, SMALL)
        while len(self.doubts) > HELD:
            # Frames at even distances, whatever the order in which they come; memory does not grow with the video.
            self._every *= 2
            self.doubts = {frame: held for frame, held in self.doubts.items() if frame % self._every == 0}

    def finish(
        self,
        summary: Summary,
        mask: Path | None,
        boxes: Sequence[str] = (),
        dilate: int = 0,
        rate: Fraction | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> Path:
        """Write the page.

        Args:
            summary: of the repair, whose input and output are read once more.
            mask: as given for the repair, like the following.
            boxes: rectangles.
            dilate: pixels that holes were widened by.
            rate: frames per second of a folder.
            max_pixels: that a frame may have.

        Returns:
            The page.

        Raises:
            UserError: the disk ran full.
        """
        try:
            with writing(self.place.path):
                return self._finish(summary, *self._pictures(summary, mask, boxes, dilate, rate, max_pixels))
        except UserError as error:
            raise UserError(f"{summary.output} is complete, its report is not: {error}") from error

    def _finish(self, summary: Summary, ratio: float, pictures: dict[int, dict[str, str]]) -> Path:
        title = as_text(Path(summary.input).name)
        told = {name: value for name, value in summary.to_json().items() if name not in ("input", "output")}
        data = {
            "title": title,
            "frames": summary.frames,
            "ratio": ratio,
            "summary": told,
            "pictures": pictures,
            "edits": [[e.frame, level, *e.contexts] for e, level in zip(self.edits, self.levels, strict=True)],
        }
        (self.place.partial / "index.html").write_text(_page(title, data), encoding="utf-8")
        self.place.commit()
        return self.place.path / "index.html"

    def _kept(self, frames: int) -> set[int]:
        """Frames to show."""
        if frames <= MOST or not self.doubts:
            return set(np.linspace(0, frames - 1, min(frames, MOST)).astype(int).tolist())
        share = MOST // (1 + max(len(edit.contexts) for edit in self.edits))
        ordered = sorted((edit for edit in self.edits if edit.frame in self.doubts), key=lambda edit: edit.frame)
        chosen = [ordered[k] for k in np.linspace(0, len(ordered) - 1, max(share, 1)).astype(int)]
        return {frame for edit in chosen for frame in (edit.frame, *edit.contexts)}

    def _pictures(
        self,
        summary: Summary,
        mask: Path | None,
        boxes: Sequence[str],
        dilate: int,
        rate: Fraction | None,
        max_pixels: int,
    ) -> tuple[float, dict[int, dict[str, str]]]:
        """Width over height as played, and what there is of each frame.

        That is ``before``, ``after``, where it was repaired ``hole``, and ``doubt`` if held; as data addresses.
        """
        kept, found = self._kept(summary.frames), {}
        repaired = {edit.frame for edit in self.edits}
        taken: dict[str, Any] = {"rate": rate, "max_pixels": max_pixels}
        with open_source(summary.input, **taken) as source, open_source(summary.output, **taken) as made:
            turn, holes = source.info.orientation.to_shown, iter(open_masks(source.info, mask, boxes, dilate))
            # What a folder holds is turned already.
            turned = made.info.orientation.to_shown
            # Folders do not say how wide their pixels are, and repairs leave that as it is.
            aspect, (width, height) = played_aspect(source.info), source.info.shown_size
            for k, (before, after, hole) in enumerate(zip(source, made, holes, strict=False)):
                if k not in kept:
                    continue
                found[k] = {"before": _jpeg(turn(before.rgb), aspect), "after": _jpeg(turned(after.rgb), aspect)}
                if k in repaired:
                    found[k]["hole"] = _png(clear_png(turn(hole).astype(np.uint8) * 255, SMALL))
                if (doubt := self.doubts.get(k)) is not None:
                    if not source.info.orientation.upright:
                        shown = turn(np.asarray(cv2.imdecode(np.frombuffer(doubt, np.uint8), cv2.IMREAD_UNCHANGED)))
                        doubt = clear_png(np.ascontiguousarray(shown[..., 3]), SMALL)
                    found[k]["doubt"] = _png(doubt)
        return width * aspect / height, found


def _jpeg(rgb: NDArray[np.uint8], aspect: float) -> str:
    """A picture as a data address, with square pixels."""
    if aspect != 1:
        # Larger, never smaller, so that nothing is lost.
        across, down = max(1.0, aspect), max(1.0, 1 / aspect)
        rgb = np.asarray(cv2.resize(rgb, None, fx=across, fy=down, interpolation=cv2.INTER_LINEAR), np.uint8)
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg(rgb, WIDE, 82)).decode()}"


def _png(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def asset(name: str) -> str:
    """A file of the page."""
    return resources.files("rovr.serve").joinpath("static", name).read_text(encoding="utf-8")


def bundled(names: Sequence[str]) -> str:
    """Modules of the page as one script: in order, what they import from each other left out."""
    lines = [line for name in names for line in asset(name).splitlines() if not line.startswith("import ")]
    return "\n".join(line.removeprefix("export ") for line in lines)


def _page(title: str, data: dict[str, Any]) -> str:
    held = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    text = asset("onefile.html")
    parts = {"mark": MARK, "title": _escaped(title), "css": asset("style.css"), "data": held, "js": bundled(MODULES)}
    for name, part in parts.items():
        before, _, after = text.partition(f"<!-- {name} -->")
        text = before + part + after
    return text


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
