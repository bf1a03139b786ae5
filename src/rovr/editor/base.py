"""What every editor Γ offers: look at a frame once, then repair a frame with the help of others.

Γ(X̃_i, X̃_c1, …, X̃_cK) of the poster. Splitting it into :meth:`Editor.prepare` and :meth:`Editor.edit` lets whatever
depends on one frame alone be computed once a frame and kept, so that looking at a context costs little.
"""

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from rovr.editor.sampling import shrunk_and_filled
from rovr.editor.sight import GRID, nearby, share_known
from rovr.editor.sources import Sources
from rovr.editor.window import Window


@dataclass(frozen=True)
class Prepared:
    """A frame as an editor wants to see it.

    Attributes:
        frame: (3, H, W) float in [0, 1].
        doubt: (1, H, W) float in [0, 1]; 0 = seen by the camera, 1 = missing. Pixels that an earlier edit
            filled lie in between.
        cache: what the editor computed from these two, for itself alone.
    """

    frame: Tensor
    doubt: Tensor
    cache: Any = None


@dataclass(frozen=True)
class Repair:
    """What an edit gives back.

    Attributes:
        frame: (3, H, W) float in [0, 1]; equal to the target wherever its mask is 0.
        doubt: (1, H, W) float in [0, 1]; how much of each pixel was made up and not found in a context.
        sources: whom the pixels come from; None where the editor cannot tell or was not asked to.
    """

    frame: Tensor
    doubt: Tensor
    sources: Sources | None = None


class Editor(ABC):
    """Repairs one frame from itself and K ≥ 0 contexts, at any size."""

    name: str
    far_sighted: bool = False
    """Whether its sessions can tell what frames filmed long before or after show (:meth:`Session.far_sight`)."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Where a class gives itself no name, it goes by the one that it has in the code."""
        super().__init_subclass__(**options)
        if not hasattr(cls, "name"):
            cls.name = cls.__name__

    @abstractmethod
    def prepare(self, frame: Tensor, doubt: Tensor) -> Prepared:
        """Compute whatever depends on this frame alone.

        Args:
            frame: (3, H, W) float in [0, 1]; the values under doubt 1 are never used.
            doubt: (1, H, W) float in [0, 1].
        """

    @abstractmethod
    def edit(self, target: Prepared, mask: Tensor, contexts: Sequence[Prepared]) -> Repair:
        """Repair the target.

        Args:
            target: the frame to repair.
            mask: (1, H, W) bool, the pixels to fill.
            contexts: the frames to look at, in any number and order.
        """

    def session(self, clip: "Clip", room: int) -> "Session":
        """Begin on a clip; see :class:`Session`."""
        return Session(self, clip, room)


class Clip(Protocol):
    """A clip as it stands: ``frames`` (T, 3, H, W) uint8 and ``doubt`` (T, 1, H, W) uint8, 255 = missing.

    The last of them are ``far`` from the others: no neighbours, but filmed long before or after.
    """

    frames: Tensor
    doubt: Tensor
    far: tuple[int, ...]

    def afar(self, frame: int) -> tuple[int, ...]:
        """Frames to compare with a frame directly."""


class Session:
    """One editor at work on one clip, keeping what it prepared.

    Args:
        editor: Γ.
        clip: what it works on; read anew whenever a frame is looked at.
        room: frames that are kept prepared; the least recently seen gives way.

    Attributes:
        traced: whether repairs shall name their sources, by editors that can.
    """

    traced = False

    def __init__(self, editor: Editor, clip: Clip, room: int) -> None:
        self.editor, self.clip, self.room = editor, clip, room
        self.prepared: OrderedDict[int, Prepared] = OrderedDict()
        self.shares: dict[int, Tensor] = {}

    def look(self, index: int) -> Prepared:
        """A frame as the editor wants to see it."""
        if index not in self.prepared:
            self.prepared[index] = self.prepare(index)
            while len(self.prepared) > self.room:
                self.prepared.popitem(last=False)
        self.prepared.move_to_end(index)
        return self.prepared[index]

    def prepare(self, index: int) -> Prepared:
        """Look at a frame anew."""
        return self.editor.prepare(self.clip.frames[index] / 255, self.clip.doubt[index] / 255)

    def picture(self, index: int, side: int) -> Tensor:
        """A frame with its holes filled smoothly, (1, 3, side, side): for who is to choose, small at once."""
        return picture(self.clip, index, side)

    def edit(self, frame: int, mask: Tensor, contexts: Sequence[int]) -> Repair:
        """Repair a frame; see :meth:`Editor.edit`."""
        return self.editor.edit(self.look(frame), mask, [self.look(c) for c in contexts])

    def sight(self, frame: int, first: int, last: int) -> Tensor:
        """What frames first … last − 1 show of a frame among them, (last − first, 2, GRID, GRID).

        See :func:`rovr.editor.sight.seek`.
        """
        return nearby(self.known(range(first, last))[None], torch.tensor([frame - first]))[0]

    def far_sight(self, frame: int) -> Tensor:
        """What the A frames afar show of a frame, (A, 2, GRID, GRID); nothing where motion is unknown."""
        return torch.zeros(len(self.clip.afar(frame)), 2, GRID, GRID)

    def known(self, indices: Sequence[int]) -> Tensor:
        """How well each place of N frames is seen, (N, GRID, GRID)."""
        for index in indices:
            if index not in self.shares:
                self.shares[index] = share_known(self.clip.doubt[index : index + 1])[0].cpu()
        return torch.stack([self.shares[index] for index in indices])

    def motion(self, frame: int, other: int, window: Window) -> Tensor:
        """Flow (2, h, w), in pixels, from a window of a frame to another frame; none, where an editor knows of none."""
        return torch.zeros(2, window.height, window.width)

    def forget(self, index: int) -> None:
        """A frame has changed: look at it anew when next asked."""
        self.prepared.pop(index, None)
        self.shares.pop(index, None)


def picture(clip: Clip, index: int, side: int) -> Tensor:
    """See :meth:`Session.picture`."""
    seen = (clip.doubt[index, None] < 255).float()
    return shrunk_and_filled(clip.frames[index, None] / 255, seen, side)


def paste(frame: Tensor, filled: Tensor, mask: Tensor) -> Tensor:
    """Keep ``frame`` outside the mask, bit for bit, and take ``filled`` inside.

    Args:
        frame: (3, H, W).
        filled: (3, H, W).
        mask: (1, H, W) bool.
    """
    return torch.where(mask, filled.clamp(0, 1), frame)
