"""Progress on stderr: a bar with speed and time left, and what has to be said aloud."""

import sys
from types import TracebackType
from typing import Any, Self

from rovr.cli.signals import check


class Display:
    """Shows a job while it runs; stdout is left to results.

    Args:
        quiet: show nothing at all.
    """

    def __init__(self, quiet: bool = False) -> None:
        from rich.console import Console

        self.quiet = quiet
        self.console = Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
        self._bar: Any = None
        self._task: Any = None

    def note(self, text: str) -> None:
        """Say a sentence aloud."""
        self.console.print(f"note: {text}", markup=False)

    def line(self, text: str) -> None:
        """Print a line."""
        self.console.print(text, markup=False)

    def start(self, total: int | None, doing: str = "repairing", unit: str = "frames") -> None:
        """Begin the bar.

        Args:
            total: frames to come, None if unknown.
            doing: what is shown before the bar.
            unit: what is counted.
        """
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        # A log file gets no bar: it would be one endless line.
        if self.quiet or not sys.stderr.isatty():
            return
        self.stop()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
        )
        self._doing, self._unit = doing, unit
        self._task = self._bar.add_task(doing, total=total, speed="")
        self._bar.start()

    def step(self, amount: float = 1) -> None:
        """One frame, or part of a larger thing, is done."""
        check()
        if self._bar is None:
            return
        self._bar.update(self._task, advance=amount, description=self._doing)
        task = self._bar.tasks[0]
        if task.speed and self._unit == "frames":
            self._bar.update(self._task, speed=f"{task.speed:.1f} frames/s")

    def ahead(self, frame: int) -> None:
        """A frame is looked at before those on the bar."""
        self._meanwhile(f"looking ahead, frame {frame + 1}")

    def early(self, frame: int) -> None:
        """A frame is repaired that will be once more, and be on the bar then."""
        self._meanwhile(f"an earlier pass, frame {frame + 1}")

    def _meanwhile(self, doing: str) -> None:
        check()
        if self._bar is not None:
            self._bar.update(self._task, description=doing)

    def stop(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
