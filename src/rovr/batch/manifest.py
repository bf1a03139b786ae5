"""The manifest: a line of JSON for everything that happens to a video, in the folder of the outputs."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from rovr._version import __version__
from rovr.batch.task import Outcome, Task
from rovr.errors import UserError
from rovr.files import Lock
from rovr.outputs import writing

NAME = "manifest.jsonl"


class Manifest:
    """What became of every video, over all runs; of several lines for an output the last one holds.

    An attempt that was refused before it began leaves what was done as it was.

    Args:
        outdir: the folder of the outputs, made where it is not there.

    Attributes:
        path: of the file.
        last: the last line of each output.
        whole: the last line that says an output is done, unless another attempt was begun since.

    Raises:
        UserError: the folder cannot be written to, or another run is at work in it.
    """

    def __init__(self, outdir: Path) -> None:
        self.outdir = outdir
        self.path = outdir / NAME
        try:
            outdir.mkdir(parents=True, exist_ok=True)
            self._lock = Lock(self.path)
        except OSError as error:
            raise UserError(f"Nothing can be written in {outdir} ({error.strerror}); choose another folder.") from error
        if not self._lock.held:
            raise UserError(f"Another run is at work in {outdir}; wait for it or choose another folder.")
        self.last: dict[str, dict[str, Any]] = {}
        self.whole: dict[str, dict[str, Any]] = {}
        self._file = self.path.open("r+b", buffering=0)
        self._read()

    def _read(self) -> None:
        data = self._file.read()
        # Half a line, left by a kill, would spoil the next one.
        whole = data.rfind(b"\n") + 1
        self._file.truncate(whole)
        self._file.seek(whole)
        for line in data[:whole].splitlines():
            try:
                self._keep(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                continue

    def _keep(self, entry: dict[str, Any]) -> None:
        self.last[entry["output"]] = entry
        if entry.get("status") == "done":
            self.whole[entry["output"]] = entry
        elif entry.get("status") == "begun":
            self.whole.pop(entry["output"], None)

    def key(self, task: Task) -> str:
        """How an output is called in the manifest: by its path in the folder, so that the folder may move."""
        place = Path(os.path.relpath(task.output, self.outdir))
        return place.as_posix() if ".." not in place.parts else str(task.output.absolute())

    def done(self, task: Task, settings: dict[str, Any]) -> dict[str, Any] | None:
        """The line that says that an output was made with these settings; None unless it is still there as it was."""
        whole = self.made(task, settings) and all(place.exists() for place in task.places)
        return self.whole[self.key(task)] if whole else None

    def made(self, task: Task, settings: dict[str, Any]) -> bool:
        """Whether an output was made with these settings, and is as it was, or gone, as may be what lay beside it."""
        entry = self.whole.get(self.key(task), {})
        same = entry.get("settings") == _plain(settings)
        return same and (not task.output.exists() or entry.get("bytes") == weigh(task.output))

    def begun(self, task: Task, settings: dict[str, Any]) -> bool:
        """Whether a run that was killed had begun on the output, so that whatever is there is of its making."""
        entry = self.last.get(self.key(task), {})
        return entry.get("status") == "begun" and entry.get("settings") == _plain(settings)

    def begin(self, task: Task, settings: dict[str, Any]) -> None:
        """A task is about to be begun, and nobody else's file is in its way."""
        self._add(task, {"status": "begun", "settings": settings})

    def end(self, task: Task, settings: dict[str, Any], outcome: Outcome, attempts: int) -> dict[str, Any]:
        """A task is done or given up; the line that was written."""
        status = "failed" if outcome.fault else "done"
        why = {"fault": outcome.fault, "reason": outcome.reason, "details": outcome.details} if outcome.fault else {}
        told = {"status": status, **why, "attempts": attempts, **outcome.report}
        return self._add(task, {**told, "settings": settings, "version": __version__})

    def _add(self, task: Task, entry: dict[str, Any]) -> dict[str, Any]:
        entry = {"output": self.key(task), "input": str(task.input), **entry}
        with writing(self.path):
            self._file.write(json.dumps(entry).encode() + b"\n")
            os.fsync(self._file.fileno())
        self._keep(_plain(entry))
        return entry

    def close(self) -> None:
        """Let go of the file, which stays, unless nothing came to be written into it."""
        empty = not self._file.closed and not self._file.seek(0, os.SEEK_END)
        self._file.close()
        if empty:
            # Where open files cannot be removed, it stays.
            with contextlib.suppress(OSError):
                self.path.unlink()
        self._lock.release()


def weigh(path: Path) -> int:
    """Bytes of an output, all pictures of a folder together."""
    if path.is_dir():
        return sum(entry.stat().st_size for entry in path.iterdir())
    return path.stat().st_size


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """As they come back from the file."""
    plain: dict[str, Any] = json.loads(json.dumps(values))
    return plain
