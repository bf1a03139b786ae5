"""One long video as portions: runs of whole scenes, each repaired by whoever has time.

Nothing is joined by hand. A portion leaves its finished blocks in the journal of the output, exactly as an interrupted
repair of the whole video would have, and the ordinary repair then finds all blocks there. A block that does not fit,
for whatever reason, is repaired again, so the output is that of one machine.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from rovr.anchors import Anchors
from rovr.batch.task import Outcome
from rovr.batch.work import failure
from rovr.blocks import BlockRepairer, Item, chance_of
from rovr.errors import UserError
from rovr.outputs import writing
from rovr.resume import Pages, describe_job, journal_folder
from rovr.video.colour import Frame
from rovr.video.limits import MAX_PIXELS
from rovr.video.masks import MaskSource, open_masks
from rovr.video.part import Mark, open_part

if TYPE_CHECKING:
    from rovr.restorer import Restorer


@dataclass(frozen=True)
class Shot:
    """A video and how it is repaired, by paths that hold everywhere.

    Attributes:
        input: the damaged video.
        mask: as for :func:`rovr.restore_video`.
        output: whose journal receives the blocks.
        boxes: as there.
        options: as there, from :func:`rovr.resume.job_options`.
        max_pixels: as there.
    """

    input: Path
    mask: Path | None
    output: Path
    boxes: tuple[str, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True)
class Scene:
    """Frames between two cuts.

    Attributes:
        mark: of the first.
        length: their number.
        damaged: how many have a hole.
    """

    mark: Mark
    length: int
    damaged: int


Portion = tuple[Scene, ...]
"""Scenes that follow each other, unless there is no hole in those between."""


def find_scenes(
    items: Iterable[Item[Frame]], blocks: BlockRepairer[Frame], on_frame: Callable[[], None] = lambda: None
) -> list[Scene]:
    """Every scene with a hole; the first of two passes over a video.

    Args:
        items: all frames of the video.
        blocks: as they are going to be repaired by.
        on_frame: told of each frame.
    """
    scenes: list[Scene] = []
    mark, length, damaged = None, 0, 0
    for index, (start, item) in enumerate(blocks.begun(items)):
        if start == index:
            if mark is not None:
                scenes.append(Scene(mark, length, damaged))
            mark, length, damaged = Mark.of(index, item.payload), 0, 0
        length, damaged = length + 1, damaged + item.damaged
        on_frame()
    if mark is not None:
        scenes.append(Scene(mark, length, damaged))
    return [scene for scene in scenes if scene.damaged]


def make_portions(scenes: Sequence[Scene], count: int) -> list[Portion]:
    """About so many portions with about as many damaged frames each; no scene is divided."""
    fair = sum(scene.damaged for scene in scenes) / max(1, count)
    portions: list[Portion] = []
    gathered: list[Scene] = []
    for scene in scenes:
        gathered.append(scene)
        if sum(member.damaged for member in gathered) >= fair:
            portions.append(tuple(gathered))
            gathered = []
    return [*portions, tuple(gathered)] if gathered else portions


def repair_portion(shot: Shot, portion: Portion, restorer: "Restorer", on_share: Callable[[float], None]) -> Outcome:
    """Repair a portion into the journal; what a worker does, and whatever goes wrong is in the outcome.

    Args:
        shot: the video.
        portion: of it.
        restorer: the same as everybody's.
        on_share: told after each repair which share is done.
    """
    try:
        with writing(shot.output):
            _repair(shot, portion, restorer, on_share)
        return Outcome()
    except Exception as error:
        return failure(error)


def _repair(shot: Shot, portion: Portion, restorer: "Restorer", on_share: Callable[[float], None]) -> None:
    options = dict(shot.options)
    total, count = sum(scene.damaged for scene in portion), 0

    def edited(edit: object) -> None:
        nonlocal count
        count += 1
        on_share(min(1.0, count / total))

    with open_part(shot.input, portion[0].mark, shot.max_pixels) as (info, frames):
        folder = journal_folder(shot.output)
        mine = describe_job(restorer, info, shot.mask, shot.boxes, **options)
        if json.loads((folder / "job.json").read_bytes()) != json.loads(json.dumps(mine)):
            raise UserError("a worker sees other files, weights or versions than this machine.")
        masks = open_masks(info, shot.mask, shot.boxes, options["dilate"])
        blocks = restorer.blocks(info.width, info.height, edited, options["provenance"])
        blocks.keeper = Pages(folder)
        items = _items(frames, masks, portion[0].mark.index)
        place = portion[0].mark.index
        for scene in portion:
            first = scene.mark.index
            # Scenes without a hole may lie between.
            for _ in islice(items, first - place):
                pass
            place = first + scene.length
            anchors = _preview(shot, scene, blocks)
            for _ in blocks.scene(islice(items, scene.length), first, chance_of(options["seed"], first), anchors):
                pass


def _preview(shot: Shot, scene: Scene, blocks: BlockRepairer[None]) -> Anchors[Item[None]] | None:
    """The frames of a scene that :meth:`BlockRepairer.run` would keep."""
    if not blocks.anchors or scene.length <= blocks.room:
        return None
    with open_part(shot.input, scene.mark, shot.max_pixels) as (info, frames):
        masks = open_masks(info, shot.mask, shot.boxes, dict(shot.options)["dilate"])
        return blocks.preview(islice(_items(frames, masks, scene.mark.index), scene.length), scene.mark.index)


def _items(frames: Iterator[Frame], masks: MaskSource, first: int) -> Iterator[Item[None]]:
    for frame, mask in zip(frames, masks.begin_at(first), strict=False):
        yield Item(torch.from_numpy(frame.beside(mask)), torch.from_numpy(mask)[None], None, bool(mask.any()))
