"""Workers that share the editor's work: in this process, in others of this machine, or on a cluster."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Protocol, TypeVar

from rovr.batch.task import Job, Outcome, Tools

K = TypeVar("K", bound=Hashable)


class Pool(Protocol[K]):
    """Workers who load the tools once and do a job at a time.

    Attributes:
        room: how many jobs can be done at a time.
        free: how many more jobs can be begun now.
    """

    @property
    def room(self) -> int: ...  # noqa: D102

    @property
    def free(self) -> int: ...  # noqa: D102

    def start(self, key: K, job: Job) -> None:
        """Begin a job; only while there is room.

        Args:
            key: what it is called when it has ended.
            job: what to do.
        """

    def wait(self) -> Iterable[tuple[K, Outcome]]:
        """Wait until a job or more have ended; a worker that dies ends its job with a passing fault.

        Raises:
            UserError: no worker can work, since the tools cannot be loaded.
        """

    def close(self) -> None:
        """Break off whatever is still being done, and let go of all workers."""


@contextmanager
def open_pool(
    tools: Tools,
    on_share: Callable[[K, float], None],
    workers: int | None = None,
    ray: str | None = None,
    cores: int = 1,
) -> Iterator[Pool[K]]:
    """Workers, for as long as they are needed.

    Args:
        tools: loaded by each of them.
        on_share: told which share of a job is done.
        workers: so many processes of this machine; 0 works in this one. On a cluster at most so many, and without a
            number as many as it has room for.
        ray: address of a Ray cluster, see :func:`rovr.batch.cluster.connected`, whose nodes have to see all files under
            the same names.
        cores: of each worker on the cluster.

    Raises:
        UserError: there is no such cluster, or no room in it.
    """
    if ray is not None:
        from rovr.batch.cluster import connected

        with connected(ray, workers and workers * cores):
            from rovr.batch.ray import Actors

            with closing(Actors(tools.anywhere(), on_share, workers, cores)) as actors:
                yield actors
    elif not workers:
        from rovr.batch.inline import Inline

        yield Inline(tools, on_share)
    else:
        from rovr.batch.local import Processes

        with closing(Processes(workers, tools, on_share)) as processes:
            yield processes
