"""From a list or a folder to tasks."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rovr.batch.folder import Looked, find_mask, videos_in
from rovr.batch.lists import Row, read_list
from rovr.batch.task import Options, Task, check_options
from rovr.errors import UserError, in_a_line, refused
from rovr.video.encoding import CONTAINERS


@dataclass(frozen=True)
class Common:
    """What holds for every video that does not say otherwise.

    Attributes:
        mask: one for all.
        boxes: one set for all.
        options: the rest.
    """

    mask: Path | None = None
    boxes: Sequence[str] = ()
    options: Options = field(default_factory=Options)


def make_plan(source: Path, outdir: Path, common: Common) -> list[Task]:
    """List what there is to do, in the order of the list, or of the names.

    Args:
        source: a list (see :mod:`rovr.batch.lists`) or a folder (see :mod:`rovr.batch.folder`).
        outdir: where outputs go.
        common: what the list or the folder does not say.

    Raises:
        UserError: nothing there, a list that cannot be read, outputs in each other's way.
    """
    check_options(common.options)
    if not source.exists():
        raise UserError(f"{source} does not exist; give a list of videos or a folder.")
    if source.is_dir():
        rows = [Row(path, options=common.options) for path in videos_in(source, outdir)]
    else:
        rows = read_list(source, common.options)
    looked: Looked = {}
    tasks = [_task(row, outdir, common, looked) for row in rows]
    _check_places(tasks)
    return tasks


def _task(row: Row, outdir: Path, common: Common, looked: Looked) -> Task:
    mask, boxes, wrong = row.mask, row.boxes, ""
    if mask is None and not boxes:
        mask, boxes = common.mask, tuple(common.boxes)
    if mask is None and not boxes:
        try:
            mask = find_mask(row.input, looked)
        except UserError as error:
            wrong = str(error)
        except PermissionError as error:
            wrong = refused(error) or in_a_line(error)
    output = outdir / (row.output or _name(row))
    return Task(row.input, output, mask, boxes, row.options, wrong)


def _name(row: Row) -> str:
    """The input's name, with another extension where we cannot write its own."""
    path = row.input
    # Unlike the path's own method this is no error where one may not look.
    if os.path.isdir(path):
        return path.name
    suffix = ".mkv" if row.options.lossless else path.suffix if path.suffix.lower() in CONTAINERS else ".mp4"
    return path.stem + suffix


def _check_places(tasks: Sequence[Task]) -> None:
    made: dict[Path, Task] = {}
    for task in tasks:
        for place in task.places:
            other = made.setdefault(place.resolve(), task)
            if other is not task:
                raise UserError(
                    f"{other.input} and {task.input} would both be written to {place}; "
                    "name the outputs in a list, or give one of them another name."
                )
    for place, task in made.items():
        if any(made.get(parent, task) is not task for parent in place.parents):
            raise UserError(f"{place} would lie in another output of this run; give it another name.")
    for task in tasks:
        for given in (task.input, task.mask):
            if given is not None and given.resolve() in made:
                raise UserError(
                    f"{given} would be written to by this run itself; choose another folder for the outputs."
                )
