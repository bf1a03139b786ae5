"""Training samples: kept in memory-mapped files, turned and mirrored at random when they are read."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Arrays = dict[str, NDArray[Any]]

Fields = dict[str, tuple[tuple[int, ...], str]]
"""Name, shape and type of each array of a sample."""

VECTORS: dict[str, tuple[int, ...]] = {
    "flows": (0,),
    "teacher": (0,),
    "clues": (0, 3, 6, 9, 12, 14),
    "correction": (0,),
}
"""Channels, counted along the third axis from the end, at which an x with its y behind it begins."""


class SampleStore:
    """Samples on disk, one memory-mapped array a field, so that a round may exceed the memory.

    Args:
        folder: where the arrays lie.
        fields: what a sample holds.
        size: number of samples.
        create: make new files instead of opening what is there.
    """

    def __init__(self, folder: Path, fields: Fields, size: int, create: bool = False) -> None:
        if create:
            folder.mkdir(parents=True, exist_ok=True)
        self.arrays: Arrays = {
            name: np.lib.format.open_memmap(
                folder / f"{name}.npy", mode="w+" if create else "r+", dtype=kind, shape=(size, *shape)
            )
            for name, (shape, kind) in fields.items()
        }
        self.size = size
        if create:
            for name in fields:
                _reserve(folder / f"{name}.npy")

    def write(self, index: int, sample: Arrays) -> None:
        """Keep one sample; fractions in [0, 1] are stored as bytes."""
        for name, array in self.arrays.items():
            value = sample[name]
            if array.dtype == np.uint8 and value.dtype != np.uint8:
                value = np.rint(value * 255)
            array[index] = value

    def read(self, indices: NDArray[np.int64], flips: NDArray[np.bool_]) -> dict[str, Tensor]:
        """Load a batch, each field (B, …) float; bytes become fractions.

        Args:
            indices: (B,) which samples.
            flips: (B, 3) whether to mirror left-right, top-bottom, and to swap the axes.
        """
        rows = [turn({n: a[i] for n, a in self.arrays.items()}, f) for i, f in zip(indices, flips, strict=True)]
        batch = {name: torch.from_numpy(np.stack([row[name] for row in rows])) for name in self.arrays}
        return {n: t.float() / 255 if t.dtype == torch.uint8 else t.float() for n, t in batch.items()}


def _reserve(path: Path) -> None:
    """Take the room that a file says it has, where the system can.

    A full disk is then an error here. Later, when what is mapped into memory is written to, it would end the process.
    """
    if hasattr(os, "posix_fallocate"):
        with path.open("rb+") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def turn(row: Arrays, flips: NDArray[np.bool_]) -> Arrays:
    """Mirror and transpose a sample; vectors, and the place of a window in a larger frame, turn with the pixels."""
    row = {name: np.array(array) for name, array in row.items()}
    origin = row.pop("origin", None)
    for which, axis in enumerate((-1, -2)):
        if flips[which]:
            if origin is not None:
                origin[which] = row["contexts"].shape[axis] - row["base"].shape[axis] - origin[which]
            row = {name: np.flip(array, axis).copy() for name, array in row.items()}
            for name in row.keys() & VECTORS.keys():
                for channel in VECTORS[name]:
                    row[name][..., channel + which, :, :] *= -1
    # A frame that is not square cannot be laid on its side among others that are not.
    if flips[2] and ("contexts" not in row or row["contexts"].shape[-1] == row["contexts"].shape[-2]):
        row = {name: np.swapaxes(array, -1, -2).copy() for name, array in row.items()}
        for name in row.keys() & VECTORS.keys():
            for x in VECTORS[name]:
                row[name][..., [x, x + 1], :, :] = row[name][..., [x + 1, x], :, :]
        origin = None if origin is None else origin[::-1].copy()
    return row if origin is None else {**row, "origin": origin}
