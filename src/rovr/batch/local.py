"""Processes of this machine: each loads the tools once and does a job at a time.

A process may be killed at any time: its job is given back, to be done by a new one, and the others take no notice.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Hashable
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from rovr.batch.task import Job, Outcome, Tools
from rovr.errors import UserError

K = TypeVar("K", bound=Hashable)

GRACE = 10.0
"""Seconds that a process has to leave by itself."""


class _Worker(Generic[K]):
    """A process and the line to it.

    Attributes:
        key: of the job that it does just now.
    """

    def __init__(self, tools: Tools, workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, tools, workers), daemon=True)
        self.process.start()
        # With no other copy of its end here, the line breaks when the process does.
        theirs.close()
        self.key: K | None = None

    def leave(self, now: bool = False) -> None:
        """Wait for the process to end, which an idle one does as the line is closed."""
        if now:
            self.process.terminate()
        else:
            self.pipe.close()
        self.process.join(GRACE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.pipe.close()

    def how_it_ended(self) -> str:
        """In words, for whoever waits for the job."""
        self.process.join(GRACE)
        code = self.process.exitcode
        if code is not None and code < 0:
            return f"its process was killed ({signal.Signals(-code).name})"
        return f"its process ended (exit code {code})"


class Processes(Generic[K]):
    """A :class:`rovr.batch.pool.Pool` of processes, begun when there is work.

    Args:
        workers: how many; they share the processor's threads evenly.
        tools: loaded by each process.
        on_share: told which share of a job is done.

    Attributes:
        room: how many jobs can be done at a time.
    """

    def __init__(self, workers: int, tools: Tools, on_share: Callable[[K, float], None]) -> None:
        self.room = workers
        self.tools = tools
        self.on_share = on_share
        self._workers: list[_Worker[K]] = []

    @property
    def free(self) -> int:
        """Processes with nothing to do, those included that have not been started yet."""
        return self.room - sum(worker.key is not None for worker in self._workers)

    def start(self, key: K, job: Job) -> None:
        """Hand a job to a process."""
        idle = [worker for worker in self._workers if worker.key is None]
        for worker in idle:
            try:
                worker.pipe.send(job)
            except OSError:
                self._drop(worker)
                continue
            worker.key = key
            return
        worker = _Worker(self.tools, self.room)
        self._workers.append(worker)
        worker.key = key
        # Dead already? That shows when it is waited for.
        with contextlib.suppress(OSError):
            worker.pipe.send(job)

    def wait(self) -> list[tuple[K, Outcome]]:
        """Wait for messages until one of them says that a job has ended."""
        ended: list[tuple[K, Outcome]] = []
        while not ended:
            busy = {worker.pipe: worker for worker in self._workers if worker.key is not None}
            for pipe in wait(list(busy)):
                outcome = self._hear(busy[pipe])  # type: ignore[index]
                if outcome is not None:
                    ended.append(outcome)
        return ended

    def _hear(self, worker: _Worker[K]) -> tuple[K, Outcome] | None:
        """Take one message; the job's key and its outcome if it has ended."""
        key = worker.key
        assert key is not None
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):
            reason = worker.how_it_ended()
            self._drop(worker)
            return key, Outcome("passing", reason)
        if isinstance(message, float):
            self.on_share(key, message)
            return None
        if isinstance(message, str):
            raise UserError(message)
        outcome: Outcome = message
        worker.key = None
        if outcome.fault in ("passing", "ours"):
            # Who knows what state it is in.
            self._drop(worker)
        return key, outcome

    def _drop(self, worker: _Worker[K]) -> None:
        self._workers.remove(worker)
        worker.leave()

    def close(self) -> None:
        """End all processes; a job under way is broken off and leaves no half-written output."""
        for worker in self._workers:
            if worker.key is not None:
                worker.process.terminate()
        for worker in self._workers:
            worker.leave(now=worker.key is not None)
        self._workers.clear()


def _serve(pipe: "Connection[Any, Any]", tools: Tools, workers: int) -> None:
    """What a process does: load the tools, do jobs until the line is closed."""
    # Ctrl-C and the end of a terminal reach all its processes, but only the first one is to answer them.
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()

    import cv2
    import torch

    # What jobs are made of, which takes long to load.
    from rovr.batch import portions, work  # noqa: F401

    threads = max(1, torch.get_num_threads() // workers)
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    # Until here the process just ends: it has begun nothing, and compiled modules swallow exceptions as they load.
    signal.signal(signal.SIGTERM, _terminate)
    try:
        try:
            restorer = tools.load()
        except UserError as error:
            pipe.send(str(error))
            return
        while True:
            try:
                job = pipe.recv()
            except EOFError:
                return
            outcome = job(restorer, pipe.send)
            try:
                pipe.send(outcome)
            except OSError:
                # Nobody listens any more.
                return
    finally:
        # Python is about to end, and would show an exception that comes up meanwhile.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _terminate(number: int, frame: Any) -> None:
    # An exception, so that whatever is half-written is removed on the way out.
    raise SystemExit(128 + number)


def _leave_with_parent() -> None:
    """Nobody waits for a job once the first process is gone, even if it was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
