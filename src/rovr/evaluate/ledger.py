"""Finished runs, kept beside the output until it is whole, so that an interrupted evaluation goes on.

Runs of a whole output can be taken over too, for an evaluation that adds to it.
"""

import contextlib
import json
import math
from collections.abc import Collection
from pathlib import Path
from typing import Any, TextIO

from rovr.errors import UserError
from rovr.evaluate.origin import described
from rovr.evaluate.plan import Key, Marks
from rovr.files import Lock

Run = dict[str, Any]

Origin = dict[str, Any]
"""What made runs: ``commit``, ``machine``, and ``by`` key of a metric what computed it."""

BETWEEN_COMMITS, BETWEEN_MACHINES, BETWEEN_MEASURES = ", ", "; ", " / "
"""Stand between several of them in one text of an output."""

DAMAGED = (ValueError, KeyError, TypeError, AttributeError, OverflowError)
"""What comes up where a file holds something else than it should."""

CLOCKED = "processor"
"""Clock that measures seconds; files of earlier versions, which took those of the clock on the wall, name none."""


class Ledger:
    """A file of JSON lines: marks of the settings first, then a run a line, with what made and measured it.

    Args:
        path: the file; runs found there are taken over.
        marks: what runs must share.
        whole: a whole output whose runs are taken over as well; where it cannot be added to, nothing is written.
        asked: runs of the evaluation that adds to it; none of the output's may be missing there.

    Attributes:
        runs: those finished, by key.
        commits: those that made them, in order.
        machines: on which they were made, in order, by their description.
        measured: by key of a metric, what computed it, in order.
        clock: what measured their seconds; empty where that was not the same for all, as on several machines.

    Raises:
        UserError: a file belongs to other settings, cannot be read or written, or another evaluation has it.
    """

    def __init__(self, path: Path, marks: Marks, whole: Path | None = None, asked: Collection[Key] = ()) -> None:
        self.path, self.marks = path, marks
        self.runs: dict[Key, Run] = {}
        self.commits: list[str] = []
        self.machines: dict[str, Any] = {}
        self.measured: dict[str, list[str]] = {}
        self.clock = CLOCKED
        self._lock_path = path.with_name(f".{path.name}-lock")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = Lock(self._lock_path)
            if not self._lock.held:
                self._lock.release()
                raise UserError(f"{path} is in the hands of another rovr evaluate; wait for it or choose another --out")
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            self._open(whole, asked)
        except BaseException:
            self._let_go()
            raise

    def _unwritable(self, error: OSError) -> UserError:
        return UserError(f"{self.path} cannot be written ({error.strerror}); choose another --out")

    def _open(self, whole: Path | None, asked: Collection[Key]) -> None:
        """Take over whatever there is, and open the file for more."""
        path = self.path
        try:
            kept = self._read() if path.exists() else []
            if whole is not None:
                self._adopt(whole, asked)
            # Written anew, so that half a line, left by a kill, does not stay.
            fresh = path.with_name(f".{path.name}-new")
            fresh.write_text("".join(f"{line}\n" for line in (json.dumps({"marks": self.marks}), *kept)))
            fresh.replace(path)
            self._file: TextIO = path.open("a")
        except OSError as error:
            raise self._unwritable(error) from error

    def _read(self) -> list[str]:
        """Take over the runs of an earlier try, and give back their lines."""
        try:
            first, *lines = self.path.read_text().splitlines() or [""]
            check_marks(self.marks, json.loads(first)["marks"], self.path)
        except DAMAGED:
            raise UserError(f"{self.path} holds no runs of an evaluation; remove it or choose another --out") from None
        kept = []
        for line in lines:
            try:
                entry = json.loads(line)
                self._note(checked(entry["run"]), entry)
            except DAMAGED:
                continue
            kept.append(line)
        return kept

    def _adopt(self, out: Path, asked: Collection[Key]) -> None:
        """Take over the runs of a whole output."""
        try:
            report = json.loads(out.read_text())
            runs = {key_of(run): checked(run) for run in report["runs"]}
            check_marks(self.marks, report["marks"], out)
            made = {
                "commit": str(report["commit"] or ""),
                "machine": report.get("machine"),
                "by": {key: str(metric["by"]) for key, metric in report["metrics"].items()},
            }
            self.clock = self.clock if report.get("clock") == self.clock else ""
        except (OSError, *DAMAGED):
            raise UserError(f"{out} is no evaluation that can be added to; choose another --out") from None
        lost = sorted({", ".join(map(str, key)) for key in runs.keys() - set(asked)})
        if lost:
            raise UserError(
                f"{out} has runs that this evaluation would not have ({lost[0]}, …); name all its selectors, "
                "baselines, kinds of damage and seeds beside the new ones"
            )
        for key in runs.keys() - self.runs.keys():
            self._note(runs[key], made)

    def _note(self, run: Run, made: Origin) -> None:
        # Files of earlier versions keep no more than the commit.
        machine, by = made.get("machine"), made.get("by", {})
        commits = made["commit"].split(BETWEEN_COMMITS)
        parts = {key: text.split(BETWEEN_MEASURES) for key, text in by.items()}
        self.runs[key_of(run)] = run
        self.commits += [one for one in commits if one not in self.commits]
        for one in [machine] if isinstance(machine, dict) else (machine or "").split(BETWEEN_MACHINES):
            if one:
                self.machines.setdefault(described(one), one)
        if len(self.machines) > 1:
            self.clock = ""
        for key, texts in parts.items():
            known = self.measured.setdefault(key, [])
            known += [text for text in texts if text not in known]

    def add(self, run: Run, made: Origin) -> None:
        """Keep a finished run."""
        self._file.write(json.dumps({"run": run, **made}) + "\n")
        self._file.flush()
        self._note(run, made)

    @property
    def machine(self) -> dict[str, Any] | str:
        """Where the runs were made; of several machines their descriptions."""
        return next(iter(self.machines.values())) if len(self.machines) == 1 else BETWEEN_MACHINES.join(self.machines)

    def close(self) -> None:
        """Let go of the file, which stays."""
        try:
            self._file.close()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        """Let another evaluation have the file."""
        if not self._lock.held:
            return
        # Before it is let go of, so that nobody else's is removed; Windows keeps open files, and so this one.
        with contextlib.suppress(OSError):
            self._lock_path.unlink()
        self._lock.release()

    def remove(self) -> None:
        """All is written elsewhere."""
        self._file.close()
        self.path.unlink()
        self._let_go()


def key_of(run: Run) -> Key:
    """What a run is known by."""
    return run["corruption"], run["clip"], run["seed"], run["method"]


def checked(run: Run) -> Run:
    """A run, if it has all that figures are made from; one of :data:`DAMAGED` where it has not."""
    values, hole, edits = run["values"], run["hole"], run["edits"]
    numbers = [value for value in values.values() if value is not None]
    if not (hole and all(math.isfinite(number) for number in (*numbers, *hole))):
        raise TypeError("a run has what is no number")
    if not all(len(edit) == 2 and isinstance(edit[1], list) for edit in edits):
        raise TypeError("a run has what is no repair")
    return run


def check_marks(marks: Marks, earlier: Marks, path: Path) -> None:
    """Raise a UserError where runs of an earlier evaluation were made in another way."""
    other = [name for name, mark in marks["shared"].items() if earlier["shared"].get(name) != mark]
    for part in ("methods", "clips"):
        other += [name for name, mark in marks[part].items() if earlier[part].get(name, mark) != mark]
    if other:
        raise UserError(
            f"{path} belongs to an evaluation with other settings ({', '.join(other)}); give those again, "
            "remove the file, or choose another --out"
        )
