"""Finished runs, kept beside the output until it is whole, so that an interrupted evaluation goes on."""

import json
from pathlib import Path
from typing import Any, TextIO

from rovr.errors import UserError
from rovr.evaluate.plan import Key

Run = dict[str, Any]


class Ledger:
    """A file of JSON lines: the settings first, then a run a line, with the commit that made it.

    Args:
        path: the file; runs found there are taken over.
        settings: what runs must share.

    Attributes:
        runs: those finished, by key.
        commits: those that made them, in order.

    Raises:
        UserError: the file belongs to other settings, or cannot be read or written.
    """

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.path = path
        self.runs: dict[Key, Run] = {}
        self.commits: list[str] = []
        # As they come back from the file: lists, not tuples.
        settings = json.loads(json.dumps(settings))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            kept = self._read(settings) if path.exists() else []
            # Written anew, so that half a line, left by a kill, does not stay.
            fresh = path.with_name(f".{path.name}-new")
            fresh.write_text("".join(f"{line}\n" for line in (json.dumps({"settings": settings}), *kept)))
            fresh.replace(path)
            self._file: TextIO = path.open("a")
        except OSError as error:
            raise UserError(f"{path} cannot be written ({error.strerror}); choose another --out") from error

    def _read(self, settings: dict[str, Any]) -> list[str]:
        """Take over the runs of an earlier try, and give back their lines."""
        first, *lines = self.path.read_text().splitlines() or [""]
        try:
            earlier = json.loads(first)["settings"]
        except (ValueError, KeyError, TypeError):
            raise UserError(f"{self.path} holds no runs of an evaluation; remove it or choose another --out") from None
        other = [name for name, value in settings.items() if earlier.get(name) != value]
        if other:
            raise UserError(
                f"{self.path} belongs to an evaluation with other settings ({', '.join(other)}); give those again, "
                "remove the file, or choose another --out"
            )
        kept = []
        for line in lines:
            try:
                entry = json.loads(line)
                self._note(entry["run"], entry["commit"])
            except (ValueError, KeyError, TypeError):
                continue
            kept.append(line)
        return kept

    def _note(self, run: Run, commit: str) -> None:
        self.runs[run["corruption"], run["clip"], run["seed"], run["method"]] = run
        if commit not in self.commits:
            self.commits.append(commit)

    def add(self, run: Run, commit: str) -> None:
        """Keep a finished run."""
        self._file.write(json.dumps({"run": run, "commit": commit}) + "\n")
        self._file.flush()
        self._note(run, commit)

    def close(self) -> None:
        """Let go of the file, which stays."""
        self._file.close()

    def remove(self) -> None:
        """All is written elsewhere."""
        self.close()
        self.path.unlink()
