"""A long video shared out to workers, before one process joins what came back."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from rovr.batch.pool import Pool, open_pool
from rovr.batch.portions import Portion, Shot, find_scenes, make_portions, repair_portion
from rovr.batch.task import Tools
from rovr.items import matched, paired
from rovr.video.masks import open_masks
from rovr.video.source import expected_frames, open_source

if TYPE_CHECKING:
    from rovr.restorer import Restorer

T = TypeVar("T")

TRIES = 3
"""How often a portion is given to a worker before the joining process repairs it itself."""

EACH = 4
"""Portions for each worker: more even out their load, fewer save reading."""


class Sharing:
    """What shows how things go; whoever wants to know overrides what it wants to know."""

    def search(self, frames: int | None) -> None:
        """Scenes are looked for in so many frames."""

    def searched(self) -> None:
        """So they were in another one."""

    def begin(self, portions: int, scenes: int) -> None:
        """So many portions are given out."""

    def step(self, share: float) -> None:
        """A share of a portion, 0–1, is done."""

    def say(self, text: str) -> None:
        """What the user should know."""


def share_out(
    shot: Shot,
    restorer: "Restorer",
    tools: Tools,
    workers: int | None = None,
    ray: str | None = None,
    cores: int = 1,
    sharing: Sharing | None = None,
) -> None:
    """Have the scenes of a video repaired into the journal of its output, which somebody holds.

    What could not be repaired is left to whoever joins, and on one machine a single scene is, too.

    Args:
        shot: the video.
        restorer: with which it is going to be joined.
        tools: the same as the restorer, to be loaded by the workers.
        workers: see :func:`rovr.batch.pool.open_pool`.
        ray: as there.
        cores: as there.
        sharing: told how things go.

    Raises:
        UserError: no cluster, no room in it, tools that its workers cannot load.
    """
    sharing = sharing or Sharing()
    shares: Counter[Portion] = Counter()

    def share(portion: Portion, done: float) -> None:
        if done > shares[portion]:
            sharing.step(done - shares[portion])
            shares[portion] = done  # type: ignore[assignment]

    pool: Pool[Portion]
    with open_pool(tools, share, workers, ray, cores) as pool:
        portions = _search(shot, restorer, EACH * pool.room, sharing)
        if not portions:
            return
        if len(portions) == 1 and ray is None:
            sharing.say("Only one scene has holes, and scenes are what is shared out; this process repairs it alone.")
            return
        sharing.begin(len(portions), sum(map(len, portions)))
        _hand_out(shot, portions, pool, share, sharing)


def _search(shot: Shot, restorer: "Restorer", count: int, sharing: Sharing) -> list[Portion]:
    with open_source(shot.input, max_pixels=shot.max_pixels) as source:
        info = source.info
        masks = open_masks(info, shot.mask, shot.boxes, dict(shot.options)["dilate"], by_field=shot.fields)
        sharing.search(expected_frames(info))
        blocks = restorer.blocks(info.width, info.height // shot.each)
        items = paired(_told(matched(source, masks), sharing), shot.fields)
        return make_portions(find_scenes(items, blocks), count)


def _told(pairs: Iterable[T], sharing: Sharing) -> Iterator[T]:
    for pair in pairs:
        yield pair
        sharing.searched()


def _hand_out(
    shot: Shot,
    portions: Sequence[Portion],
    pool: Pool[Portion],
    share: Callable[[Portion, float], None],
    sharing: Sharing,
) -> None:
    """Keep the workers busy until every portion is done or given up."""
    tries: Counter[Portion] = Counter()
    waiting, running = deque(portions), 0
    while waiting or running:
        while waiting and pool.free:
            portion = waiting.popleft()
            tries[portion] += 1
            pool.start(portion, partial(repair_portion, shot, portion))
            running += 1
        for portion, outcome in pool.wait():
            running -= 1
            if outcome.fault == "passing" and tries[portion] < TRIES:
                sharing.say(f"{_named(portion, shot)} are repaired again: {outcome.reason}.")
                waiting.append(portion)
                continue
            if outcome.fault:
                sharing.say(f"{_named(portion, shot)} are left to this process: {outcome.reason}")
            share(portion, 1.0)


def _named(portion: Portion, shot: Shot) -> str:
    last = portion[-1]
    return f"Frames {portion[0].mark.index}–{(last.first + last.length - 1) // shot.each}"
