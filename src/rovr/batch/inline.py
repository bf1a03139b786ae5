"""The simplest pool: this process, one job after the other."""

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Generic, TypeVar

from rovr.batch.task import Job, Outcome, Tools

if TYPE_CHECKING:
    from rovr.restorer import Restorer

K = TypeVar("K", bound=Hashable)


class Inline(Generic[K]):
    """Works where it is called from; see :class:`rovr.batch.pool.Pool`.

    Args:
        tools: loaded when the first job is done.
        on_share: told which share of a job is done.
    """

    room = 1

    def __init__(self, tools: Tools, on_share: Callable[[K, float], None]) -> None:
        self.tools = tools
        self.on_share = on_share
        self._restorer: Restorer | None = None
        self._next: tuple[K, Job] | None = None

    @property
    def free(self) -> int:
        """One, until there is something to do."""
        return int(self._next is None)

    def start(self, key: K, job: Job) -> None:
        """Remember the job."""
        self._next = key, job

    def wait(self) -> list[tuple[K, Outcome]]:
        """Do it."""
        assert self._next is not None
        (key, job), self._next = self._next, None
        self._restorer = self._restorer or self.tools.load()
        return [(key, job(self._restorer, lambda share: self.on_share(key, share)))]

    def close(self) -> None:
        """Nothing is left to break off."""
