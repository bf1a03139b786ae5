import pytest
import torch
from test_selectors import begin, columns, holes, play

from rovr.editor.aligned import AlignedEditor
from rovr.errors import UserError
from rovr.mdp.state import RepairState
from rovr.repair import Repairer
from rovr.select import load_selector
from rovr.select.earlier import LocalStride, bisecting


def contexts_of(name, state, frame, contexts=2, **options):
    """Whom a rule looks at for one frame, all others being pending no more."""
    state.pending[:] = False
    state.pending[frame] = True
    selector = load_selector(name, **options)
    selector.reset(state, torch.Generator(), contexts)
    edit = selector.select(state)
    assert edit.frame == frame
    return edit.contexts


@pytest.mark.parametrize(
    ("frame", "start", "near", "far"),
    [
        (0, 0, [1, 2, 3, 4, 5], [10, 20, 30]),
        (17, 0, [12, 13, 14, 15, 16, 18, 19, 20, 21, 22], [0, 10, 30]),
        (17, 4, [12, 13, 14, 15, 16, 18, 19, 20, 21, 22], [6, 26]),
        (34, 0, [29, 30, 31, 32, 33], [0, 10, 20]),
    ],
)
def test_local_stride_asks_for_the_neighbours_and_the_grid_of_the_video(frame, start, near, far):
    state = begin(holes(35), start=start)
    assert sorted(contexts_of("local_stride", state, frame, every=True)) == sorted([*near, *far])


@pytest.mark.parametrize(
    ("frame", "contexts", "expected"),
    [
        (17, 2, (16, 18)),
        (17, 3, (16, 18, 15)),
        (0, 2, (1, 2)),
        # Beyond the neighbours the cut goes on along the grid, where `nearest` would take 6 and 7.
        (0, 7, (1, 2, 3, 4, 5, 10, 20)),
    ],
)
def test_local_stride_is_cut_to_the_nearest(frame, contexts, expected):
    assert contexts_of("local_stride", begin(holes(35)), frame, contexts) == expected


def test_local_stride_fills_up_where_the_rule_asks_for_too_few():
    assert contexts_of("local_stride", begin(holes(9)), 4, 4, neighbours=1, stride=8) == (3, 5, 0, 8)
    assert contexts_of("local_stride", begin(holes(8)), 4, 5, neighbours=1, stride=8) == (3, 5, 0, 2, 6)


def test_local_stride_in_full_grows_with_the_square_and_cut_does_not():
    def asked(n, every):
        selector = LocalStride(every=every)
        play(selector, begin(holes(n, 2)))
        return selector.weighed

    assert asked(800, True) > 3 * asked(400, True)
    assert asked(800, False) < 2.1 * asked(400, False)


def test_an_editor_takes_more_contexts_than_it_has_room_for():
    """Contexts beyond K and beyond the frames kept prepared change nothing but the time."""
    chance = torch.Generator().manual_seed(0)
    frames = torch.randint(256, (16, 3, 32, 32), dtype=torch.uint8, generator=chance)
    masks = columns(*[(2 * k, 2 * k + 6) for k in range(13)], (0, 0), (0, 0), (0, 0))
    state = RepairState.begin(frames.clone(), masks)
    Repairer(AlignedEditor(), LocalStride(every=True)).run(state, torch.Generator())
    assert {len(edit.contexts) for edit in state.edits} == {6, 7, 8, 9, 10, 11}
    few, many = (AlignedEditor().session(RepairState.begin(frames.clone(), masks), room) for room in (2, 16))
    repairs = [session.edit(6, masks[6], tuple(range(6)) + tuple(range(7, 16))) for session in (few, many)]
    assert len(few.prepared) <= 2
    assert torch.equal(repairs[0].frame, repairs[1].frame)


def test_the_largest_hole_comes_first():
    masks = columns((0, 4), (0, 9), (0, 0), (5, 14), (0, 30))
    edits = play(load_selector("largest_hole_first"), begin(masks))
    assert [(edit.frame, edit.contexts) for edit in edits] == [(4, (3, 2)), (1, (0, 2)), (3, (2, 4)), (0, (1, 2))]


def test_bisecting_halves_the_gaps():
    assert bisecting(9) == [0, 8, 4, 2, 6, 1, 3, 5, 7]
    assert [bisecting(n) for n in (1, 2, 3)] == [[0], [0, 1], [0, 2, 1]]
    assert all(sorted(bisecting(n)) == list(range(n)) for n in range(1, 40))


def test_midpoint_looks_at_the_two_repaired_frames_around():
    edits = play(load_selector("midpoint"), begin(holes(9)))
    assert [(edit.frame, edit.contexts) for edit in edits] == [
        (0, (1, 2)),
        (8, (0, 7)),
        (4, (0, 8)),
        (2, (0, 4)),
        (6, (4, 8)),
        (1, (0, 2)),
        (3, (2, 4)),
        (5, (4, 6)),
        (7, (6, 8)),
    ]


@pytest.mark.parametrize(("contexts", "expected"), [(1, (6,)), (2, (6, 1)), (3, (6, 1, 0)), (4, (6, 1, 0, 3))])
def test_midpoint_prefers_whole_frames_and_one_on_either_side(contexts, expected):
    masks = columns((0, 0), (0, 0), (0, 9), (0, 9), (0, 9), (0, 9), (0, 0))
    state = begin(masks)
    state.pending[[2, 3, 5]] = False
    selector = load_selector("midpoint")
    selector.reset(state, torch.Generator(), contexts)
    assert (selector.select(state).frame, selector.select(state).contexts) == (4, expected)


def test_midpoint_counts_frames_repaired_in_an_earlier_block():
    masks = columns(*[(0, 9)] * 5)
    doubt = masks.to(torch.uint8) * 255
    doubt[0] //= 2
    state = begin(masks, doubt=doubt, pending=torch.tensor([False, False, True, False, False]))
    selector = load_selector("midpoint")
    selector.reset(state, torch.Generator(), 1)
    assert selector.select(state).contexts == (0,)


def test_mistakes_are_told():
    for options in ({"neighbours": 0}, {"stride": 0}):
        with pytest.raises(UserError, match="at least 1"):
            load_selector("local_stride", **options)
