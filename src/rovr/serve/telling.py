"""What the server is told of a task while it runs."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rovr.serve.pictures import clear_png, jpeg, smaller
from rovr.types import Edit

Tell = Callable[..., None]
"""Passes an event on to the server: a name and values for JSON."""

# Seconds between two pictures of a repair that is under way, and their width.
_LIVE, _WIDE = 0.4, 960
# Seconds without a repair after which the frames are counted that need none.
_WHOLE = 1.0
_DOUBT = 480


class Steps:
    """Tells how far a task is, a few times a second."""

    def __init__(self, tell: Tell, phase: str, total: int) -> None:
        self.tell, self.phase, self.total, self.done, self._last = tell, phase, total, 0, 0.0

    def __call__(self) -> None:
        """Another frame is done."""
        self.done += 1
        now = time.monotonic()
        if now - self._last > 0.1:
            self._last = now
            self.tell("step", phase=self.phase, done=self.done, total=self.total)


class Watching:
    """Shows a repair while it runs: its edits, now and then a picture, the doubt of each frame, and what lies between.

    Args:
        folder: for pictures.
        tell: passes events on.
        due: frames to repair.
        whole: frames to copy.
        passes: times that each is repaired.
    """

    def __init__(self, folder: Path, tell: Tell, due: int, whole: int, passes: int) -> None:
        self.folder, self.tell, self.due, self.whole, self.total = folder, tell, due, whole, due * passes
        self.edits: list[Edit] = []
        self._early = 0
        self._last = 0.0
        self._copied, self._row, self._told = 0, 0, time.monotonic()
        (folder / "doubt").mkdir()

    def frame(self) -> None:
        """Another frame is done, as it was or by a repair, which is then told next; thousands may be as they were."""
        self._copied += 1
        self._row += 1
        if self._row > 1 and time.monotonic() - self._told > _WHOLE:
            self._told = time.monotonic()
            self.tell("step", phase="copy", done=self._copied, total=self.whole)

    def early(self) -> None:
        """A frame is repaired that will be once more."""
        self._early += 1
        self.tell("step", phase="repair", done=self._early + len(self.edits), total=self.total)

    def __call__(self, edit: Edit, frame: Tensor, doubt: Tensor) -> None:
        """A frame is repaired."""
        self.edits.append(edit)
        self._copied, self._row, self._told = self._copied - 1, 0, time.monotonic()
        level = doubt[0].cpu().numpy()
        (self.folder / "doubt" / f"{edit.frame}.png").write_bytes(clear_png(level, _DOUBT))
        now = time.monotonic()
        if now - self._last > _LIVE:
            self._last = now
            part = self.folder / "live.part"
            part.write_bytes(jpeg(pixels_of(frame), _WIDE))
            part.replace(self.folder / "live.jpg")
        self.tell(
            "edit",
            frame=edit.frame,
            contexts=list(edit.contexts),
            done=self._early + len(self.edits),
            total=self.total,
            due=self.due,
            doubt=round(float(smaller(level, 160).mean()) / 255, 4),
        )


def pixels_of(frame: Tensor) -> NDArray[np.uint8]:
    """A frame (3, H, W) as pictures have it, (H, W, 3)."""
    return np.asarray(frame.permute(1, 2, 0).cpu().numpy(), np.uint8)
