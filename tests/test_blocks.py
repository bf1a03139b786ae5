from itertools import pairwise

import pytest
import torch

from rovr.blocks import BlockRepairer, Item, block_size, chance_of
from rovr.editor.base import Editor, Prepared, Repair, paste
from rovr.repair import Repairer
from rovr.select.base import Selector
from rovr.types import Edit


class Paint(Editor):
    """Fills holes with white and remembers whom it was called on, by the red of the top left pixel."""

    name = "paint"

    def __init__(self):
        self.seen = []

    def prepare(self, frame, doubt):
        return Prepared(frame, doubt)

    def edit(self, target, mask, contexts):
        index = [round(float(frame.frame[0, 0, 0]) * 255) for frame in (target, *contexts)]
        self.seen.append((index, [float(c.doubt.max()) for c in contexts]))
        return Repair(paste(target.frame, torch.ones_like(target.frame), mask), mask.float() * 0.5)


class Neighbours(Selector):
    """The first pending frame and the frames beside it."""

    name = "neighbours"

    def select(self, state):
        frame = int(state.pending.nonzero()[0])
        beside = sorted((i for i in range(state.length) if i != frame), key=lambda i: abs(i - frame))
        return Edit(frame, tuple(beside[: self.contexts]))


def items(count, damaged):
    made = []
    for index in range(count):
        frame = torch.zeros(3, 6, 8, dtype=torch.uint8)
        frame[:, 0, 0] = index
        mask = torch.zeros(1, 6, 8, dtype=torch.bool)
        mask[:, 2:4, 2:4] = index in damaged
        made.append(Item(frame, mask, f"native {index}", index in damaged))
    return made


def run(count, damaged, window, margin):
    editor = Paint()
    blocks = BlockRepairer(Repairer(editor, Neighbours(), 2), window, margin)
    given = items(count, damaged)
    out = []
    for item in blocks.run(iter(given), torch.Generator()):
        out.append((int(item.frame[0, 0, 0]), item.payload, int(item.frame[0, 2, 2]), item.edit))
    return editor, out


@pytest.mark.parametrize(("window", "margin"), [(5, 2), (4, 4), (1, 0), (3, 1), (50, 25), (7, 3)])
@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 23])
def test_every_frame_comes_back_in_order(count, window, margin):
    damaged = {i for i in range(count) if i % 3 != 1}
    editor, out = run(count, damaged, window, margin)
    assert [frame for frame, *_ in out] == list(range(count))
    assert [payload for _, payload, *_ in out] == [f"native {i}" for i in range(count)]
    assert [white for *_, white, _ in out] == [255 * (i in damaged) for i in range(count)]
    assert sorted(index[0] for index, _ in editor.seen) == sorted(damaged)
    for index, (*_, edit) in enumerate(out):
        assert (edit is None) == (index not in damaged)
        if edit:
            assert edit.frame == index


def test_edits_count_from_the_start_of_the_video():
    editor, out = run(30, set(range(30)), 5, 2)
    assert [[e.frame, *e.contexts] for *_, e in out] == [index for index, _ in editor.seen]


def test_repaired_frames_keep_their_doubt_for_the_next_block():
    editor, _ = run(12, set(range(12)), 4, 2)
    at_border = next(doubts for index, doubts in editor.seen if index[0] == 4)
    assert min(at_border) == pytest.approx(0.5, abs=0.01)
    assert max(at_border) <= 1


def test_blocks_without_a_hole_are_skipped():
    editor, out = run(40, {20}, 5, 2)
    assert len(editor.seen) == 1
    assert len(out) == 40


def test_short_clips_are_one_block():
    calls = []

    class Counting(Neighbours):
        def reset(self, state, generator, contexts=2):
            calls.append(state.length)
            super().reset(state, generator, contexts)

    blocks = BlockRepairer(Repairer(Paint(), Counting(), 2), 5, 3)
    assert len(list(blocks.run(items(8, {0, 7}), torch.Generator()))) == 8
    assert calls == [8]
    calls.clear()
    assert len(list(blocks.run(items(9, {0, 8}), torch.Generator()))) == 9
    # The second block: three repaired before, four left.
    assert calls == [8, 7]


def test_starts_count_from_the_start_of_the_video():
    starts = []

    class Noting(Neighbours):
        def reset(self, state, generator, contexts=2):
            starts.append(state.start)
            super().reset(state, generator, contexts)

    blocks = BlockRepairer(Repairer(Paint(), Noting(), 2), 5, 3)
    list(blocks.run(items(20, set(range(20))), torch.Generator()))
    assert starts == [0, 2, 7, 12]


def test_large_frames_get_small_blocks():
    assert block_size(640 * 360, 50, 25) == (50, 25)
    window, margin = block_size(1920 * 1080, 50, 25)
    assert 4 <= window < 50
    assert (window + 2 * margin) * 1920 * 1080 * 24 <= 2 << 30
    assert block_size(7680 * 4320, 50, 25) == (4, 2)


def textured(count, damaged, scenes):
    """Items that look alike within a scene alone."""
    made = items(count, damaged)
    for item in made:
        seed = sum(item.frame[0, 0, 0].item() >= start for start in scenes)
        picture = torch.rand(3, 6, 8, generator=torch.Generator().manual_seed(seed)) * 255
        corner = item.frame[:, 0, 0].clone()
        item.frame.copy_(picture.to(torch.uint8))
        item.frame[:, 0, 0] = corner
    return made


@pytest.mark.parametrize(("window", "margin"), [(5, 2), (4, 4), (50, 25), (1, 1)])
def test_nobody_looks_across_a_cut(window, margin):
    editor = Paint()
    blocks = BlockRepairer(Repairer(editor, Neighbours(), 2), window, margin)
    out = list(blocks.run(textured(30, set(range(30)), [0, 7, 19]), torch.Generator()))
    assert [item.payload for item in out] == [f"native {i}" for i in range(30)]
    assert blocks.scenes == [0, 7, 19]
    assert {len(index) for index, _ in editor.seen} <= {2, 3}
    for index, _ in editor.seen:
        assert len({sum(i >= start for start in (7, 19)) for i in index}) == 1


def test_cuts_are_not_looked_for_unless_wanted():
    editor = Paint()
    blocks = BlockRepairer(Repairer(editor, Neighbours(), 2), cuts=False)
    list(blocks.run(textured(8, {3, 4}, [0, 4]), torch.Generator()))
    assert blocks.scenes == [0]
    assert {tuple(index) for index, _ in editor.seen} == {(3, 2, 4), (4, 3, 5)}


class Lots(Neighbours):
    """Draws the contexts."""

    def select(self, state):
        frame = int(state.pending.nonzero()[0])
        drawn = torch.randperm(state.length, generator=self.generator).tolist()
        return Edit(frame, tuple([other for other in drawn if other != frame][: self.contexts]))


def drawn(items, seed, first=None):
    blocks = BlockRepairer(Repairer(Paint(), Lots(), 2), 5, 2)
    if first is None:
        done = blocks.run(items, torch.Generator().manual_seed(seed))
    else:
        done = blocks.scene(iter(items), first, chance_of(seed, first))
    return [item.edit for item in done]


def test_a_scene_repaired_apart_is_repaired_alike():
    cuts = [0, 9, 21, 30]
    video = lambda: textured(30, set(range(30)), cuts[:-1])  # noqa: E731
    whole = drawn(video(), 3)
    for first, end in pairwise(cuts):
        assert drawn(video()[first:end], 3, first) == whole[first:end]
    assert drawn(video(), 4) != whole


def test_scenes_are_not_drawn_alike():
    states = [chance_of(seed, first).get_state().numpy().tobytes() for seed in (0, 1, -1) for first in (0, 1, 7)]
    assert len(set(states)) == 9
    assert states[3] == torch.Generator().manual_seed(1).get_state().numpy().tobytes()


@pytest.mark.parametrize(("passes", "early"), [(1, []), (2, [1, 4, 6]), (3, [1, 1, 4, 6, 6, 4])])
def test_passes_before_the_last_are_told_by_the_numbers_of_the_video(passes, early):
    blocks = BlockRepairer(Repairer(Paint(), Neighbours(), 2, passes), 3, 2)
    told, ahead = [], []
    blocks.on_edit, blocks.on_early = told.append, ahead.append
    repaired = [item for item in blocks.run(iter(items(8, {1, 4, 6})), torch.Generator()) if item.edit]
    assert len(told) == len(repaired) == 3
    # The second block is the last and holds both of the others; a second pass goes back through it.
    assert ahead == early
