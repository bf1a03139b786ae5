"""Clips to repair, with what a perfect repair would be: what editors and agents learn from and are measured on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rovr.data.augment import augment
from rovr.data.corrupt import damage, find_kind, make_masks
from rovr.data.folders import ClipSource, open_dataset
from rovr.data.photometric import SUFFIX, Photometric, split_kind
from rovr.errors import UserError

TRIES = 1000
"""Times that damage is drawn until it makes a hole: what is rare is found, and what never does is no endless loop."""


@dataclass(frozen=True)
class Case:
    """A damaged clip.

    Attributes:
        truth: (T, 3, H, W) uint8, what a perfect repair would show inside the holes.
        frames: (T, 3, H, W) uint8, damaged.
        masks: (T, 1, H, W) bool.
    """

    truth: Tensor
    frames: Tensor
    masks: Tensor


def make_case(clip: Tensor, kind: str, seed: int) -> Case:
    """Damage a clip.

    Args:
        clip: (T, 3, H, W) uint8.
        kind: a key of ``KINDS``, or one with ``+photometric`` behind it. Then the truth flickers as the frames do, for
            only so would a repair fit its surroundings, but has none of their noise.
        seed: decides everything.

    Raises:
        UserError: for an unknown kind.
    """
    name, photometric = split_kind(kind)
    masks = make_masks(name, len(clip), clip.shape[-2], clip.shape[-1], seed)
    if not photometric:
        return Case(clip, damage(clip, masks), masks)
    weak = Photometric(len(clip), seed)
    truth = torch.stack([weak.flicker(frame, index) for index, frame in enumerate(clip)])
    return Case(truth, damage(torch.stack([weak.noise(frame) for frame in truth]), masks), masks)


def check_kinds(kinds: Sequence[str]) -> None:
    """Raise a UserError where a kind of damage is unknown, or where there is none."""
    if not kinds:
        raise UserError("no kind of damage is given; name one at least")
    for kind in kinds:
        try:
            find_kind(split_kind(kind)[0])
        except UserError as error:
            raise UserError(f"{error}; add {SUFFIX} to one for flicker and noise") from None


@dataclass(frozen=True)
class ClipDraw:
    """Draws training clips; a class and not a closure, because it travels to other processes.

    Attributes:
        pools: for each stride, the folders that have clips of it.
        filmed: whether a second camera films them anew (:mod:`rovr.data.augment`).
    """

    pools: Sequence[Sequence[ClipSource]]
    filmed: bool = True

    @classmethod
    def open(cls, folders: Sequence[Path], length: int, size: int, filmed: bool = True) -> "ClipDraw":
        """Clips of some folders, at every frame and at every second one.

        Raises:
            UserError: no folder, or one without clips of this length.
        """
        if not folders:
            raise UserError("no folder of clips is given; name one at least")
        pools = [[_source(folder, length, size, stride) for folder in folders] for stride in (1, 2)]
        found = [[source for source in pool if source is not None] for pool in pools]
        return cls([pool for pool in found if pool], filmed)

    @property
    def sequences(self) -> int:
        """Number of sequences that clips are drawn from."""
        return sum(len(source.sequences) for source in self.pools[0])

    def shared(self, folder: Path) -> list[str]:
        """Names of a folder's sequences that clips are drawn from too."""
        drawn = {s.path.resolve() for pool in self.pools for source in pool for s in source.sequences}
        return [s.name for s in open_dataset(folder, length=1).sequences if s.path.resolve() in drawn]

    def __call__(self, chance: np.random.Generator) -> Tensor:
        """A clip, (T, 3, H, W) uint8; every sequence of a pool is as likely."""
        pool = self.pools[int(chance.integers(len(self.pools)))]
        counts = np.array([len(source.sequences) for source in pool])
        clip = pool[int(chance.choice(len(pool), p=counts / counts.sum()))].sample(chance).frames
        return augment(clip, chance) if self.filmed else clip


@dataclass(frozen=True)
class CaseDraw:
    """Draws damaged clips.

    Attributes:
        draw: draws undamaged ones.
        kinds: of damage, as :func:`make_case` takes them; naming one twice makes it twice as likely.
    """

    draw: Callable[[np.random.Generator], Tensor]
    kinds: tuple[str, ...] = ("shift",)

    def __call__(self, chance: np.random.Generator) -> Case:
        """A clip with at least one hole.

        Raises:
            UserError: the kind of damage makes none.
        """
        clip, kind = self.draw(chance), self.kinds[int(chance.integers(len(self.kinds)))]
        for _ in range(TRIES):
            case = make_case(clip, kind, int(chance.integers(2**31)))
            if case.masks.any():
                return case
        raise UserError(f"damage of the kind '{kind}' has left {TRIES} clips whole; choose one that makes holes")


def first_clips(folder: Path, length: int, size: int) -> dict[str, Tensor]:
    """The first clip (length, 3, size, size) uint8 of every sequence of a folder, by name: what is measured on."""
    found: dict[str, Tensor] = {}
    for clip in open_dataset(folder, length=length, size=size):
        found.setdefault(clip.name.split("@")[0], clip.frames)
    return found


def _source(folder: Path, length: int, size: int, stride: int) -> ClipSource | None:
    """Clips of a folder; None where no sequence is long enough at a stride above 1."""
    source = open_dataset(folder, length=length, size=size, stride=stride)
    if stride > 1 and len(source.skipped) == len(source._sequences):
        return None
    return source
