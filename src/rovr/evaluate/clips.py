"""What is measured on: undamaged clips from a folder, and their damage, which name, seed and kind alone decide."""

import zlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from rovr.data.cases import Case, check_kinds, make_case
from rovr.data.corrupt import damage, make_masks
from rovr.data.folders import ClipSource, Footage, open_dataset
from rovr.data.photometric import split_kind
from rovr.errors import UserError
from rovr.evaluate.freeform import KINDS, freeform_masks
from rovr.files import as_text


class Clips:
    """The first clip of every sequence of a folder, decoded when it is asked for.

    Args:
        folder: as :func:`rovr.data.folders.open_dataset` takes it.
        length: frames of a clip; 0 for whole sequences, of three frames or more.
        size: (H, W). Clips of a given length are cut to its aspect. Whole sequences are squeezed into it, as is usual
            for the figures that are reported of them.
        split: as :func:`rovr.data.folders.open_dataset` takes it.

    Attributes:
        skipped: names of the sequences that are too short.
    """

    def __init__(self, folder: Path, length: int, size: tuple[int, int], split: str | None = None) -> None:
        self.length, self.size = length, size
        source = open_dataset(folder, split=split, length=length or 3, size=size)
        self.skipped = source.skipped
        self._found: dict[str, Footage] = {as_text(footage.name): footage for footage in source.sequences}
        if len(self._found) < len(source.sequences):
            raise UserError(f"{folder} holds two videos that differ in their endings alone; rename one")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the clips, sorted."""
        return tuple(sorted(self._found))

    def frames(self, name: str) -> int:
        """Number of frames of a clip."""
        return self.length or self._found[name].length

    def read(self, name: str) -> Tensor:
        """A clip, (T, 3, H, W) uint8."""
        footage = self._found[name]
        if self.length:
            return ClipSource([footage], self.length, self.size)[0].frames
        whole = footage.frames(0, footage.length)
        small = [cv2.resize(picture, self.size[::-1], interpolation=cv2.INTER_AREA) for picture in whole]
        return torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).contiguous()


def check_corruption(kinds: Sequence[str]) -> None:
    """Raise a UserError where a kind of damage is unknown."""
    try:
        for kind in kinds:
            if kind not in KINDS:
                check_kinds([kind])
    except UserError as error:
        raise UserError(f"{error}; and there are {', '.join(KINDS)}") from None


def seed_of(*parts: object) -> int:
    """A number that these parts alone decide, on every machine."""
    return zlib.crc32(" ".join(map(str, parts)).encode())


def draw_case(clip: Tensor, name: str, seed: int, corruption: str) -> Case:
    """Damage a clip; kinds that differ in ``+photometric`` alone have the same masks.

    Args:
        clip: (T, 3, H, W) uint8.
        name: of the clip.
        seed: from 0.
        corruption: a key of ``KINDS``, or as :func:`rovr.data.cases.make_case` takes it.
    """
    chance = seed_of(name, seed)
    if corruption not in KINDS:
        return make_case(clip, corruption, chance)
    masks = draw_masks(len(clip), (clip.shape[-2], clip.shape[-1]), name, seed, corruption)
    return Case(clip, damage(clip, masks), masks)


def draw_masks(length: int, size: tuple[int, int], name: str, seed: int, corruption: str) -> Tensor:
    """The masks of :func:`draw_case`, for which no footage is needed.

    Args:
        length: frames.
        size: (H, W).
        name: of the clip.
        seed: from 0.
        corruption: as :func:`draw_case` takes it.

    Returns:
        (length, 1, H, W) bool, True = missing.

    Raises:
        UserError: an unknown kind of damage.
    """
    chance = seed_of(name, seed)
    if corruption in KINDS:
        return freeform_masks(length, *size, KINDS[corruption], chance)
    return make_masks(split_kind(corruption)[0], length, *size, chance)
