"""One task, wherever it is done: repair the video and say what became of it."""

import hashlib
import shutil
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from rovr.batch.manifest import weigh
from rovr.batch.task import Outcome, Task
from rovr.errors import UserError, in_a_line, refused
from rovr.outputs import followed, writing
from rovr.restore import restore_video
from rovr.restorer import Restorer
from rovr.resume import BusyError, OtherJob, journal_folder
from rovr.summary import Job, Summary
from rovr.types import CHOICES, frame_rate

# What may be over the next time: a network drive away for a moment, memory that others held.
_PASSING = (OSError, MemoryError, torch.OutOfMemoryError)


def repair_one(task: Task, restorer: Restorer, replace: bool, on_share: Callable[[float], None]) -> Outcome:
    """Do a task; whatever goes wrong is in the outcome.

    A journal is kept while it lasts, so that a task that is interrupted goes on where it was when it is begun again.

    Args:
        task: what to do.
        restorer: editor and selector.
        replace: whether an output that is there may be replaced.
        on_share: told after each frame which share of the video is done, where its length is known.
    """
    try:
        # A full disk does not empty itself before the next try.
        with writing(task.output):
            task.output.parent.mkdir(parents=True, exist_ok=True)
            try:
                summary = _restore(task, restorer, replace, on_share)
            except OtherJob:
                shutil.rmtree(journal_folder(Path(followed(task.output))))
                summary = _restore(task, restorer, replace, on_share)
        return Outcome(report=_report(task.output, summary))
    except Exception as error:
        return failure(error)


def failure(error: Exception) -> Outcome:
    """What became of work that ended with an exception, which is being handled."""
    if isinstance(error, BusyError):
        # Perhaps a worker whose end has been noticed here, and not yet there.
        return Outcome("passing", str(error))
    if isinstance(error, UserError):
        return Outcome("user", str(error))
    if (told := refused(error)) is not None:
        return Outcome("user", told)
    if isinstance(error, _PASSING):
        return Outcome("passing", in_a_line(error))
    return Outcome("ours", f"internal error, {in_a_line(error)}", traceback.format_exc())


def _restore(task: Task, restorer: Restorer, replace: bool, on_share: Callable[[float], None]) -> Summary:
    total, count = 0, 0

    def start(job: Job) -> None:
        nonlocal total
        total = job.frames or 0

    def step() -> None:
        nonlocal count
        count += 1
        if total:
            on_share(min(1.0, count / total))

    options = task.options
    return restore_video(
        task.input,
        task.mask,
        task.output,
        boxes=task.boxes,
        dilate=options.dilate,
        restorer=restorer,
        seed=options.seed,
        crf=options.crf,
        lossless=options.lossless,
        grain=options.grain,
        fields=CHOICES[options.fields],
        overwrite=replace,
        resume=True,
        rate=frame_rate(options.rate) if task.input.is_dir() else None,
        provenance=task.provenance,
        max_pixels=options.max_pixels,
        on_start=start,
        on_frame=step,
    )


def _report(output: Path, summary: Summary) -> dict[str, Any]:
    files = sorted(output.iterdir()) if output.is_dir() else [output]
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return {
        "seconds": round(summary.seconds, 3),
        "frames": summary.frames,
        "repaired": summary.repaired,
        "bytes": weigh(output),
        "sha256": digest.hexdigest(),
        "notes": summary.notes,
    }
