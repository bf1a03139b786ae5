"""One long video as portions: runs of whole scenes, each repaired by whoever has time.

Nothing is joined by hand. A portion leaves its finished blocks in the journal of the output, exactly as an interrupted
repair of the whole video would have, and the ordinary repair then finds all blocks there. A block that does not fit,
for whatever reason, is repaired again, so the output is that of one machine.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rovr.anchors import Anchors
from rovr.batch.task import Outcome
from rovr.batch.work import failure
from rovr.blocks import BlockRepairer, Item, chance_of
from rovr.errors import UserError
from rovr.items import paired
from rovr.outputs import writing
from rovr.resume import Pages, describe_job, journal_folder
from rovr.video.colour import Frame
from rovr.video.fields import Field
from rovr.video.limits import MAX_PIXELS
from rovr.video.masks import open_masks
from rovr.video.part import Mark, open_part
from rovr.video.source import VideoInfo

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

    @property
    def fields(self) -> bool:
        """Whether fields are repaired one by one."""
        return bool(dict(self.options)["fields"])

    @property
    def each(self) -> int:
        """Pictures of a frame that are repaired one by one."""
        return 2 if self.fields else 1


@dataclass(frozen=True)
class Scene:
    """What lies between two cuts: frames, or fields where these are repaired one by one.

    Attributes:
        mark: of the first frame.
        first: index of the first frame, or field.
        length: their number.
        damaged: how many have a hole.
    """

    mark: Mark
    first: int
    length: int
    damaged: int


Portion = tuple[Scene, ...]
"""Scenes that follow each other, unless there is no hole in those between."""


def find_scenes(items: Iterable[Item[Frame]], blocks: BlockRepairer[Frame]) -> list[Scene]:
    """Every scene with a hole; the first of two passes over a video.

    Args:
        items: all of the video.
        blocks: as they are going to be repaired by.
    """
    scenes: list[Scene] = []
    for index, (start, item) in enumerate(blocks.begun(items)):
        if start == index:
            scenes.append(Scene(_mark(index, item.payload), index, 0, 0))
        scene = scenes[-1]
        scenes[-1] = replace(scene, length=scene.length + 1, damaged=scene.damaged + item.damaged)
    return [scene for scene in scenes if scene.damaged]


def _mark(index: int, frame: Frame) -> Mark:
    """Of a frame, or of the frame that a field belongs to."""
    return Mark.of(index // 2, frame.whole) if isinstance(frame, Field) else Mark.of(index, frame)


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

    with _opened(shot, portion[0]) as (info, items):
        folder = journal_folder(shot.output)
        mine = describe_job(restorer, info, shot.mask, shot.boxes, **options)
        if json.loads((folder / "job.json").read_bytes()) != json.loads(json.dumps(mine)):
            raise UserError("a worker sees other files, weights or versions than this machine.")
        blocks = restorer.blocks(info.width, info.height // shot.each, edited, options["provenance"])
        blocks.keeper = Pages(folder)
        place = portion[0].first
        for scene in portion:
            # Scenes without a hole may lie between.
            for _ in islice(items, scene.first - place):
                pass
            place = scene.first + scene.length
            anchors = _preview(shot, scene, blocks)
            chance = chance_of(options["seed"], scene.first)
            for _ in blocks.scene(islice(items, scene.length), scene.first, chance, anchors):
                pass


def _preview(shot: Shot, scene: Scene, blocks: BlockRepairer[None]) -> Anchors[Item[None]] | None:
    """What :meth:`BlockRepairer.run` would keep of a scene."""
    if not blocks.anchors or scene.length <= blocks.room:
        return None
    with _opened(shot, scene) as (_, items):
        return blocks.preview(islice(items, scene.length), scene.first)


@contextmanager
def _opened(shot: Shot, scene: Scene) -> Iterator[tuple[VideoInfo, Iterator[Item[None]]]]:
    """What is repaired, from the first of a scene on."""
    with open_part(shot.input, scene.mark, shot.max_pixels) as (info, frames):
        masks = open_masks(info, shot.mask, shot.boxes, dict(shot.options)["dilate"], by_field=shot.fields)
        items = paired(map(masks.lift, frames, masks.begin_at(scene.mark.index)), shot.fields)
        # A scene may begin with the second field of a frame.
        mine = islice(items, scene.first - shot.each * scene.mark.index, None)
        yield info, (replace(item, payload=None) for item in mine)  # type: ignore[arg-type, misc]
