"""Who is told how a repair goes: of frames, where it is fields that are repaired too."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from rovr.blocks import Item, Watch
from rovr.types import Edit
from rovr.video.colour import Frame
from rovr.video.fields import Field


def nobody(*told: Any) -> None:
    """Listens to nothing."""


@dataclass
class Listeners:
    """Told of frames.

    Attributes:
        done: of each that needs nothing further, in whatever order.
        ahead: the index of each that is read ahead of its repair.
        early: the index of each that a pass before the last has repaired.
        watch: each edit of the last pass.
    """

    done: Callable[[], None] = nobody
    ahead: Callable[[int], None] = nobody
    early: Callable[[int], None] = nobody
    watch: Watch = nobody

    def noted(self, items: Iterable[Item[Frame]]) -> Iterator[Item[Frame]]:
        """Take note of items on their way to their repair."""
        return iter(items)


@dataclass
class _Half:
    """A frame of which a field was repaired, and another one is to be.

    Attributes:
        fields: damaged ones, by their index.
        early: repairs so far by passes before the last.
        edits: of the last pass.
        doubts: of the fields.
    """

    fields: dict[int, Field]
    early: int = 0
    edits: list[Edit] = field(default_factory=list)
    doubts: dict[int, Tensor] = field(default_factory=dict)


class FieldListeners(Listeners):
    """Told of fields, and tells of frames, each once: when the last of its fields is done.

    An edit of a frame looks at the frames whose fields those of its fields looked at. Its picture is that of the field
    repaired last, every line twice, in which nothing is combed; its doubt is that of both.

    Args:
        listeners: told of frames.
    """

    def __init__(self, listeners: Listeners) -> None:
        super().__init__(self._done, self._ahead, self._early, self._watch)
        self._told = listeners
        self._fields = 0
        self._halves: dict[int, _Half] = {}

    def noted(self, items: Iterable[Item[Frame]]) -> Iterator[Item[Frame]]:
        """Take note of which fields of a frame are damaged, before any of them is repaired."""
        fields = iter(items)
        for frame, both in enumerate(zip(fields, fields, strict=True)):
            damaged = {2 * frame + k: item.payload for k, item in enumerate(both) if item.damaged}
            if damaged:
                self._halves[frame] = _Half({index: part for index, part in damaged.items() if isinstance(part, Field)})
            yield from both

    def _done(self) -> None:
        self._fields += 1
        if self._fields % 2 == 0:
            self._told.done()

    def _ahead(self, index: int) -> None:
        if index % 2:
            self._told.ahead(index // 2)

    def _early(self, index: int) -> None:
        half = self._halves[index // 2]
        half.early += 1
        if half.early % len(half.fields) == 0:
            self._told.early(index // 2)

    def _watch(self, edit: Edit, picture: Tensor, doubt: Tensor) -> None:
        frame = edit.frame // 2
        half = self._halves[frame]
        half.edits.append(edit)
        # The view changes with the clip.
        half.doubts[half.fields[edit.frame].first] = doubt.clone()
        if len(half.edits) < len(half.fields):
            return
        del self._halves[frame]
        contexts = dict.fromkeys(context // 2 for edit in half.edits for context in edit.contexts)
        whole = torch.stack([half.doubts.get(first, torch.zeros_like(doubt)) for first in (0, 1)], 2).flatten(1, 2)
        shown = Edit(frame, tuple(context for context in contexts if context != frame))
        self._told.watch(shown, picture.repeat_interleave(2, 1), whole)
