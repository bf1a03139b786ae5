"""Runs one after the other, or side by side in several processes; what comes out is the same."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

import cv2
import torch

from rovr.errors import UserError
from rovr.evaluate.bench import Bench
from rovr.evaluate.plan import Plan

Task = tuple[tuple[str, str, int], list[str]]
"""Corruption, clip and seed, and the methods to run on it."""

POLL = 0.2
"""Seconds between looks for results of other processes."""


def run_tasks(bench: Bench, tasks: Sequence[Task], workers: int) -> Generator[dict[str, Any], None, None]:
    """Run tasks, and hand out each run as it is done, in any order.

    Args:
        bench: of this process.
        tasks: what to run.
        workers: how many processes; at 1 it is this one.

    Raises:
        UserError: one of the processes was killed.
    """
    if workers > 1 and len(tasks) > 1:
        yield from _elsewhere(bench.plan, tasks, min(workers, len(tasks)))
        return
    for case, methods in tasks:
        with _one_thread():
            scene = bench.scene(*case)
        for name in methods:
            with _one_thread():
                run = bench.run(scene, name)
            yield run
        del scene  # or it is kept until the next is there


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums depend on how many threads share them, so it is always one."""
    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])


def _elsewhere(plan: Plan, tasks: Sequence[Task], workers: int) -> Generator[dict[str, Any], None, None]:
    context = multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(workers, context, _begin, (plan, queue.put)) as pool:
        try:
            left = {pool.submit(_work, task) for task in tasks}
            while left:
                done, left = wait(left, timeout=POLL)
                # A task is done after its last run went into the queue.
                while not queue.empty():
                    yield queue.get()
                for future in done:
                    future.result()
        except BrokenExecutor as error:
            raise UserError(
                "a process that measures was killed, perhaps for want of memory; the same command goes on, with fewer "
                "--workers if this happens again"
            ) from error
        except BaseException:
            # Whoever interrupts does not want to wait for the runs under way.
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            raise


_bench: Bench
_put: Callable[[dict[str, Any]], None]


def _begin(plan: Plan, put: Callable[[dict[str, Any]], None]) -> None:
    """Make a process ready; only the first one is to answer Ctrl-C, and when it is killed all leave."""
    global _bench, _put
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    _bench, _put = Bench(plan), put


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _work(task: Task) -> None:
    case, methods = task
    scene = _bench.scene(*case)
    for name in methods:
        _put(_bench.run(scene, name))
