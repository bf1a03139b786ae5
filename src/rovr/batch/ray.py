"""A Ray cluster as an engine: a video a worker, wherever there is room; what travels are paths."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rovr.batch.cluster import connected
from rovr.batch.task import Outcome, Task, Tools

if TYPE_CHECKING:
    from rovr.restorer import Restorer


class RayEngine:
    """Workers on a cluster; see :class:`rovr.batch.run.Engine`.

    Every node has to see all files under the same names.

    Args:
        address: of the cluster, see :func:`rovr.batch.cluster.connected`.
        tools: loaded by each worker.
        on_share: told which share of a task is done.
        workers: at most so many; by default as many as the cluster has room for.
        cores: for each.

    Raises:
        UserError: there is no such cluster, or no room in it.
    """

    def __init__(
        self,
        address: str,
        tools: Tools,
        on_share: Callable[[Task, float], None],
        workers: int | None = None,
        cores: int = 1,
    ) -> None:
        with ExitStack() as stack:
            stack.enter_context(connected(address, None if workers is None else workers * cores))
            from rovr.batch.pool import Pool

            self.pool: Pool[Task] = Pool(anywhere(tools), on_share, workers, cores)
            stack.callback(self.pool.close)
            self._stack = stack.pop_all()

    @property
    def free(self) -> int:
        """Workers with nothing to do, those included that have not been begun yet."""
        return self.pool.free

    def start(self, task: Task, replace: bool) -> None:
        """Hand a task to a worker."""
        self.pool.start(task, partial(_repair, _anywhere(task), replace))

    def wait(self) -> list[tuple[Task, Outcome]]:
        """Wait until a task or more have ended."""
        return self.pool.wait()

    def close(self) -> None:
        """End all workers and leave the cluster."""
        self._stack.close()


def _repair(task: Task, replace: bool, restorer: "Restorer", on_share: Callable[[float], None]) -> Outcome:
    """What a worker does."""
    from rovr.batch.work import repair_one

    return repair_one(task, restorer, replace, on_share)


def _anywhere(task: Task) -> Task:
    """The same task for someone who is in another folder."""
    mask = None if task.mask is None else task.mask.absolute()
    return replace(task, input=task.input.absolute(), output=task.output.absolute(), mask=mask)


def anywhere(tools: Tools) -> Tools:
    """The same tools for someone who is in another folder; names that are no paths stay."""

    def placed(name: str) -> str:
        path = Path(name).expanduser()
        return str(path.absolute()) if path.exists() and ("/" in name or path.suffix) else name

    weights = None if tools.weights is None else tools.weights.absolute()
    selector = None if tools.selector is None else placed(tools.selector)
    return replace(tools, editor=placed(tools.editor), selector=selector, weights=weights)
