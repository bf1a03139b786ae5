import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rovr.data.corrupt import KINDS, ShiftSpec, damage, make_masks, shift_masks
from rovr.errors import UserError

sides = st.integers(8, 96)
lengths = st.integers(1, 30)
seeds = st.integers(0, 2**40)


def boxes(masks):
    """Top, left, height and width of what is missing, per frame: (n, 4)."""
    found = []
    for mask in masks[:, 0].numpy():
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        found.append((rows[0], columns[0], rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1))
    return np.array(found)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(KINDS)), lengths, sides, sides, seeds)
def test_every_kind_gives_masks_of_the_right_shape_again_and_again(kind, n, height, width, seed):
    masks = make_masks(kind, n, height, width, seed)
    assert masks.shape == (n, 1, height, width)
    assert masks.dtype == torch.bool
    assert masks.any()
    assert torch.equal(masks, make_masks(kind, n, height, width, seed))


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(["rectangle", "ellipse", "blob"]), lengths, sides, sides, seeds)
def test_shifting_holes_keep_their_shape_and_stay_inside(shape, n, height, width, seed):
    masks = shift_masks(n, height, width, seed, ShiftSpec(shapes=(shape,)))
    areas = masks.flatten(1).sum(1)
    assert (areas == areas[0]).all()
    assert areas[0] > 0


@settings(deadline=None, max_examples=60)
@given(lengths, sides, sides, seeds)
def test_a_shifting_rectangle_has_the_size_and_speed_asked_for(n, height, width, seed):
    spec = ShiftSpec(shapes=("rectangle",))
    found = boxes(shift_masks(n, height, width, seed, spec))
    for side, frame in ((found[:, 2], height), (found[:, 3], width)):
        assert (side == side[0]).all()
        assert spec.size[0] * frame - 0.5 <= side[0] <= spec.size[1] * frame + 0.5
    for corner, frame in ((found[:, 0], height), (found[:, 1], width)):
        assert np.abs(np.diff(corner)).max(initial=0) <= math.ceil(spec.speed[1] * frame)


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(["rectangle", "ellipse", "blob"]), sides, sides, seeds)
def test_shapes_fill_their_boxes(shape, height, width, seed):
    spec = ShiftSpec(shapes=(shape,), size=(0.5, 0.5))
    found = boxes(shift_masks(1, height, width, seed, spec))[0]
    # The tip of a long thin shape is narrower than a pixel.
    height_slack, width_slack = (0 if shape == "rectangle" else 2 + 0.05 * side for side in (height, width))
    assert height * 0.5 - 0.5 <= found[2] + height_slack
    assert width * 0.5 - 0.5 <= found[3] + width_slack


def test_holes_shift_and_static_ones_do_not():
    moving, still = (make_masks(kind, 25, 64, 64, 3) for kind in ("shift", "static"))
    assert not torch.equal(moving[0], moving[-1])
    assert (still == still[0]).all()
    assert torch.equal(moving[0], still[0])


def test_the_default_hides_what_the_neighbours_do_not_show_but_distant_frames_do():
    near, best, area = [], [], []
    for seed in range(60):
        masks = shift_masks(25, 64, 64, seed)[:, 0].flatten(1)
        area.append(masks.float().mean())
        for i in range(1, 24):
            shown = masks[i] & ~masks
            near.append((shown[i - 1] | shown[i + 1]).sum() / masks[i].sum())
            first = shown.sum(1).argmax()
            best.append((shown[first] | shown).sum(1).max() / masks[i].sum())
    assert torch.stack(near).mean() == pytest.approx(0.25, abs=0.06)
    assert torch.stack(best).mean() > 0.9
    assert torch.stack(area).mean() == pytest.approx(0.14, abs=0.03)


def test_scratches_are_thin_and_tall():
    masks = make_masks("scratch", 40, 128, 128, 0, count=1)
    there = masks.flatten(1).any(1)
    assert masks.float().mean() < 0.03
    assert masks[there].any(-1).all()
    assert not there.all()


def test_lost_blocks_are_whole_blocks():
    masks = make_masks("blocks", 6, 64, 96, 1, block=(16,))[:, 0]
    grid = masks.unfold(1, 16, 16).unfold(2, 16, 16).flatten(3)
    assert (grid.all(-1) == grid.any(-1)).all()


def test_generators_are_taken_in_place_of_seeds_and_move_on():
    chance = torch.Generator().manual_seed(1)
    first, second = shift_masks(5, 32, 32, chance), shift_masks(5, 32, 32, chance)
    assert not torch.equal(first, second)
    assert torch.equal(first, shift_masks(5, 32, 32, torch.Generator().manual_seed(1)))
    assert torch.equal(shift_masks(5, 32, 32, np.random.default_rng(7)), shift_masks(5, 32, 32, 7))


def test_drawing_leaves_the_global_generators_alone():
    state, old = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    for kind in KINDS:
        make_masks(kind, 3, 32, 32, 0)
    assert torch.equal(state, torch.get_rng_state())
    assert (old == np.random.get_state()[1]).all()  # noqa: NPY002


@pytest.mark.parametrize("fill", ["grey", "black", "noise"])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_damage_touches_the_holes_only(fill, dtype):
    frames = torch.randint(1, 100, (4, 3, 16, 16), dtype=torch.uint8)
    frames = frames if dtype == torch.uint8 else frames / 255
    before, masks = frames.clone(), make_masks("shift", 4, 16, 16, 0)
    damaged = damage(frames, masks, fill, seed=3)
    assert torch.equal(frames, before)
    assert damaged.dtype == dtype
    assert torch.equal(damaged.masked_fill(masks, 0), frames.masked_fill(masks, 0))
    assert torch.equal(damaged, damage(frames, masks, fill, seed=3))
    if fill != "noise":
        inside = damaged.masked_select(masks)
        assert (inside == (0 if fill == "black" else 128 if dtype == torch.uint8 else 0.5)).all()


def test_damage_without_holes_changes_nothing():
    frames = torch.rand(2, 3, 8, 8)
    assert torch.equal(damage(frames, torch.zeros(2, 1, 8, 8, dtype=torch.bool)), frames)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: make_masks("rain", 3, 8, 8, 0), "shift, static, scratch, blocks"),
        (lambda: make_masks("shift", 0, 8, 8, 0), "at least 1"),
        (lambda: make_masks("shift", 3, 8, 8, 0, sizes=(0.1, 0.2)), "has no option sizes"),
        (lambda: make_masks("shift", 3, 8, 8, 0, size=(0.5, 0.2)), "least side first"),
        (lambda: make_masks("shift", 3, 8, 8, 0, speed=(-0.5, 0.2)), "least speed first"),
        (lambda: make_masks("shift", 3, 8, 8, 0, speed=(0.0, float("inf"))), "within [0, 1]"),
        (lambda: make_masks("shift", 3, 8, 8, 0, shapes=("star",)), "rectangle, ellipse, blob"),
        (lambda: make_masks("shift", 3, 8, 8, 0, shapes=()), "nothing"),
        (lambda: make_masks("shift", 3, 8, 8, 0, count=0), "give 1 to 1,000"),
        (lambda: make_masks("shift", 3, 8, 8, 0, count=10**8), "count: 100000000 holes; give 1 to 1,000"),
        (lambda: make_masks("scratch", 3, 8, 8, 0, count=0), "give 1 to 1,000"),
        (lambda: make_masks("scratch", 3, 8, 8, 0, count=10**8), "count: 100000000 scratches; give 1 to 1,000"),
        (lambda: make_masks("scratch", 3, 8, 8, 0, thickness=(0.0, 0.1)), "thickness"),
        (lambda: make_masks("scratch", 3, 8, 8, 0, run=(0, 1)), "run"),
        (lambda: make_masks("blocks", 3, 8, 8, 0, block=()), "block"),
        (lambda: make_masks("blocks", 3, 8, 8, 0, slices=0), "slices"),
        (lambda: make_masks("blocks", 3, 8, 8, 0, length=(0.0, 1.0)), "length"),
        (lambda: make_masks("blocks", 3, 8, 8, 0, frames=0.0), "frames"),
        (lambda: damage(torch.zeros(3, 8, 8), torch.zeros(1, 8, 8).bool(), "red"), "grey, black, noise"),
        (lambda: damage(torch.zeros(3, 8, 8), torch.zeros(1, 8, 9).bool()), "do not fit"),
    ],
)
def test_mistakes_are_told_in_one_line(call, words):
    with pytest.raises(UserError) as caught:
        call()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_seed_below_0_is_refused():
    with pytest.raises(UserError, match="The seed -1 is none"):
        make_masks("shift", 3, 16, 16, -1)
