"""Training samples: single edits taken from whole repairs, kept in memory-mapped files.

A sample is what an editor meets in use: contexts at any offset, some untouched, some repaired by an earlier edit of
the editor in training. Flow is computed once here and reused, since it depends on no weight.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rovr.editor.views import Views

Arrays = dict[str, NDArray[Any]]


@dataclass
class Lesson:
    """A batch of edits with what they should have become.

    Attributes:
        views: what the network sees.
        truth: (B, 3, 2h, 2w) the undamaged window, in [0, 1].
        teacher: (B, K, 2, h, w) flow of the undamaged frames, half-size pixels.
        agree: (B, K, 1, h, w) 1 where that flow can be trusted.
    """

    views: Views
    truth: Tensor
    teacher: Tensor
    agree: Tensor


def layout(window: int, height: int, width: int, contexts: int, ways: int) -> dict[str, tuple[tuple[int, ...], str]]:
    """Name, shape and type of each array of a sample."""
    half = window // 2
    return {
        "base": ((3, window, window), "uint8"),
        "mask": ((1, window, window), "uint8"),
        "truth": ((3, window, window), "uint8"),
        "contexts": ((contexts, 3, height, width), "uint8"),
        "known": ((contexts, 1, height, width), "uint8"),
        "flows": ((contexts, ways, 2, half, half), "float16"),
        "trust": ((contexts, ways, 1, half, half), "uint8"),
        "origin": ((2,), "int16"),
        "teacher": ((contexts, 2, half, half), "float16"),
        "agree": ((contexts, 1, half, half), "uint8"),
    }


class SampleStore:
    """Samples on disk, one memory-mapped array a field, so that a round may exceed the memory.

    Args:
        folder: where the arrays lie.
        fields: from :func:`layout`.
        size: number of samples.
        create: make new files instead of opening what is there.
    """

    def __init__(
        self, folder: Path, fields: dict[str, tuple[tuple[int, ...], str]], size: int, create: bool = False
    ) -> None:
        if create:
            folder.mkdir(parents=True, exist_ok=True)
        self.arrays: Arrays = {
            name: np.lib.format.open_memmap(
                folder / f"{name}.npy", mode="w+" if create else "r+", dtype=kind, shape=(size, *shape)
            )
            for name, (shape, kind) in fields.items()
        }
        self.size = size

    def write(self, index: int, sample: Arrays) -> None:
        """Keep one sample; fractions in [0, 1] are stored as bytes."""
        for name, array in self.arrays.items():
            value = sample[name]
            if array.dtype == np.uint8 and value.dtype != np.uint8:
                value = np.rint(value * 255)
            array[index] = value

    def read(self, indices: NDArray[np.int64], flips: NDArray[np.bool_]) -> Lesson:
        """Load a batch.

        Args:
            indices: (B,) which samples.
            flips: (B, 3) whether to mirror left-right, top-bottom, and to swap the axes.
        """
        rows = [self._turn({n: a[i] for n, a in self.arrays.items()}, f) for i, f in zip(indices, flips, strict=True)]
        batch = {name: torch.from_numpy(np.stack([row[name] for row in rows])) for name in self.arrays}
        ready = {n: t.float() / 255 if t.dtype == torch.uint8 else t.float() for n, t in batch.items()}
        truth, teacher, agree = (ready.pop(name) for name in ("truth", "teacher", "agree"))
        return Lesson(Views(**ready), truth, teacher, agree)

    def _turn(self, row: Arrays, flips: NDArray[np.bool_]) -> Arrays:
        """Mirror and transpose a sample; flow and the window's place turn with the pixels."""
        row = {name: np.asarray(array) for name, array in row.items()}
        full, window = row["contexts"].shape[-2:], row["base"].shape[-1]
        origin = row.pop("origin").copy()
        for which, (axis, component) in enumerate(((-1, 0), (-2, 1))):
            if flips[which]:
                row = {name: np.flip(array, axis) for name, array in row.items()}
                sign = np.ones((2, 1, 1), np.float16)
                sign[component] = -1
                row["flows"], row["teacher"] = row["flows"] * sign, row["teacher"] * sign
                origin[component] = full[axis] - window - origin[component]
        if flips[2] and full[0] == full[1]:
            row = {name: np.swapaxes(array, -1, -2) for name, array in row.items()}
            row["flows"], row["teacher"] = row["flows"][..., ::-1, :, :], row["teacher"][..., ::-1, :, :]
            origin = origin[::-1].copy()
        row["origin"] = origin
        return row
