"""The journal of a repair: a hidden folder beside the output that receives every finished block.

It holds ``job.json``, which says what job it belongs to; a file a block (:mod:`rovr.resume.pages`); and ``done.json``
for the moment in which the output appears.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rovr.errors import UserError
from rovr.files import Lock, write_whole
from rovr.resume.pages import Pages
from rovr.types import counted
from rovr.video.outfile import sweep

PATIENCE = 3.0
"""Seconds for a process to end that was begun by one that was killed."""


class OtherJob(UserError):
    """The journal beside an output belongs to another job."""


class BusyError(UserError):
    """Another process is at work on the output."""


class Journal(Pages):
    """The journal of one output; a context, in which no other process can have it.

    Args:
        out: the output it lies beside.
        say: told what the user should know.

    Raises:
        UserError: another process is at work on the output, or nothing can be written there.
    """

    def __init__(self, out: Path, say: Callable[[str], None]) -> None:
        super().__init__(journal_folder(out), say)
        self.out = out
        if not out.parent.is_dir():
            raise UserError(f"The folder {out.parent} does not exist; create it first.")
        try:
            self._lock = self._locked()
        except OSError as error:
            # A journal that is there may be another user's, in a folder where all may write.
            place = self.folder if os.path.lexists(self.folder) else out.parent
            raise UserError(f"Nothing can be written in {place} ({error.strerror}); choose another output.") from error
        if not self._lock.held:
            raise BusyError(f"Another process is at work on {out}; wait for it or choose another output.")

    def _locked(self) -> Lock:
        while True:
            self.folder.mkdir(exist_ok=True)
            # Who had it may remove the folder while others wait.
            with contextlib.suppress(FileNotFoundError):
                return Lock(self.folder / "lock", PATIENCE)

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
            self.say(f"Going on from {counted(count, 'block')} kept in {self.folder}.")

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
        if seal is None or not self.out.exists() or seal.get("place") != _identity(self.out):
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

    def _write(self, name: str, value: dict[str, Any]) -> None:
        write_whole(self.folder / name, lambda file: file.write(json.dumps(value, indent=1).encode()))

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            value = json.loads((self.folder / name).read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None


def journal_folder(out: Path) -> Path:
    """Where the journal of an output lies."""
    return out.parent / f".{out.name}.journal"


def _identity(path: Path) -> list[int]:
    """What a file or folder keeps when it is renamed."""
    status = path.stat()
    return [status.st_ino, status.st_size, status.st_mtime_ns]


def _difference(earlier: dict[str, Any], job: dict[str, Any]) -> str:
    """In words, what is not as it was."""
    told = []
    for name in [*job, *(key for key in earlier if key not in job)]:
        old, new = earlier.get(name), job.get(name)
        if old != new:
            plain = isinstance(old, str | int) and isinstance(new, str | int)
            told.append(f"{name} was {old} and is {new}" if plain else f"{name} changed")
    return ", ".join(told)
