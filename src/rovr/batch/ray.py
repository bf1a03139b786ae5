"""Actors on a Ray cluster: each loads the tools once and does a job at a time.

A job is a function and the paths it works on; frames never travel. An actor, or its whole machine, may be lost at any
time: its job is given back as a fault that may pass, and the others take no notice.
"""

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import ray
from ray.exceptions import RayActorError, RayError

from rovr._version import __version__
from rovr.batch.cluster import watch
from rovr.batch.task import Job, Outcome, Tools
from rovr.errors import UserError
from rovr.types import counted

if TYPE_CHECKING:
    from rovr.restorer import Restorer

K = TypeVar("K", bound=Hashable)

BEAT = 0.5
"""Seconds between two looks at how far the actors are."""

GOODBYE = 5.0
"""Seconds for actors to leave."""


class Worker:
    """Lives on the cluster.

    Args:
        tools: loaded before the first job.
        version: of ROVR, that everybody has to have.
        threads: to compute with.
    """

    def __init__(self, tools: Tools, version: str, threads: int) -> None:
        self.tools = tools
        self.version = version
        self.threads = threads
        self.done = 0.0
        self.restorer: Restorer | None = None

    def work(self, job: Job) -> Outcome | str:
        """Do a job; in place of its outcome, a line that says why nobody with these tools could."""
        if self.version != __version__:
            return f"a node of the cluster has ROVR {__version__} and not {self.version}; install the same everywhere."
        import cv2
        import torch

        torch.set_num_threads(self.threads)
        cv2.setNumThreads(self.threads)
        try:
            self.restorer = self.restorer or self.tools.load()
        except UserError as error:
            return str(error)
        self.done = 0.0
        return job(self.restorer, self._tell)

    def _tell(self, share: float) -> None:
        self.done = share

    @ray.method(concurrency_group="telling")
    def share(self) -> float:
        """How much of its job is done, answered while it is at work."""
        return self.done

    @ray.method(concurrency_group="telling")
    def leave(self) -> None:
        """Break off everything, where there is no head who could be asked to see to that."""
        os._exit(1)


def room_on(node: dict[str, Any], cores: int, gpus: int) -> int:
    """How many workers a node holds that take so many cores and GPUs each; ``node`` as Ray describes it."""
    if not node["Alive"]:
        return 0
    has = node["Resources"]
    room = int(has.get("CPU", 0) // cores)
    return min(room, int(has.get("GPU", 0) // gpus)) if gpus else room


def no_room(cores: int, gpus: int) -> UserError:
    """What to say where :func:`room_on` is 0 for every node."""
    needs = f"{counted(cores, 'core')}{' and a GPU' * bool(gpus)}"
    return UserError(f"No node of the Ray cluster has {needs} for a worker; add one, or ask for less.")


class Actors(Generic[K]):
    """A :class:`rovr.batch.pool.Pool` of actors, begun when there is work and room.

    Args:
        tools: loaded by each.
        on_share: told which share of a job is done.
        count: at most so many; by default as many as the cluster has room for, nodes that join later included.
        cores: reserved for each, which computes with so many threads. With ``device="cuda"`` each has a GPU too.

    Raises:
        UserError: no node of the cluster has so many cores or a GPU.
    """

    def __init__(
        self, tools: Tools, on_share: Callable[[K, float], None], count: int | None = None, cores: int = 1
    ) -> None:
        self.tools = tools
        self.on_share = on_share
        self.count = count
        self.cores = cores
        self.gpus = 1 if tools.device.startswith("cuda") else 0
        # Jobs are bound late: an actor may have to wait for room that another one leaves first.
        self._queue: deque[tuple[K, Job]] = deque()
        self._coming: dict[Any, Any] = {}
        self._idle: list[Any] = []
        self._busy: dict[Any, tuple[K, Any]] = {}
        self._asked: dict[Any, K] = {}
        self._looked = 0.0
        if not self.room:
            raise no_room(cores, self.gpus)

    @property
    def room(self) -> int:
        """How many actors the cluster holds, whoever else uses it."""
        if time.monotonic() - self._looked > BEAT:
            self._looked = time.monotonic()
            self._watch()
            self._room = sum(room_on(node, self.cores, self.gpus) for node in ray.nodes())
        return self._room if self.count is None else min(self.count, self._room)

    @property
    def free(self) -> int:
        """How many more jobs can be begun."""
        return max(0, max(self.room, 1) - len(self._busy) - len(self._queue))

    def start(self, key: K, job: Job) -> None:
        """Begin a job.

        Args:
            key: what it is called when it has ended.
            job: what to do.
        """
        self._queue.append((key, job))
        self._fill()

    def _fill(self) -> None:
        """Give jobs to idle actors, and begin actors for the others where there is room."""
        while self._queue and self._idle:
            key, job = self._queue.popleft()
            actor = self._idle.pop()
            self._busy[actor.work.remote(job)] = key, actor
        while len(self._coming) < len(self._queue) and len(self._coming) + len(self._busy) < max(self.room, 1):
            actor = self._new()
            self._coming[actor.share.remote()] = actor

    def _new(self) -> Any:
        remote: Any = ray.remote
        needs = {"num_cpus": self.cores, "num_gpus": self.gpus}
        made = remote(**needs, max_restarts=0, concurrency_groups={"telling": 1})(Worker)
        return made.remote(self.tools, __version__, self.cores)

    def wait(self) -> list[tuple[K, Outcome]]:
        """Wait until a job or more have ended.

        Raises:
            UserError: no actor can work, since the tools cannot be loaded; or the head of the cluster is lost.
        """
        while True:
            self._watch()
            waited = [*self._busy, *self._coming]
            ready, _ = ray.wait(waited, num_returns=len(waited), timeout=0)
            ready = ready or ray.wait(waited, num_returns=1, timeout=BEAT)[0]
            ended = [self._end(reference) for reference in ready if reference in self._busy]
            for reference in ready:
                if reference in self._coming and (failed := self._welcome(reference)) is not None:
                    ended.append(failed)
            self._fill()
            if ended:
                return ended
            self._listen()

    def _welcome(self, reference: Any) -> tuple[K, Outcome] | None:
        """An actor has come to life, or else it takes a job with it, so that tries come to an end."""
        actor = self._coming.pop(reference)
        try:
            ray.get(reference)
        except RayError as error:
            self._part(actor)
            return (self._queue.popleft()[0], _lost(error)) if self._queue else None
        self._idle.append(actor)
        return None

    def _end(self, reference: Any) -> tuple[K, Outcome]:
        key, actor = self._busy.pop(reference)
        try:
            outcome = ray.get(reference)
        except RayError as error:
            self._part(actor)
            return key, _lost(error)
        if isinstance(outcome, str):
            raise UserError(outcome)
        if outcome.fault in ("passing", "ours"):
            # Who knows what state it is in.
            self._part(actor)
        else:
            self._idle.append(actor)
        return key, outcome

    def _listen(self) -> None:
        """Pass on how far the jobs are, and ask anew those who have answered."""
        answered, _ = ray.wait(list(self._asked), num_returns=len(self._asked), timeout=0) if self._asked else ([], [])
        for reference in answered:
            key = self._asked.pop(reference)
            with contextlib.suppress(RayError):
                share = ray.get(reference)
                if any(key == busy for busy, _ in self._busy.values()):
                    self.on_share(key, share)
        waiting = set(self._asked.values())
        for key, actor in self._busy.values():
            if key not in waiting:
                self._asked[actor.share.remote()] = key

    def _watch(self) -> None:
        """Where the head is lost, have the actors leave: they would go on for a while, in the way of a next run."""
        try:
            watch()
        except UserError:
            left = [actor.leave.remote() for actor in self._actors()]
            ray.wait(left, num_returns=len(left), timeout=GOODBYE) if left else None
            self._forget()
            raise

    def _part(self, actor: Any) -> None:
        self._watch()
        ray.kill(actor)

    def _actors(self) -> list[Any]:
        return [*self._idle, *self._coming.values(), *(actor for _, actor in self._busy.values())]

    def close(self) -> None:
        """End all actors; what they were doing is broken off."""
        with contextlib.suppress(UserError):
            self._watch()
        for actor in self._actors():
            with contextlib.suppress(RayError):
                ray.kill(actor)
        self._forget()

    def _forget(self) -> None:
        for kept in (self._queue, self._coming, self._idle, self._busy, self._asked):
            kept.clear()


def _lost(error: RayError) -> Outcome:
    """What to say of a job whose actor did not live to say it."""
    if isinstance(error, RayActorError):
        node = "node" in str(error) and "died" in str(error) and "worker process has died" not in str(error)
        return Outcome("passing", "its node was lost" if node else "its worker was killed", str(error))
    text = str(error).strip().splitlines()
    return Outcome("passing", f"Ray failed: {text[-1] if text else type(error).__name__}", str(error))
