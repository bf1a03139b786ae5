"""The journal of a repair: a hidden folder beside the output that receives every finished block.

It holds ``job.json``, which says what job it belongs to; an ``.npz`` file a block, with repaired pixels, doubt, edits,
the state of the source of chance after the block, and a digest of all that the block was made from; and ``done.json``
for the moment in which the output appears. The digest covers the repaired frames that the block looked at, so blocks
hang together like links of a chain: one is taken over only if repairing it again would give the same.
"""

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from rovr.blocks import Item
from rovr.errors import UserError
from rovr.files import Lock, write_whole
from rovr.provenance.trace import Trace
from rovr.types import Edit
from rovr.video.outfile import sweep

PATIENCE = 3.0
"""Seconds for a process to end that was begun by one that was killed."""


class OtherJob(UserError):
    """The journal beside an output belongs to another job."""


class Journal:
    """The journal of one output; a context, in which no other process can have it.

    Args:
        out: the output it lies beside.
        say: told what the user should know.

    Attributes:
        folder: where it is kept.
        taken: frames that were taken over so far.

    Raises:
        UserError: another process is at work on the output, or nothing can be written there.
    """

    def __init__(self, out: Path, say: Callable[[str], None]) -> None:
        self.out = out
        self.folder = journal_folder(out)
        self.say = say
        self.taken = 0
        self._seen = b""
        if not out.parent.is_dir():
            raise UserError(f"The folder {out.parent} does not exist; create it first.")
        try:
            self.folder.mkdir(exist_ok=True)
            self._lock = Lock(self.folder / "lock", PATIENCE)
        except OSError as error:
            raise UserError(f"Nothing can be written in {out.parent} ({error.strerror}); choose another.") from error
        if not self._lock.held:
            raise UserError(f"Another process is at work on {out}; wait for it or choose another output.")

    def begin(self, job: dict[str, Any]) -> None:
        """Say what job this is, and clear away what killed runs have left half-written.

        Raises:
            OtherJob: the blocks kept here are of another.
        """
        job = json.loads(json.dumps(job))
        earlier = self._read("job.json")
        if earlier is not None and earlier != job:
            raise OtherJob(
                f"{self.folder} keeps blocks of another job: {_difference(earlier, job)}; give the same as then, or "
                "remove that folder to begin anew."
            )
        for half in self.folder.glob("*.new"):
            half.unlink()
        sweep(self.out)
        if earlier is None:
            self._clear()
            self._write("job.json", job)
        elif (count := len(self._blocks())) and self.finished() is None:
            self.say(f"Going on from {count} {'block' if count == 1 else 'blocks'} kept in {self.folder}.")

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

    def seal(self, partial: Path, summary: dict[str, Any]) -> None:
        """Say that the output is complete and about to appear.

        Args:
            partial: where it lies until then.
            summary: of the job.
        """
        self._write("done.json", {"summary": summary, "place": _identity(partial)})

    def finished(self) -> dict[str, Any] | None:
        """The summary of an earlier run that was killed after the output had appeared, else None."""
        seal = self._read("done.json")
        if seal is None or not self.out.exists() or seal["place"] != _identity(self.out):
            return None
        summary: dict[str, Any] = seal["summary"]
        return summary

    def remove(self) -> None:
        """The output is there: nothing needs to be kept."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._blocks():
            self.remove()
        self._lock.release()
        # Windows keeps an open file, such as the lock, and with it the folder.
        if os.name == "nt" and not self._blocks():
            self.remove()

    def _blocks(self) -> list[Path]:
        return sorted(self.folder.glob("*.npz"))

    def _clear(self) -> None:
        for path in (*self._blocks(), self.folder / "done.json"):
            path.unlink(missing_ok=True)

    def _path(self, first: int, size: int) -> Path:
        return self.folder / f"{first:08d}-{size}.npz"

    def _write(self, name: str, value: dict[str, Any]) -> None:
        write_whole(self.folder / name, lambda file: file.write(json.dumps(value, indent=1).encode()))

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            value = json.loads((self.folder / name).read_bytes())
        except (OSError, ValueError):
            return None
        return value if isinstance(value, dict) else None


def journal_folder(out: Path) -> Path:
    """Where the journal of an output lies."""
    return out.parent / f".{out.name}.journal"


def _identity(path: Path) -> list[int]:
    """What a file or folder keeps when it is renamed."""
    status = path.stat()
    return [status.st_ino, status.st_size, status.st_mtime_ns]


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


def _difference(earlier: dict[str, Any], job: dict[str, Any]) -> str:
    """In words, what is not as it was."""
    told = []
    for name in [*job, *(key for key in earlier if key not in job)]:
        old, new = earlier.get(name), job.get(name)
        if old != new:
            plain = isinstance(old, str | int) and isinstance(new, str | int)
            told.append(f"{name} was {old} and is {new}" if plain else f"{name} changed")
    return ", ".join(told)
