import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rovr.data.corrupt import shift_masks
from rovr.errors import UserError
from rovr.mdp.state import RepairState
from rovr.select import SELECTORS, load_selector
from rovr.select.sight import recalled

VARIANTS = [
    ("sequential", {}),
    ("nearest", {}),
    ("random", {}),
    ("coverage", {}),
    ("coverage", {"order": "easiest"}),
    ("coverage", {"radius": 3, "anchors": 2, "order": "easiest"}),
]


def begin(masks, **rest):
    n, _, height, width = masks.shape
    return RepairState.begin(torch.zeros(n, 3, height, width, dtype=torch.uint8), masks, **rest)


def play(selector, state, contexts=2, seed=0, left=0.0):
    """Run a selector to the end; repaired holes keep ``left`` doubt."""
    selector.reset(state, torch.Generator().manual_seed(seed), contexts)
    edits = []
    while not state.done:
        edits.append(edit := selector.select(state))
        state.record(edit, torch.zeros(3, *state.masks.shape[2:]), state.masks[edit.frame] * left)
        assert len(edits) <= state.length
    return edits


def holes(n, side=8):
    return torch.ones(n, 1, side, side, dtype=torch.bool)


def columns(*where, side=32):
    """Masks that hide the given (from, to) columns, one frame each."""
    masks = torch.zeros(len(where), 1, side, side, dtype=torch.bool)
    for mask, (low, high) in zip(masks, where, strict=True):
        mask[..., low:high] = True
    return masks


@pytest.mark.parametrize(
    ("name", "contexts", "expected"),
    [
        ("sequential", 2, [(1, 2), (0, 2), (1, 0), (2, 1), (3, 2)]),
        ("sequential", 1, [(1,), (0,), (1,), (2,), (3,)]),
        ("sequential", 3, [(1, 2, 3), (0, 2, 3), (1, 0, 3), (2, 1, 0), (3, 2, 1)]),
        ("nearest", 2, [(1, 2), (0, 2), (1, 3), (2, 4), (3, 2)]),
        ("nearest", 1, [(1,), (0,), (1,), (2,), (3,)]),
        ("nearest", 3, [(1, 2, 3), (0, 2, 3), (1, 3, 0), (2, 4, 1), (3, 2, 1)]),
    ],
)
def test_fixed_rules_look_where_they_say(name, contexts, expected):
    edits = play(load_selector(name), begin(holes(5)), contexts)
    assert [edit.frame for edit in edits] == [0, 1, 2, 3, 4]
    assert [edit.contexts for edit in edits] == expected


def test_coverage_looks_where_the_hole_is_shown():
    # Frame 0 hides the left half; 1 and 2 hide it too; 3 shows its left quarter, 4 its right one.
    masks = columns((0, 16), (0, 16), (0, 16), (8, 32), (0, 8))
    selector = load_selector("coverage", alpha=0.02)
    state = begin(masks)
    selector.reset(state, torch.Generator(), 2)
    assert selector.select(state).contexts == (3, 4)


def test_distance_has_its_price():
    # Frame 1 shows 3/4 of the hole of frame 0, frame 5 shows all of it.
    masks = columns((0, 16), (12, 16), (0, 16), (0, 16), (0, 16), (16, 20))
    contexts = {}
    for alpha in (0.0, 0.05, 0.07):
        state, selector = begin(masks), load_selector("coverage", alpha=alpha)
        selector.reset(state, torch.Generator(), 1)
        contexts[alpha] = selector.select(state).contexts
    assert contexts == {0.0: (5,), 0.05: (5,), 0.07: (1,)}


def test_coverage_counts_repaired_frames_by_their_doubt():
    masks = columns((0, 16), (0, 16), (0, 16), (0, 16))
    doubt = masks.to(torch.uint8) * 255
    doubt[3] = masks[3] * 60
    pending = torch.tensor([True, True, True, False])
    state, selector = begin(masks, doubt=doubt, pending=pending), load_selector("coverage")
    selector.reset(state, torch.Generator(), 1)
    edit = selector.select(state)
    assert (edit.frame, edit.contexts) == (0, (3,))
    state.record(edit, torch.zeros(3, 32, 32), torch.zeros(1, 32, 32))
    edit = selector.select(state)
    assert (edit.frame, edit.contexts) == (1, (0,))


@pytest.mark.parametrize("order", ["sequential", "easiest"])
def test_coverage_falls_back_to_the_nearest_where_nothing_is_shown(order):
    selector, state = load_selector("coverage", order=order, alpha=0.0), begin(holes(9))
    selector.reset(state, torch.Generator(), 2)
    edit = selector.select(state)
    if order == "sequential":
        assert edit.frame == 0
    near = sorted((j for j in range(9) if j != edit.frame), key=lambda j: (abs(j - edit.frame), j))
    assert edit.contexts == tuple(near[:2])


def test_easiest_first_repairs_the_surest_frame_first():
    # Frame 3's hole is shown by 2, frame 0's by nobody near.
    masks = columns((0, 16), (0, 16), (0, 16), (16, 32), (0, 32))
    edits = play(load_selector("coverage", order="easiest"), begin(masks), 2)
    assert edits[0].frame in (2, 3)
    assert edits[-1].frame == 4


def test_anchors_reach_beyond_the_radius():
    masks = columns(*[(0, 16)] * 20, *[(20, 30)] * 20)
    for anchors, far in ((0, False), (3, True)):
        state, selector = begin(masks), load_selector("coverage", radius=4, anchors=anchors)
        selector.reset(state, torch.Generator(), 1)
        assert (selector.select(state).contexts[0] >= 20) == far


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(VARIANTS), st.integers(1, 14), st.integers(1, 5), st.integers(0, 999), st.floats(0, 1))
def test_every_strategy_plays_by_the_rules(variant, n, contexts, seed, left):
    name, options = variant
    state = begin(shift_masks(n, 16, 16, seed))
    chance = torch.Generator().manual_seed(seed)
    state.masks &= torch.rand(n, 1, 1, 1, generator=chance) < 0.8
    state = begin(state.masks)
    due = state.pending.nonzero().flatten().tolist()
    edits = play(load_selector(name, **options), state, contexts, seed, left)
    assert sorted(edit.frame for edit in edits) == due
    for edit in edits:
        assert len(edit.contexts) == len(set(edit.contexts)) == min(contexts, n - 1)
        assert edit.frame not in edit.contexts
        assert all(0 <= c < n for c in edit.contexts)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 999), st.integers(2, 20))
def test_easiest_keeps_its_plans_up_to_date(seed, n):
    """The plans updated after each edit are those that a fresh start would make."""
    state = begin(shift_masks(n, 32, 32, seed))
    kept = load_selector("coverage", order="easiest", radius=5)
    kept.reset(state, torch.Generator(), 2)
    while not state.done:
        fresh = load_selector("coverage", order="easiest", radius=5)
        fresh.reset(state, torch.Generator(), 2)
        edit = kept.select(state)
        assert edit == fresh.select(state)
        state.record(edit, torch.zeros(3, 32, 32), state.masks[edit.frame] * 0.4)


def test_the_same_seed_draws_the_same_contexts():
    first, again, other = (play(load_selector("random"), begin(holes(12)), 2, s) for s in (1, 1, 2))
    assert first == again
    assert first != other


def test_random_contexts_are_uniform_in_every_place():
    selector, state = load_selector("random"), begin(holes(5, 2))
    selector.reset(state, torch.Generator().manual_seed(0), 2)
    counts = torch.zeros(2, 5)
    frame = selector.select(state).frame
    for _ in range(4000):
        for place, c in enumerate(selector.select(state).contexts):
            counts[place, c] += 1
    others = [j for j in range(5) if j != frame]
    assert counts[:, frame].sum() == 0
    assert (counts[:, others] / 4000 - 0.25).abs().max() < 0.03


def test_coverage_shows_far_more_of_the_hole_than_the_neighbours_do():
    shown = {"coverage": [], "nearest": [], "sequential": []}
    for seed in range(12):
        masks = shift_masks(25, 64, 64, seed)
        for name, shares in shown.items():
            for edit in play(load_selector(name), begin(masks), 2, left=1.0):
                hidden = masks[edit.frame]
                for c in edit.contexts:
                    hidden = hidden & masks[c]
                shares.append(1 - float(hidden.sum() / masks[edit.frame].sum()))
    means = {name: sum(shares) / len(shares) for name, shares in shown.items()}
    assert means["coverage"] > 0.8
    assert means["coverage"] > means["nearest"] + 0.4
    assert means["coverage"] > means["sequential"] + 0.4


def test_weighing_grows_with_the_length_only():
    weighed = {}
    for n in (100, 200):
        selector = load_selector("coverage", cells=4)
        play(selector, begin(holes(n, 4)))
        weighed[n] = selector.weighed
    assert weighed[200] < 2.3 * weighed[100]


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("clairvoyant", {}, "choose from " + ", ".join(SELECTORS)),
        ("coverage", {"alfa": 1}, "no option alfa; it has alpha, radius"),
        ("coverage", {"alpha": math.nan}, "alpha must be a finite number"),
        ("coverage", {"alpha": math.inf}, "alpha must be a finite number"),
        ("nearest", {"alpha": 1}, "it has none"),
        ("coverage", {"order": "hardest"}, "sequential or easiest"),
        ("coverage", {"radius": 0}, "radius"),
    ],
)
def test_mistakes_are_told_in_one_line(name, options, words):
    with pytest.raises(UserError) as caught:
        load_selector(name, **options)
    assert words in str(caught.value)


def test_a_frame_with_nobody_near_is_repaired_without_those_from_afar():
    frames = torch.zeros(3, 3, 16, 16, dtype=torch.uint8)
    state = RepairState.begin(frames, torch.ones(3, 1, 16, 16, dtype=torch.bool), far=(7, 9))
    assert state.afar(0)
    assert recalled(object(), state, 0, (), torch.zeros(0, 32, 32)) == ()
