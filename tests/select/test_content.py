import pytest
import torch
from test_selectors import begin, columns, holes, play

from rovr.errors import UserError
from rovr.mdp.state import RepairState
from rovr.select import load_selector


def plain(*levels, side=32):
    """Frames of one grey each, 0–255."""
    frames = torch.zeros(len(levels), 3, side, side, dtype=torch.uint8)
    for frame, level in zip(frames, levels, strict=True):
        frame[:] = level
    return frames


def first(name, state, contexts, **options):
    selector = load_selector(name, **options)
    selector.reset(state, torch.Generator(), contexts)
    return selector.select(state)


def test_key_frames_come_by_their_news():
    # All hide the same. After the first one, 250 is the newest; then 120 lies farthest from both.
    masks = columns(*[(0, 4)] * 5)
    state = RepairState.begin(plain(0, 10, 120, 240, 250), masks)
    edits = play(load_selector("key_frames"), state, left=1.0)
    assert [edit.frame for edit in edits] == [0, 4, 2, 1, 3]


def test_key_frames_begin_with_what_shows_most():
    state = begin(columns((0, 16), (0, 4), (0, 8)))
    assert first("key_frames", state, 1).frame == 1


def test_contexts_of_key_frames_each_add_most_to_what_is_seen_already():
    # Frame 0 hides the left half. Frame 1 shows nothing of it; 2 its right part, 3 too, and 4 the smaller left one.
    masks = columns((0, 16), (0, 16), (0, 8), (0, 8), (8, 32))
    state = begin(masks, pending=torch.tensor([True, False, False, False, False]))
    assert first("key_frames", state, 2).contexts == (2, 4)
    assert first("key_frames", state, 3).contexts == (2, 4, 1)


def test_key_frames_take_what_is_merely_different_for_news():
    """The bias that the poster blames the rule for: another scene is preferred to the frame that shows the hole."""
    masks = columns((0, 4), (0, 0), (0, 4))
    state = RepairState.begin(plain(0, 0, 255), masks, pending=torch.tensor([True, False, False]))
    assert first("key_frames", state, 1).contexts == (2,)


def test_key_frames_see_repairs():
    masks = columns((0, 8), (0, 16), (0, 16), (0, 24))
    state, selector = RepairState.begin(plain(0, 0, 0, 0), masks), load_selector("key_frames")
    selector.reset(state, torch.Generator(), 1)
    edit = selector.select(state)
    assert edit.frame == 0
    # Repaired in white: what frame 3 alone does not hide is known by now, and frame 1 is the earliest of the rest.
    state.record(edit, torch.ones(3, 32, 32), torch.zeros(1, 32, 32))
    assert selector.select(state).frame == 1
    assert selector.select(state).contexts == (0,)


def test_attention_goes_to_frames_that_look_alike():
    left, right = plain(50, side=32)[0], plain(50, side=32)[0]
    left[:, :, :16], right[:, :, 16:] = 200, 200
    frames = torch.stack([left, right, right, left, right, left])
    masks = columns((0, 4), *[(0, 0)] * 5)
    assert first("attention", RepairState.begin(frames, masks), 2).contexts == (3, 5)
    assert first("attention", RepairState.begin(frames, masks), 3).contexts[:2] == (3, 5)


def test_attention_counts_what_tells_frames_apart_and_not_what_all_show():
    # All show the same wall, but for a corner. Frame 1 has the target's corner and hides half the wall.
    frames = plain(200, 200, 200, 200)
    for frame, level in zip(frames, (0, 0, 250, 250), strict=True):
        frame[:, :8, :8] = level
    state = RepairState.begin(frames, columns((28, 32), (16, 32), (0, 0), (0, 0)))
    assert first("attention", state, 1).contexts == (1,)


def test_attention_is_blind_to_what_lies_under_the_hole():
    frames = torch.randint(256, (6, 3, 32, 32), dtype=torch.uint8)
    masks = columns(*[(4 * k, 4 * k + 8) for k in range(6)])
    other = torch.where(masks, 255 - frames, frames)
    a, b = (play(load_selector("attention"), RepairState.begin(x, masks), left=1.0) for x in (frames, other))
    assert a == b


@pytest.mark.parametrize("name", ["attention", "key_frames"])
def test_the_nearest_win_where_all_look_the_same(name):
    assert first(name, begin(holes(7) & False | (torch.arange(7) == 3)[:, None, None, None]), 3).contexts == (2, 4, 1)


@pytest.mark.parametrize("name", ["attention", "key_frames"])
def test_they_compare_every_frame_with_every_other(name):
    weighed = {}
    for n in (20, 40):
        selector = load_selector(name, cells=2)
        play(selector, begin(holes(n, 4)))
        weighed[n] = selector.weighed
    assert 3.8 < weighed[40] / weighed[20] < 4.2


@pytest.mark.parametrize("name", ["attention", "key_frames"])
def test_cells_must_be_some(name):
    with pytest.raises(UserError, match=f"{name}: cells must be at least 1"):
        load_selector(name, cells=0)
