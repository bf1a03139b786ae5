import weakref

import pytest
import torch

from rovr.blocks import BlockRepairer, Item
from rovr.editor.aligned import AlignedEditor
from rovr.editor.base import Editor, Prepared, Repair, paste
from rovr.editor.classical import ClassicalEditor
from rovr.editor.concat import ConcatEditor
from rovr.editor.sources import Sources
from rovr.editor.window import Window
from rovr.mdp.state import RepairState
from rovr.provenance import Tally, Tracker
from rovr.provenance import tracker as tracker_module
from rovr.provenance.trace import NOBODY, SLOTS, WHOLE, Trace
from rovr.repair import Repairer
from rovr.select import load_selector
from rovr.select.base import Selector
from rovr.types import Edit

HEIGHT, WIDTH = 8, 12


def masks_of(*holes):
    """One (HEIGHT, WIDTH) mask a frame, from (top, bottom, left, right) or None."""
    masks = torch.zeros(len(holes), 1, HEIGHT, WIDTH, dtype=torch.bool)
    for mask, hole in zip(masks, holes, strict=True):
        if hole:
            top, bottom, left, right = hole
            mask[0, top:bottom, left:right] = True
    return masks


def sources(*given):
    """Of (weight, x, y) for each context, the same everywhere."""
    weights = torch.tensor([w for w, *_ in given]).view(-1, 1, 1, 1).expand(-1, 1, HEIGHT, WIDTH)
    flows = torch.tensor([flow for _, *flow in given], dtype=torch.float32).view(-1, 2, 1, 1)
    return Sources(Window(0, 0, WIDTH, HEIGHT), weights, flows.expand(-1, 2, HEIGHT, WIDTH))


def shares(trace, y, x):
    """Frame → share of one pixel, with what else it says."""
    at = int((trace.places == y * WIDTH + x).nonzero())
    named = {int(f): int(s) for f, s in zip(trace.frames[:, at], trace.shares[:, at], strict=True) if f != NOBODY}
    rest = {name: int(getattr(trace, name)[at]) for name in ("other", "unknown", "invented")}
    return named, {name: share for name, share in rest.items() if share}


def whole(trace):
    return trace.shares.long().sum(0) + trace.other + trace.unknown + trace.invented


def test_a_pixel_is_shared_between_its_contexts_and_what_was_made_up():
    tracker = Tracker([7, 8, 9])
    masks = masks_of(None, (2, 4, 3, 6), None)
    tracker.record(Edit(1, (2, 0)), sources((0.5, 0, 0), (0.25, 1, 0)), masks)
    named, rest = shares(tracker.traces[1], 2, 3)
    assert named == {9: 128, 7: 63}
    assert rest == {"invented": 64}
    assert len(tracker.traces[1].places) == 6
    assert (whole(tracker.traces[1]) == WHOLE).all()


def test_what_lies_in_a_hole_or_beyond_the_border_gives_nothing():
    tracker = Tracker(range(2))
    masks = masks_of((0, 8, 0, 6), (2, 4, 3, 12))
    tracker.record(Edit(1, (0,)), sources((1.0, 2.5, 0)), masks)
    # Columns 3 to 11 fetch from 5.5 to 13.5: half from the hole, then what is seen, then half and all from beyond.
    found = [shares(tracker.traces[1], 2, x)[0].get(0, 0) for x in (3, 4, 8, 9, 11)]
    assert found == [128, 255, 255, 128, 0]
    assert shares(tracker.traces[1], 2, 10) == ({}, {"invented": 255})


def test_a_repaired_context_passes_on_whom_it_took_the_place_from():
    tracker = Tracker([20, 21, 22, 23])
    masks = masks_of(None, (2, 5, 3, 8), (2, 5, 2, 7), None)
    tracker.record(Edit(1, (0,)), sources((0.8, 0, 0)), masks)
    tracker.record(Edit(2, (1, 3)), sources((0.5, 1, 0), (0.5, 0, 0)), masks)
    # Frame 22 takes half from 21, which took four fifths of that from 20 and invented the rest.
    assert shares(tracker.traces[2], 3, 4) == ({23: 128, 20: 102}, {"invented": 25})
    assert (whole(tracker.traces[2]) == WHOLE).all()
    # Before 21 was repaired it could have given nothing there.
    early = Tracker([20, 21, 22, 23])
    early.record(Edit(2, (1, 3)), sources((0.5, 1, 0), (0.5, 0, 0)), masks)
    assert shares(early.traces[2], 3, 4) == ({23: 128}, {"invented": 127})


def test_shares_do_not_drift_however_many_repairs_lie_between():
    masks = masks_of(None, *[(2, 5, 3, 8)] * 200)
    tracker = Tracker(range(201))
    for frame in range(1, 201):
        tracker.record(Edit(frame, (frame - 1,)), sources((1.0, 0, 0)), masks)
    assert shares(tracker.traces[200], 3, 4) == ({0: 255}, {})


def test_more_sources_than_slots_are_lumped_together():
    count = SLOTS + 3
    weights = [0.3, 0.2, 0.15, 0.1, 0.09, 0.05, 0.01]
    masks = masks_of(*[None] * count, (2, 4, 3, 6))
    tracker = Tracker(range(count + 1))
    tracker.record(Edit(count, tuple(range(count))), sources(*[(w, 0, 0) for w in weights]), masks)
    named, rest = shares(tracker.traces[count], 3, 4)
    assert list(named) == [0, 1, 2, 3]
    assert rest["other"] == pytest.approx(0.15 * WHOLE, abs=1)
    assert rest["invented"] == pytest.approx(0.1 * WHOLE, abs=1)


def test_sources_come_in_order_and_without_gaps_whatever_rounding_does():
    given = torch.rand(4000, 6, generator=torch.Generator().manual_seed(0))
    given = given / given.sum(1, keepdim=True) * torch.linspace(0.002, 1, 4000)[:, None]
    nothing = torch.zeros(4000)
    frames = torch.arange(6, dtype=torch.int32).expand(4000, 6)
    trace = Trace.settle((40, 100), torch.arange(4000), frames, given, nothing, nothing)
    assert bool((trace.shares[:-1] >= trace.shares[1:]).all())
    assert bool(((trace.frames == NOBODY) == (trace.shares == 0)).all())
    assert bool((whole(trace) == WHOLE).all())


def test_an_editor_that_cannot_tell_is_not_made_to_guess():
    masks = masks_of(None, (2, 4, 3, 6), (2, 4, 3, 6))
    tracker = Tracker(range(3))
    tracker.record(Edit(1, (0,)), None, masks)
    assert shares(tracker.traces[1], 2, 3) == ({}, {"unknown": 255})
    # It passes that on, too; and with nobody to look at there is nothing not to know.
    tracker.record(Edit(2, (1,)), sources((0.6, 0, 0)), masks)
    assert shares(tracker.traces[2], 2, 3) == ({}, {"unknown": 153, "invented": 102})
    tracker.record(Edit(2, ()), None, masks)
    assert shares(tracker.traces[2], 2, 3) == ({}, {"invented": 255})


def test_pixels_are_worked_on_in_portions_without_a_seam(monkeypatch):
    masks = masks_of(None, (2, 5, 3, 8), (2, 5, 2, 7), None)
    traces = []
    for portion in (tracker_module.PORTION, 4):
        monkeypatch.setattr(tracker_module, "PORTION", portion)
        tracker = Tracker(range(4))
        tracker.record(Edit(1, (0, 3)), sources((0.3, 0.4, 0), (0.5, 0, 0.7)), masks)
        tracker.record(Edit(2, (1, 3)), sources((0.5, 1, 0.2), (0.5, 0, 0)), masks)
        traces.append(tracker.traces[2])
    assert traces[0].record() == traces[1].record()


def test_a_record_holds_everything():
    masks = masks_of(None, (2, 4, 3, 6), (2, 4, 3, 6))
    tracker = Tracker([5, 6, 7])
    tracker.record(Edit(1, (0,)), None, masks)
    tracker.record(Edit(2, (1, 0)), sources((0.6, 0, 0), (0.2, 0, 0)), masks)
    trace = tracker.traces[2]
    again = Trace.from_record(trace.record())
    assert again.size == trace.size
    for name in ("places", "frames", "shares", "other", "unknown", "invented"):
        assert torch.equal(getattr(again, name), getattr(trace, name)), name
        assert getattr(again, name).dtype == getattr(trace, name).dtype


def test_a_tally_sums_up():
    masks = masks_of(None, None, (2, 4, 3, 6), None, None, None, None, None)
    tracker = Tracker(range(8))
    tracker.record(Edit(2, (1, 7)), sources((0.4, 0, 0), (0.4, 0, 0)), masks)
    tally = Tally()
    tally.add(tracker.traces[2], 2)
    said = tally.summary()
    assert said["pixels"] == 6
    assert said["recovered"] == pytest.approx(0.8)
    assert said["invented"] == pytest.approx(0.2)
    assert said["by_distance"] == {"0": 0, "1": 0.4, "2-3": 0, "4-7": 0.4, "8-15": 0, "16+": 0}
    assert said["mean_sources"] == 2
    assert said["median_distance"] == 1
    assert Tally().summary()["median_distance"] is None


# With editors


def panned(length, height, width, step):
    """A textured wall under a camera that pans, (T, 3, H, W) uint8."""
    wall = torch.rand(1, 3, height + 8, width + 8 + step * length, generator=torch.Generator().manual_seed(0))
    wall = torch.nn.functional.avg_pool2d(wall, 9, stride=1)
    wall = (wall - wall.min()) / (wall.max() - wall.min()) * 255
    return torch.stack([wall[0, :, :, k * step : k * step + width] for k in range(length)]).to(torch.uint8)


class Listed(Selector):
    """Does what it is told."""

    name = "listed"

    def __init__(self, *edits):
        self.edits = edits

    def select(self, state):
        return self.edits[len(state.edits)]


@pytest.mark.parametrize("size", [(64, 96), (61, 95), (300, 450)])
def test_aligned_finds_the_true_sources_of_a_pan(size):
    height, width = size
    step = width // 24
    frames = panned(4, height, width, step)
    masks = torch.zeros(4, 1, height, width, dtype=torch.bool)
    masks[1:3, :, height // 3 : height // 2, width // 2 : width // 2 + 2 * step] = True
    state = RepairState.begin(frames.clone(), masks)
    tracker = Tracker([100, 101, 102, 103])
    # Frame 1 has 0 alone to look at, frame 2 only frame 1: what was seen there, or what that took from 0.
    listed = Listed(Edit(1, (0,)), Edit(2, (1,)))
    Repairer(AlignedEditor(), listed, 1).run(state, torch.Generator(), tracker=tracker)
    trace = tracker.traces[2]
    assert (whole(trace) == WHOLE).all()
    if size == (64, 96):
        # What was invented is what the editor doubts, where both come from the same maps.
        doubt = state.doubt[2, 0].flatten()[trace.places].short()
        assert ((trace.invented.short() - doubt).abs() <= 3).all()
    assert set(trace.frames[trace.shares > WHOLE // 4].tolist()) == {100, 101}
    share = {n: trace.spread((trace.shares * (trace.frames == n)).sum(0).float()) for n in (100, 101)}
    row = (height // 3 + height // 2) // 2
    # The wall moves left, so what is hidden in 2 was `step` farther right in 1: in its hole for the left half.
    left, right = width // 2 + step // 2, width // 2 + step + step // 2 + 1
    recovered = trace.spread(trace.recovered)
    for place, source in ((left, 100), (right, 101)):
        assert recovered[row, place] > WHOLE / 2
        assert share[source][row, place] > 0.95 * recovered[row, place]


def test_what_no_frame_saw_is_invented():
    frames = torch.full((4, 3, 64, 64), 90, dtype=torch.uint8)
    frames += panned(1, 64, 64, 0) // 3
    masks = torch.zeros(4, 1, 64, 64, dtype=torch.bool)
    masks[:, :, 20:40, 20:44] = True
    tracker = Tracker(range(4))
    state = RepairState.begin(frames, masks)
    Repairer(AlignedEditor(), load_selector("sight")).run(state, torch.Generator(), tracker=tracker)
    for trace in tracker.traces.values():
        deep = trace.spread(trace.invented)[24:36, 24:40]
        assert (deep > 0.95 * WHOLE).all()


@pytest.mark.parametrize(
    ("make", "name"),
    [(lambda: ClassicalEditor("telea"), "invented"), (ConcatEditor, "unknown"), (AlignedEditor, None)],
)
def test_the_picture_is_the_same_with_and_without(make, name):
    frames = panned(4, 48, 64, 3)
    masks = torch.zeros(4, 1, 48, 64, dtype=torch.bool)
    masks[:3, :, 10:30, 20:44] = True
    editor, tracker = make(), Tracker(range(4))
    plain, traced = (RepairState.begin(frames.clone(), masks) for _ in range(2))
    Repairer(editor, load_selector("coverage")).run(plain, torch.Generator())
    Repairer(editor, load_selector("coverage")).run(traced, torch.Generator(), tracker=tracker)
    assert torch.equal(plain.frames, traced.frames)
    assert torch.equal(plain.doubt, traced.doubt)
    assert sorted(tracker.traces) == [0, 1, 2]
    if name:
        assert all((getattr(trace, name) == WHOLE).all() for trace in tracker.traces.values())


def test_nothing_is_said_that_nobody_asked_for():
    editor = AlignedEditor()
    frames = panned(2, 32, 40, 1)
    masks = torch.zeros(2, 1, 32, 40, dtype=torch.bool)
    masks[0, :, 10:20, 10:20] = True
    session = editor.session(RepairState.begin(frames, masks), 3)
    with torch.inference_mode():
        assert session.edit(0, masks[0], (1,)).sources is None
        session.traced = True
        assert session.edit(0, masks[0], (1,)).sources is not None


# Over blocks


class Copying(Editor):
    """Takes everything from its first context, and says so."""

    name = "copying"

    def prepare(self, frame, doubt):
        return Prepared(frame, doubt)

    def edit(self, target, mask, contexts):
        frame = paste(target.frame, contexts[0].frame, mask)
        return Repair(frame, contexts[0].doubt * mask, sources((1.0, 0, 0)))


class Before(Selector):
    """In order, each from the frame before."""

    name = "before"

    def select(self, state):
        frame = int(state.pending.nonzero()[0])
        return Edit(frame, (frame - 1 if frame else 1,))


def items(count):
    masks = masks_of(None, *[(2, 5, 3, 8)] * (count - 1))
    for k in range(count):
        yield Item(torch.full((3, HEIGHT, WIDTH), k, dtype=torch.uint8), masks[k], k, bool(masks[k].any()))


def test_sources_count_from_the_start_of_the_video_and_reach_back_over_blocks():
    blocks = BlockRepairer(Repairer(Copying(), Before(), 1), 4, 2, traced=True)
    done = list(blocks.run(items(23), torch.Generator()))
    assert done[0].trace is None
    for item in done[1:]:
        assert (item.frame[:, 3, 4] == 0).all()
        assert shares(item.trace, 3, 4) == ({0: WHOLE}, {})


def test_traces_are_let_go_with_the_frames_nobody_looks_at_any_more():
    blocks = BlockRepairer(Repairer(Copying(), Before(), 1), 4, 2, traced=True)
    alive = weakref.WeakSet()
    most = 0
    for item in blocks.run(items(60), torch.Generator()):
        if item.trace is not None:
            alive.add(item.trace)
        del item
        most = max(most, len(alive))
    # A block that is being handed out, and the margin before it.
    assert most <= 4 + 2 + 1


def test_blocks_follow_nothing_unless_asked():
    blocks = BlockRepairer(Repairer(Copying(), Before(), 1), 4, 2)
    assert all(item.trace is None for item in blocks.run(items(9), torch.Generator()))


@pytest.mark.parametrize("passes", [1, 2, 3])
def test_however_often_a_frame_is_repaired_its_pixels_come_from_who_saw_them(passes):
    # Nothing moves, and what all others hide only frame 1 shows.
    picture = torch.randint(0, 256, (1, 3, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    masks = torch.zeros(5, 1, 48, 48, dtype=torch.bool)
    masks[[0, 2, 3, 4], :, 20:30, 20:30] = True
    items = [
        Item(frame.clone(), mask, None, bool(mask.any())) for frame, mask in zip(picture[[0] * 5], masks, strict=True)
    ]
    repairer = Repairer(AlignedEditor(), load_selector("sequential"), passes=passes)
    done = list(BlockRepairer(repairer, traced=True).run(items, torch.Generator()))
    for index in (0, 2, 3, 4):
        trace = done[index].trace
        assert done[index].edit.frame == index
        named = trace.shares.long().sum()
        assert named > 0.3 * WHOLE * len(trace.places)
        assert trace.shares[trace.frames == 1].long().sum() > 0.95 * named
