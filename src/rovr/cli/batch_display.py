"""Many videos on a terminal: a line for each that is done or failed, and one bar for all."""

from collections.abc import Sequence
from typing import Any

from rovr.batch.run import Listener
from rovr.batch.task import Task
from rovr.cli.progress import Display
from rovr.types import counted


class BatchDisplay(Listener):
    """Shows how things go.

    Args:
        display: where.
    """

    def __init__(self, display: Display) -> None:
        self.display = display
        self.total = self.ended = 0
        self.shares: dict[Task, float] = {}

    def start(self, tasks: Sequence[Task], skipped: int) -> None:
        """Say how much there is to do."""
        self.total = len(tasks)
        if skipped:
            are = "is" if skipped + self.total == 1 else "are"
            self.display.line(f"{skipped} of {counted(skipped + self.total, 'video')} {are} done already.")
        self.display.start(self.total, unit="videos")

    def share(self, task: Task, share: float) -> None:
        """Move the bar by what was added."""
        before = self.shares.get(task, 0.0)
        if share > before:
            self.shares[task] = share
            self.display.step(share - before)

    def again(self, task: Task, reason: str) -> None:
        """Say why."""
        self.display.note(f"{task.input} is tried again later: {reason}.")

    def end(self, task: Task, entry: dict[str, Any]) -> None:
        """A line for the video."""
        self.ended += 1
        self.share(task, 1.0)
        place = f"[{self.ended}/{self.total}]"
        if entry["status"] == "failed":
            self.display.line(f"{place} {task.input} failed: {entry['reason']}")
            return
        self.display.line(
            f"{place} {task.output}: {entry['repaired']} of {counted(entry['frames'], 'frame')} repaired, "
            f"{entry['seconds']:.1f} s"
        )
        for note in entry["notes"]:
            self.display.note(note)
