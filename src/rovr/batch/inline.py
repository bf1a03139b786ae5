"""The simplest engine: this process, one task after the other."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from rovr.batch.task import Outcome, Task, Tools

if TYPE_CHECKING:
    from rovr.restorer import Restorer


class InlineEngine:
    """Works where it is called from; see :class:`rovr.batch.run.Engine`.

    Args:
        tools: loaded when the first task is done.
        on_share: told which share of a task is done.
    """

    def __init__(self, tools: Tools, on_share: Callable[[Task, float], None]) -> None:
        self.tools = tools
        self.on_share = on_share
        self._restorer: Restorer | None = None
        self._next: tuple[Task, bool] | None = None

    @property
    def free(self) -> int:
        """One, until there is something to do."""
        return int(self._next is None)

    def start(self, task: Task, replace: bool) -> None:
        """Remember the task."""
        self._next = task, replace

    def wait(self) -> list[tuple[Task, Outcome]]:
        """Do it."""
        from rovr.batch.work import repair_one

        assert self._next is not None
        (task, replace), self._next = self._next, None
        self._restorer = self._restorer or self.tools.load()
        return [(task, repair_one(task, self._restorer, replace, lambda share: self.on_share(task, share)))]

    def close(self) -> None:
        """Nothing is left to break off."""
