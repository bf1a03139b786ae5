"""Many videos, one after the other or side by side: what is done is skipped, what fails stops nothing else."""

import time
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rovr.batch.manifest import Manifest
from rovr.batch.plan import Common, make_plan
from rovr.batch.pool import Pool, open_pool
from rovr.batch.task import Options, Outcome, Repair, Task, Tools, settings_of
from rovr.errors import UserError


class Listener:
    """Whoever wants to know how things go overrides what it wants to know."""

    def start(self, tasks: Sequence[Task], skipped: int) -> None:
        """Work begins on these tasks; so many others are done already."""

    def share(self, task: Task, share: float) -> None:
        """A share of a task, 0–1, is done; it falls back where a task is begun again."""

    def again(self, task: Task, reason: str) -> None:
        """A task is going to be tried again."""

    def end(self, task: Task, entry: dict[str, Any]) -> None:
        """A task is done or given up; its line of the manifest."""


@dataclass
class BatchSummary:
    """What :func:`restore_many` did.

    Attributes:
        outdir: where the outputs are.
        done: how many were repaired.
        skipped: how many had been repaired by earlier runs.
        failed: how many were not.
        fault: the worst of all faults: ``ours`` also where several tries did not help, ``user``, or empty.
        seconds: the whole run.
        files: their lines of the manifest, in the order of the list.
    """

    outdir: str
    done: int = 0
    skipped: int = 0
    failed: int = 0
    fault: str = ""
    seconds: float = 0.0
    files: list[dict[str, Any]] = field(default_factory=list)


def restore_many(
    source: str | Path,
    outdir: str | Path,
    *,
    mask: str | Path | None = None,
    boxes: Sequence[str] = (),
    options: Options | None = None,
    tools: Tools | None = None,
    workers: int = 0,
    ray: str | None = None,
    cores: int = 1,
    retries: int = 2,
    overwrite: bool = False,
    listener: Listener | None = None,
    pool: Pool[Task] | None = None,
) -> BatchSummary:
    """Repair many videos; the same call again goes on where an earlier one was interrupted.

    Args:
        source: a list of videos (.csv, .tsv, .jsonl), or a folder of them; docs/restore-many.md says what they hold.
        outdir: where outputs go, and ``manifest.jsonl``, which says what became of each.
        mask: for videos that have none of their own.
        boxes: likewise.
        options: likewise, how to repair and write.
        tools: what to repair with; loaded once a worker.
        workers: processes side by side; 0 works in this one. With others, whatever a script does at its top level has
            to stand under ``if __name__ == "__main__":``.
        ray: address of a Ray cluster that does the work, ``auto``, ``local`` or ``host:port``; see
            :func:`rovr.batch.cluster.connected`. There 0 workers are as many as it has room for.
        cores: of each worker on the cluster.
        retries: how often a video is tried again after a fault that may pass; others are not tried again.
        overwrite: replace outputs that exist and are not those of earlier runs with the same settings.
        listener: told how things go.
        pool: takes the place of the workers, and is closed afterwards.

    Raises:
        UserError: nothing can be done at all; what is wrong with single videos is in the summary.
    """
    if workers < 0 or retries < 0 or cores < 1:
        raise UserError("The numbers of workers and retries cannot be negative, and a worker needs a core.")
    began = time.perf_counter()
    tools, listener = tools or Tools(), listener or Listener()
    tools.check(here=ray is None)
    common = Common(None if mask is None else Path(mask), boxes, options or Options())
    tasks = make_plan(Path(source), Path(outdir), common)
    with closing(Manifest(Path(outdir))) as manifest:
        made = {task: settings_of(task, tools) for task in tasks}
        left = [task for task in tasks if manifest.done(task, made[task]) is None]
        listener.start(left, len(tasks) - len(left))
        if left:
            count = min(workers, len(left)) or (0 if ray is None else None)
            with closing(pool) if pool else open_pool(tools, listener.share, count, ray, cores) as running:
                _run(left, made, running, ray is not None, manifest, retries, overwrite, listener)
        files = [manifest.last[manifest.key(task)] for task in tasks]
    faults = {entry["fault"] for entry in files if entry["status"] == "failed"}
    failed = sum(entry["status"] == "failed" for entry in files)
    return BatchSummary(
        str(outdir),
        done=len(left) - failed,
        skipped=len(tasks) - len(left),
        failed=failed,
        fault="ours" if faults & {"ours", "passing"} else "user" if faults else "",
        seconds=time.perf_counter() - began,
        files=[{key: value for key, value in entry.items() if key != "settings"} for entry in files],
    )


def _run(
    tasks: Sequence[Task],
    made: dict[Task, dict[str, Any]],
    pool: Pool[Task],
    afar: bool,
    manifest: Manifest,
    retries: int,
    overwrite: bool,
    listener: Listener,
) -> None:
    """Keep the pool busy until every task is done or given up; ``afar`` where its workers are in other folders."""
    attempts: Counter[Task] = Counter()
    waiting, running = deque(task for task in tasks if not task.wrong), 0
    ours = {}

    def end(task: Task, outcome: Outcome) -> None:
        listener.end(task, manifest.end(task, made[task], outcome, attempts[task]))

    for task in tasks:
        if task.wrong:
            end(task, Outcome("user", task.wrong))
    while waiting or running:
        while waiting and pool.free:
            task = waiting.popleft()
            attempts[task] += 1
            if task not in ours:
                # Nobody's file is lost: what may be replaced was not there, or is of our own making, or was given up.
                known = manifest.begun(task, made[task]) or manifest.made(task, made[task])
                ours[task] = overwrite or known or not any(place.exists() for place in task.places)
                if ours[task]:
                    manifest.begin(task, made[task])
            pool.start(task, Repair(task.anywhere() if afar else task, ours[task]))
            running += 1
        for task, outcome in pool.wait() if running else ():
            running -= 1
            if outcome.fault == "passing" and attempts[task] <= retries:
                listener.again(task, outcome.reason)
                waiting.append(task)
            else:
                end(task, outcome)
