"""Finished blocks in a folder, an ``.npz`` file each.

A file holds repaired pixels, doubt, edits, the state of the source of chance after the block, and a digest of all that
the block was made from. The digest covers the repaired frames that the block looked at, so blocks hang together like
links of a chain: one is taken over only if repairing it again would give the same. Whoever made it, and where, does not
matter.
"""

import hashlib
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rovr.blocks import Item
from rovr.files import write_whole
from rovr.provenance.trace import Trace
from rovr.types import Edit


class Pages:
    """The blocks of one job; see :class:`rovr.blocks.Keeper`.

    Args:
        folder: where they are kept.
        say: told what the user should know.

    Attributes:
        taken: frames that were taken over so far.
    """

    def __init__(self, folder: Path, say: Callable[[str], None] = lambda note: None) -> None:
        self.folder = folder
        self.say = say
        self.taken = 0
        self._seen = b""

    def load(
        self, first: int, own: Sequence[Item[Any]], around: Sequence[Item[Any]], generator: torch.Generator
    ) -> bool:
        """Fill a block in from what is kept; see :class:`rovr.blocks.Keeper`."""
        self._seen = _digest(first, around, generator)
        path = self._path(first, len(own))
        if not path.exists():
            return False
        try:
            kept = self._unpack(path, own)
        except Exception:
            # A damaged file can make its reader fail in any way.
            self.say(f"The kept block of frames {first}–{first + len(own) - 1} is damaged: repaired again.")
            return False
        if kept is None:
            self.say(f"The kept block of frames {first}–{first + len(own) - 1} does not fit: repaired again.")
            return False
        state, repaired = kept
        generator.set_state(state)
        for item, values in repaired:
            item.frame, item.doubt, item.edit, item.trace = values
        self.taken += len(repaired)
        return True

    def _unpack(self, path: Path, own: Sequence[Item[Any]]) -> Any:
        """State of the source of chance and repaired frames of a file; None if it was made from other frames."""
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                raise ValueError("checksum")
        repaired = []
        with np.load(path, allow_pickle=False) as arrays:
            if arrays["seen"].tobytes() != self._seen:
                return None
            for index, item in enumerate(own):
                if item.damaged:
                    parts = {part: arrays.get(f"{index}.{part}") for part in ("pixels", "doubt", "edit", "trace")}
                    repaired.append((item, _unpacked(item, **parts)))
            return torch.from_numpy(arrays["chance"]), repaired

    def save(self, first: int, own: Sequence[Item[Any]], generator: torch.Generator) -> None:
        """Keep a block that was just repaired; see :class:`rovr.blocks.Keeper`."""
        arrays: dict[str, NDArray[Any]] = {
            "seen": np.frombuffer(self._seen, np.uint8),
            "chance": generator.get_state().numpy(),
        }
        for index, item in enumerate(own):
            if item.edit is not None and item.doubt is not None:
                pixels = item.frame[:, item.mask[0]].numpy()
                # Neighbours resemble each other, so their differences pack better.
                arrays[f"{index}.pixels"] = np.diff(pixels, axis=1, prepend=np.zeros((3, 1), np.uint8))
                arrays[f"{index}.doubt"] = item.doubt.numpy()
                arrays[f"{index}.edit"] = np.array([item.edit.frame, *item.edit.contexts])
                if item.trace is not None:
                    arrays[f"{index}.trace"] = item.trace.record()
        pack: Callable[..., None] = np.savez_compressed
        write_whole(self._path(first, len(own)), lambda file: pack(file, **arrays))

    def _path(self, first: int, size: int) -> Path:
        return self.folder / f"{first:08d}-{size}.npz"


def _digest(first: int, around: Sequence[Item[Any]], generator: torch.Generator) -> bytes:
    """Of everything that a block is made from."""
    digest = hashlib.blake2b(str(first).encode(), digest_size=32)
    digest.update(generator.get_state().numpy().data)
    for item in around:
        for tensor in (item.frame, item.mask, item.doubt):
            digest.update(b"-" if tensor is None else np.ascontiguousarray(tensor.numpy()).data)
    return digest.digest()


def _unpacked(
    item: Item[Any], pixels: NDArray[Any], doubt: NDArray[Any], edit: NDArray[Any], trace: NDArray[np.void] | None
) -> Any:
    """Frame, doubt, edit and trace of one repaired frame."""
    frame = item.frame.clone()
    frame[:, item.mask[0]] = torch.from_numpy(np.cumsum(pixels, axis=1, dtype=np.uint8))
    target, *contexts = (int(index) for index in edit)
    followed = None if trace is None else Trace.from_record(trace)
    return frame, torch.from_numpy(doubt), Edit(target, tuple(contexts)), followed
