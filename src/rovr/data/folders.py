"""Clips of one length and size, cut from videos or folders of frames: what is trained and measured on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rovr.data.chance import Chance, generator
from rovr.data.footage import Footage
from rovr.data.recipes import RECIPES, davis, folder, realvsr, youtube_vos
from rovr.errors import UserError

__all__ = ["Clip", "ClipSource", "Footage", "davis", "folder", "open_dataset", "realvsr", "youtube_vos"]

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Clip:
    """Frames that belong together.

    Attributes:
        name: of the sequence, and the first frame where it gives several clips.
        frames: (T, 3, H, W) uint8.
        objects: (T, 1, H, W) bool, where annotated objects are; None where they were not asked for.
    """

    name: str
    frames: Tensor
    objects: Tensor | None = None


class ClipSource:
    """A list of clips that are decoded when they are asked for.

    ``source[k]`` cuts sequences into consecutive windows and crops their centres: always the same, for
    measuring. :meth:`sample` draws sequence, time and crop: for training.

    Args:
        sequences: where the frames come from; those too short for a clip are left out.
        length: frames per clip.
        size: side of the square clips, or (height, width), in pixels; None to keep frames as they are.
        stride: distance in time between two frames of a clip.
        objects: whether to read the annotated objects too.

    Attributes:
        skipped: names of the sequences that are too short.
    """

    def __init__(
        self,
        sequences: Sequence[Footage],
        length: int = 25,
        size: int | tuple[int, int] | None = 256,
        stride: int = 1,
        objects: bool = False,
    ) -> None:
        if length < 1 or stride < 1:
            raise UserError(f"clips of {length} frames with stride {stride} cannot be cut; give 1 or more.")
        self.length, self.stride, self.objects = length, stride, objects
        self.size = (size, size) if isinstance(size, int) else size
        if self.size is not None and min(self.size) < 1:
            raise UserError(f"clips of {self.size[0]}x{self.size[1]} pixels cannot be cut; give 1 or more.")
        self._sequences = sequences

    @property
    def span(self) -> int:
        """Frames of a sequence that a clip reaches over."""
        return (self.length - 1) * self.stride + 1

    @cached_property
    def sequences(self) -> list[Footage]:
        """The sequences that are long enough."""
        enough = [sequence for sequence in self._sequences if sequence.length >= self.span]
        if not enough:
            longest = max((sequence.length for sequence in self._sequences), default=0)
            raise UserError(
                f"no sequence has the {self.span} frames a clip needs, the longest has {longest}; "
                "ask for a smaller length or stride."
            )
        return enough

    @property
    def skipped(self) -> list[str]:
        """Names of the sequences that are too short."""
        return [sequence.name for sequence in self._sequences if sequence.length < self.span]

    @cached_property
    def _windows(self) -> list[tuple[Footage, int]]:
        # The window reaches to span, but interleaved strides would repeat it: one clip per stretch of time.
        hop = self.length * self.stride
        return [(s, start) for s in self.sequences for start in range(0, s.length - self.span + 1, hop)]

    def __len__(self) -> int:
        return len(self._windows)

    def __getitem__(self, k: int) -> Clip:
        sequence, start = self._windows[k]
        several = sequence.length - self.span >= self.length * self.stride
        return self._read(sequence, start, f"{sequence.name}@{start}" if several else sequence.name, None)

    def __iter__(self) -> Iterator[Clip]:
        return (self[k] for k in range(len(self)))

    def sample(self, chance: Chance) -> Clip:
        """Draw a clip: any sequence, any start, any place; the crop's side lies between the clip's and the frame's.

        Args:
            chance: seed or generator.
        """
        rng = generator(chance)
        sequence = self.sequences[rng.integers(len(self.sequences))]
        start = int(rng.integers(sequence.length - self.span + 1))
        return self._read(sequence, start, f"{sequence.name}@{start}", rng)

    def _read(self, sequence: Footage, start: int, name: str, rng: np.random.Generator | None) -> Clip:
        where = (start, self.length, self.stride)
        box: Box | None = None
        pictures = []
        for picture in sequence.frames(*where):
            # One box per clip: the crop must not move with the frame.
            box = box or self._box(picture.shape[0], picture.shape[1], rng)
            pictures.append(self._cut(picture, box))
        if any(picture.shape != pictures[0].shape for picture in pictures):
            raise UserError(f"{sequence.path}: not all frames have one size; give a size to cut them to.")
        frames = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
        if not self.objects or box is None:
            return Clip(name, frames)
        # A pixel that holds any part of an object is part of the hole.
        drawn = [self._cut(hole.astype(np.uint8) * 255, box) > 0 for hole in sequence.objects(*where)]
        return Clip(name, frames, torch.from_numpy(np.stack(drawn))[:, None])

    def _box(self, height: int, width: int, rng: np.random.Generator | None) -> Box:
        """Top, left, height and width of the part to cut out, with the clip's aspect."""
        if self.size is None:
            return 0, 0, height, width
        largest = min(height / self.size[0], width / self.size[1])
        scale = largest if rng is None else float(rng.uniform(min(1.0, largest), largest))
        h, w = min(height, round(scale * self.size[0])), min(width, round(scale * self.size[1]))
        if rng is None:
            return (height - h) // 2, (width - w) // 2, h, w
        return int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1)), h, w

    def _cut(self, picture: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
        top, left, h, w = box
        part = picture[top : top + h, left : left + w]
        if self.size is None or self.size == (h, w):
            return part
        # Averaging over areas neither aliases nor blurs, but it enlarges into blocks.
        how: Any = cv2.INTER_AREA if h >= self.size[0] else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(np.ascontiguousarray(part), self.size[::-1], interpolation=how), np.uint8)


def open_dataset(
    root: str | Path,
    recipe: str = "auto",
    split: str | Path | None = None,
    length: int = 25,
    size: int | tuple[int, int] | None = 256,
    stride: int = 1,
    objects: bool = False,
) -> ClipSource:
    """Open a data set by what it looks like.

    Args:
        root: its folder.
        recipe: a key of ``RECIPES``, or ``"auto"`` to recognise the layout.
        split: a split of the recipe, a text file with one sequence a line, or None for everything.
        length: as in :class:`ClipSource`.
        size: as in :class:`ClipSource`.
        stride: as in :class:`ClipSource`.
        objects: as in :class:`ClipSource`.

    Raises:
        UserError: nothing there, an unknown recipe or split, or no sequences.
    """
    root = Path(root)
    if not root.is_dir():
        raise UserError(f"{root} is no folder; give the folder that holds the data set.")
    if recipe == "auto":
        recipe = next(name for name, known in RECIPES.items() if known.fits(root))
    elif recipe not in RECIPES:
        raise UserError(f"no recipe is called '{recipe}'; choose from auto, {', '.join(RECIPES)}")
    sequences = RECIPES[recipe].find(root, split)
    if not sequences:
        raise UserError(f"{root} holds no videos and no folders of frames; check the path.")
    return ClipSource(sequences, length, size, stride, objects)
