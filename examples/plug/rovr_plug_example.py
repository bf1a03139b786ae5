"""What a package may bring to ROVR, each in its shortest form: pip install ./examples/plug, then rovr info."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rovr.data.chance import Chance, generator
from rovr.data.corrupt import Kind
from rovr.data.shift import Mask
from rovr.editor.base import Editor, Prepared, Repair, paste
from rovr.mdp.state import RepairState
from rovr.select.base import Selector
from rovr.types import Edit


class Farthest(Selector):
    """The earliest damaged frame, looking at those farthest from it: rovr restore … --selector farthest."""

    name = "farthest"

    def select(self, state: RepairState) -> Edit:
        """Choose."""
        frame = int(state.pending.nonzero()[0])
        others = sorted((j for j in range(state.length) if j != frame), key=lambda j: (-abs(j - frame), j))
        return Edit(frame, tuple(others[: self.contexts]))


class Mean(Editor):
    """Fills the hole with the mean of the contexts: rovr restore … --editor mean."""

    name = "mean"

    def prepare(self, frame: Tensor, doubt: Tensor) -> Prepared:
        """Nothing to compute ahead."""
        return Prepared(frame, doubt)

    def edit(self, target: Prepared, mask: Tensor, contexts: Sequence[Prepared]) -> Repair:
        """Fill the hole; all of it was made up."""
        mean = torch.stack([context.frame for context in contexts or [target]]).mean(0)
        return Repair(paste(target.frame, mean, mask), mask.to(target.frame))


@dataclass(frozen=True)
class SnowSpec:
    """Options: count, flakes a frame."""

    count: int = 40


def snow(n: int, height: int, width: int, source: Chance, spec: SnowSpec) -> Iterator[Mask]:
    """Draw flakes of 2 × 2 pixels anywhere in n frames: rovr corrupt … --kind snow."""
    chance = generator(source)
    for _ in range(n):
        mask = chance.random((height, width)) < 0
        for y, x in zip(*(chance.integers(0, side, spec.count) for side in (height, width)), strict=True):
            mask[y : y + 2, x : x + 2] = True
        yield mask


SNOW = Kind(SnowSpec, snow, "flakes of 2 × 2 pixels")
