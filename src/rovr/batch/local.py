"""Processes of this machine as an engine: each loads the tools once and does a task at a time.

A process may be killed at any time: its task is given back, to be done by a new one, and the others take no notice.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import Any

from rovr.batch.task import Outcome, Task, Tools
from rovr.errors import UserError

GRACE = 10.0
"""Seconds that a process has to leave by itself."""


class _Worker:
    """A process and the line to it.

    Attributes:
        task: what it does just now.
    """

    def __init__(self, tools: Tools, workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, tools, workers), daemon=True)
        self.process.start()
        # With no other copy of its end here, the line breaks when the process does.
        theirs.close()
        self.task: Task | None = None

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
        """In words, for whoever waits for the task."""
        self.process.join(GRACE)
        code = self.process.exitcode
        if code is not None and code < 0:
            return f"its process was killed ({signal.Signals(-code).name})"
        return f"its process ended (exit code {code})"


class ProcessEngine:
    """A number of processes; see :class:`rovr.batch.run.Engine`.

    Args:
        workers: how many; they share the processor's threads evenly.
        tools: loaded by each process.
        on_share: told which share of a task is done.
    """

    def __init__(self, workers: int, tools: Tools, on_share: Callable[[Task, float], None]) -> None:
        self.count = workers
        self.tools = tools
        self.on_share = on_share
        self._workers: list[_Worker] = []

    @property
    def free(self) -> int:
        """Processes with nothing to do, those included that have not been started yet."""
        return self.count - sum(worker.task is not None for worker in self._workers)

    def start(self, task: Task, replace: bool) -> None:
        """Hand a task to a process."""
        idle = [worker for worker in self._workers if worker.task is None]
        for worker in idle:
            try:
                worker.pipe.send((task, replace))
            except OSError:
                self._drop(worker)
                continue
            worker.task = task
            return
        worker = _Worker(self.tools, self.count)
        self._workers.append(worker)
        worker.task = task
        # Dead already? That shows when it is waited for.
        with contextlib.suppress(OSError):
            worker.pipe.send((task, replace))

    def wait(self) -> list[tuple[Task, Outcome]]:
        """Wait for messages until one of them says that a task has ended."""
        ended: list[tuple[Task, Outcome]] = []
        while not ended:
            busy = {worker.pipe: worker for worker in self._workers if worker.task is not None}
            for pipe in wait(list(busy)):
                outcome = self._hear(busy[pipe])  # type: ignore[index]
                if outcome is not None:
                    ended.append(outcome)
        return ended

    def _hear(self, worker: _Worker) -> tuple[Task, Outcome] | None:
        """Take one message; the task and its outcome if it has ended."""
        task = worker.task
        assert task is not None
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):
            reason = worker.how_it_ended()
            self._drop(worker)
            return task, Outcome("passing", reason)
        if isinstance(message, float):
            self.on_share(task, message)
            return None
        if isinstance(message, str):
            raise UserError(message)
        outcome: Outcome = message
        worker.task = None
        if outcome.fault in ("passing", "ours"):
            # Who knows what state it is in.
            self._drop(worker)
        return task, outcome

    def _drop(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.leave()

    def close(self) -> None:
        """End all processes; a task under way is broken off and leaves no half-written output."""
        for worker in self._workers:
            if worker.task is not None:
                worker.process.terminate()
        for worker in self._workers:
            worker.leave(now=worker.task is not None)
        self._workers.clear()


def _serve(pipe: "Connection[Any, Any]", tools: Tools, workers: int) -> None:
    """What a process does: load the tools, do tasks until the line is closed."""
    # Ctrl-C and the end of a terminal reach all its processes, but only the first one is to answer them.
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()

    import cv2
    import torch

    from rovr.batch.work import repair_one

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
                task, replace = pipe.recv()
            except EOFError:
                return
            outcome = repair_one(task, restorer, replace, pipe.send)
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
    """Nobody waits for a task once the first process is gone, even if it was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
