"""Long videos in constant memory: repair block by block, each with frames on either side to look at.

A block is up to ``window`` frames to repair, ``margin`` frames before them, repaired already and kept with their
doubt, and ``margin`` frames after them, still damaged. Whatever fits into ``window + margin`` frames is one block. The
rest of a longer scene, what is yet to come included, is represented by a few frames (:mod:`rovr.anchors`), for
selectors that look at these; to find them, the video is read a second time, a scene ahead. A scene that is one block
has its own among its frames, for those too far apart for motion to be chained. No block reaches beyond a scene cut, and
each scene has a source of chance of its own: scenes can be repaired apart.
"""

import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, groupby, islice
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor

from rovr.anchors import ANCHORS, Anchors
from rovr.mdp.state import RepairState
from rovr.memory import release
from rovr.provenance.trace import Trace
from rovr.provenance.tracker import Tracker
from rovr.repair import Repairer
from rovr.types import Edit
from rovr.video.cuts import Thumb, thumb, with_cuts

T = TypeVar("T")
Watch = Callable[[Edit, Tensor, Tensor], None]
"""Told each edit as it is made, with indices of the whole video, the repaired frame (3, H, W) uint8 and its doubt
(1, H, W) uint8; both are views that change with the clip."""


@dataclass
class Item(Generic[T]):
    """One frame on its way through.

    Attributes:
        frame: (3, H, W) uint8.
        mask: (1, H, W) bool.
        payload: whatever belongs to the frame; let go of once it was handed out.
        damaged: whether the mask has a hole.
        doubt: (1, H, W) uint8 once repaired, None before and where nothing is missing.
        edit: the action that repaired it, indices counting from the start of the video.
        trace: where the repaired pixels come from, frames counting likewise; None where nobody asked.
    """

    frame: Tensor
    mask: Tensor
    payload: T
    damaged: bool
    doubt: Tensor | None = None
    edit: Edit | None = None
    trace: Trace | None = None


class Keeper(Protocol):
    """Keeps finished blocks, so that a later run need not repair them again."""

    def load(
        self, first: int, own: Sequence[Item[Any]], around: Sequence[Item[Any]], generator: torch.Generator
    ) -> bool:
        """Fill in frame, doubt and edit of the block's damaged frames, and bring the source of chance to where it was.

        Args:
            first: index of the block's first frame in the video.
            own: the frames to repair.
            around: everything the repair looks at, these frames included.
            generator: source of chance.

        Returns:
            False where the block is not kept; it is repaired then, and saved.
        """

    def save(self, first: int, own: Sequence[Item[Any]], generator: torch.Generator) -> None:
        """Keep the block that was asked for last."""


def block_size(
    pixels: int, window: int, margin: int, memory: int = 14 << 26, bytes_per_pixel: int = 24
) -> tuple[int, int]:
    """Shrink window and margin so that a block of large frames fits into memory.

    Args:
        pixels: of one frame.
        window: frames to repair at a time.
        margin: frames on either side.
        memory: bytes for a block.
        bytes_per_pixel: what a frame takes with its mask, doubt, native planes and what the editor keeps of it.

    Returns:
        (window, margin), at least 4 and 2.
    """
    room = memory // (pixels * bytes_per_pixel)
    if window + 2 * margin <= room:
        return window, margin
    share = room / (window + 2 * margin)
    return max(4, min(window, int(window * share))), max(2, min(margin, int(margin * share)))


def chance_of(seed: int, first: int) -> torch.Generator:
    """The source of chance of the scene that begins with frame ``first``: the same, whatever came before it."""
    if first:
        seed = int.from_bytes(hashlib.blake2b(f"{seed} {first}".encode(), digest_size=7).digest(), "big")
    return torch.Generator().manual_seed(seed)


class BlockRepairer(Generic[T]):
    """Feeds frames through a :class:`Repairer`, a block at a time, and hands them out in order.

    Args:
        repairer: editor and selector.
        window: frames to repair at a time.
        margin: frames on either side to look at.
        device: where the frames lie during a repair.
        on_edit: called after each edit, for progress.
        cuts: whether to look for scene cuts.
        traced: whether to follow where repaired pixels come from.
        anchors: frames at most that represent the rest of a scene.

    Attributes:
        clock: what tells the seconds; time that passes, by default.
        seconds: spent in editor and selector so far.
        scenes: index of the first frame of each scene so far.
        plain: whether to leave texture out, also where the repairer gives it.
        keeper: of finished blocks; none by default.
        watch: told each edit and its picture; none by default.
        on_ahead: told the index of each frame that is read ahead of its repair; nobody by default.
        on_early: told the index of each frame that a pass before the last has repaired; nobody by default.
    """

    clock: Callable[[], float] = staticmethod(time.perf_counter)
    plain: bool = False
    keeper: Keeper | None = None
    watch: Watch | None = None
    on_ahead: Callable[[int], None] | None = None
    on_early: Callable[[int], None] | None = None

    def __init__(
        self,
        repairer: Repairer,
        window: int = 50,
        margin: int = 25,
        device: torch.device | str = "cpu",
        on_edit: Callable[[Edit], None] | None = None,
        cuts: bool = True,
        traced: bool = False,
        anchors: int = ANCHORS,
    ) -> None:
        self.repairer = repairer
        self.window = max(1, window)
        self.margin = max(0, margin)
        # Frames from afar are of use where the editor can tell what they show and the selector asks.
        self.anchors = anchors if repairer.editor.far_sighted and repairer.selector.recalls else 0
        self.device = device
        self.on_edit = on_edit
        self.cuts = cuts
        self.traced = traced
        self.seconds = 0.0
        self.scenes: list[int] = []

    @property
    def room(self) -> int:
        """Frames that fit into one block."""
        return self.window + self.margin

    def run(
        self,
        items: Iterable[Item[T]],
        generator: torch.Generator,
        again: Callable[[], Iterable[Item[Any]]] | None = None,
    ) -> Iterator[Item[T]]:
        """Repair a stream.

        Args:
            items: every frame of the video in order; damaged ones come back repaired.
            generator: whose seed, not state, each scene's source of chance is derived from.
            again: begins the same video anew; asked where it is longer than a block. Without it, nothing is looked at
                beyond a block.
        """
        held = deque(islice(items := iter(items), self.room + 1))
        whole = chain(_emptied(held), items)
        ahead = again is not None and self.anchors > 0 and len(held) > self.room
        for start, scene in groupby(self.begun(again() if ahead and again else whole), key=lambda pair: pair[0]):
            frames: Iterator[Item[Any]] = (item for _, item in scene)
            preview = None
            if ahead:
                preview = self.preview(frames, start)
                frames = islice(whole, preview.length)
            yield from self.scene(frames, start, chance_of(generator.initial_seed(), start), preview)

    def begun(self, items: Iterable[Item[T]]) -> Iterator[tuple[int, Item[T]]]:
        """Every item of a video with the index at which its scene begins."""
        self.scenes = []
        pairs = with_cuts(items, _thumb) if self.cuts else ((item, False) for item in items)
        for index, (item, cut) in enumerate(pairs):
            if cut or index == 0:
                self.scenes.append(index)
            yield self.scenes[-1], item

    def preview(self, source: Iterator[Item[Any]], first: int) -> Anchors[Item[Any]]:
        """Read through a scene and keep the frames that represent it.

        Args:
            source: its frames in order.
            first: index of the first in the video.
        """

        def told() -> Iterator[Item[Any]]:
            for index, item in enumerate(source, first):
                if self.on_ahead is not None:
                    self.on_ahead(index)
                yield item

        return self._chosen(told(), first)

    def _chosen(self, items: Iterable[Item[Any]], first: int) -> Anchors[Item[Any]]:
        """The frames of a scene that represent it."""
        anchors: Anchors[Item[Any]] = Anchors(self.anchors)
        for index, item in enumerate(items, first):
            anchors.length += 1
            if anchors.wants(index):
                anchors.offer(index, replace(item, payload=None), _thumb(item))
        return anchors

    def scene(
        self,
        source: Iterator[Item[T]],
        first: int,
        generator: torch.Generator,
        anchors: Anchors[Item[Any]] | None = None,
    ) -> Iterator[Item[T]]:
        """Repair one scene, of which frame ``first`` is the first.

        Args:
            source: its frames in order.
            first: index of the first in the video.
            generator: source of chance for selectors that sample, by :func:`chance_of`.
            anchors: what :meth:`preview` has kept of it.
        """
        before: deque[Item[T]] = deque()
        ahead: deque[Item[T]] = deque()
        while True:
            # One frame more than fits tells whether the video goes on.
            ahead.extend(islice(source, self.room + 1 - len(ahead)))
            if not ahead:
                return
            last = len(ahead) <= self.room
            if anchors is None:
                # Who holds a scene as a whole need not have read through it before.
                anchors = self._chosen(ahead, first) if last else Anchors(0)
            size = len(ahead) if last else self.window
            self._repair(list(before), list(ahead)[: size + self.margin], size, first, generator, anchors)
            for index in range(first, first + size):
                item = ahead.popleft()
                yield item
                # The native frame is written by now; only its pixels are still looked at.
                before.append(replace(item, payload=None, edit=None))  # type: ignore[arg-type]
                del item
                if len(before) > self.margin:
                    anchors.replace(index - self.margin, before.popleft())
            first += size

    def _repair(
        self,
        before: list[Item[T]],
        after: list[Item[T]],
        size: int,
        first: int,
        generator: torch.Generator,
        anchors: Anchors[Item[Any]],
    ) -> None:
        """Repair the first ``size`` frames of ``after`` in place."""
        if not any(item.damaged for item in after[:size]):
            return
        start = first - len(before)
        place = range(start, first + len(after))
        distant = anchors.outside(place)
        block = before + after + [anchor.item for anchor in distant]
        if self.keeper is not None and self.keeper.load(first, after[:size], block, generator):
            for item in after[:size]:
                if item.edit is not None and self.on_edit is not None:
                    self.on_edit(item.edit)
                if item.edit is not None and item.doubt is not None and self.watch is not None:
                    self.watch(item.edit, item.frame, item.doubt)
            return
        doubt = [item.mask.to(torch.uint8) * 255 if item.doubt is None else item.doubt for item in block]
        pending = [item.damaged and 0 <= i - len(before) < size for i, item in enumerate(block)]
        state = RepairState.begin(
            torch.stack([item.frame for item in block]).to(self.device),
            torch.stack([item.mask for item in block]).to(self.device),
            torch.stack(doubt).to(self.device),
            torch.tensor(pending, device=self.device),
            start,
            tuple(anchor.index for anchor in distant),
            anchors.among(place),
        )
        del doubt
        shared = state.frames.device.type == "cpu"
        if shared:
            # The same pixels twice would be the largest part of what a repair needs.
            for i, item in enumerate(block):
                item.frame, item.mask = state.frames[i], state.masks[i]
        known = {i: item.trace for i, item in enumerate(block) if item.trace is not None}
        tracker = Tracker(state.numbers, known) if self.traced else None
        began = self.clock()
        told, early = partial(self._tell, state), partial(self._tell_early, state)
        self.repairer.run(state, generator, told, tracker, early, self.plain)
        self.seconds += self.clock() - began
        # Copies, so that no frame keeps the whole block alive.
        for i in range(len(block)) if shared else [edit.frame for edit in state.edits]:
            block[i].frame, block[i].mask = state.frames[i].cpu().clone(), state.masks[i].cpu().clone()
        for edit in state.edits:
            item = block[edit.frame]
            item.doubt = state.doubt[edit.frame].cpu().clone()
            item.trace = tracker.traces[edit.frame] if tracker else None
            item.edit = state.numbered(edit)
        if self.keeper is not None:
            self.keeper.save(first, after[:size], generator)
        release(block[0].mask.numel())

    def _tell_early(self, state: RepairState, edit: Edit) -> None:
        if self.on_early is not None:
            self.on_early(state.numbered(edit).frame)

    def _tell(self, state: RepairState, edit: Edit) -> None:
        if self.on_edit is not None:
            self.on_edit(edit)
        if self.watch is not None:
            self.watch(state.numbered(edit), state.frames[edit.frame], state.doubt[edit.frame])


def _emptied(held: deque[T]) -> Iterator[T]:
    """Hand out what is held without keeping it."""
    while held:
        yield held.popleft()


def _thumb(item: Item[T]) -> Thumb:
    return thumb(item.frame.permute(1, 2, 0).cpu().numpy(), item.mask[0].cpu().numpy())
