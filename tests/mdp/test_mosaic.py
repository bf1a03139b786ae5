import pytest
import torch

from rovr.mdp.mosaic import (
    CONTEXT_FLAGS,
    EVIDENCE,
    FRAME_FLAGS,
    HINT,
    added_sight,
    context_flags,
    evidence,
    frame_flags,
    from_mosaic,
    mosaic_side,
    pool_cells,
    stack_maps,
    to_mosaic,
)


@pytest.mark.parametrize(
    ("count", "side"), [(1, 1), (2, 2), (4, 2), (5, 3), (9, 3), (10, 4), (25, 5), (26, 6), (625, 25)]
)
def test_the_square_is_the_smallest_that_holds_all(count, side):
    assert mosaic_side(count) == side


def test_25_frames_make_the_posters_picture():
    assert to_mosaic(torch.rand(2, 25, 3, 16, 16)).shape == (2, 3, 80, 80)


def test_cells_lie_row_by_row_and_empty_places_are_zero():
    cells = torch.rand(2, 10, 3, 16, 16)
    mosaic = to_mosaic(cells)
    assert mosaic.shape == (2, 3, 64, 64)
    assert torch.equal(mosaic[:, :, 16:32, 32:48], cells[:, 6])
    assert torch.equal(mosaic[:, :, 32:48, 16:32], cells[:, 9])
    assert not mosaic[:, :, 32:48, 32:].any()
    assert not mosaic[:, :, 48:].any()


@pytest.mark.parametrize("count", [2, 7, 25])
def test_cells_come_back_and_are_pooled(count):
    cells = torch.rand(2, count, 3, 4, 6)
    assert torch.equal(from_mosaic(to_mosaic(cells), count), cells)
    assert torch.allclose(pool_cells(to_mosaic(cells), count), cells.mean((3, 4)))


def test_flags_say_what_a_cell_cannot():
    seen = {
        "edited": torch.tensor([[True, False, False, False]]),
        "pending": torch.tensor([[False, True, True, False]]),
        "picked": torch.tensor([[False, False, False, True]]),
        "target": torch.tensor([2]),
        "cover": torch.ones(1, 4, 16, 16),
        "sight": torch.linspace(0, 0.6, 4)[None, :, None, None, None].expand(1, 4, 2, 16, 16),
    }
    first, second = frame_flags(seen), context_flags(seen)
    assert first.shape == (1, 4, FRAME_FLAGS)
    assert second.shape == (1, 4, CONTEXT_FLAGS)
    assert torch.equal(second[..., :FRAME_FLAGS], first)
    assert first[0].T.tolist() == [[0.125, 0.375, 0.625, 0.875], [1, 0, 0, 0], [0, 1, 1, 0]]
    target, picked, distance, nearness, added = second[0, :, FRAME_FLAGS:].T
    assert target.tolist() == [0, 0, 1, 0]
    assert picked.tolist() == [0, 0, 0, 1]
    assert distance.tolist() == [-0.5, -0.25, 0, 0.25]
    assert nearness.tolist() == pytest.approx([1 / 3, 1 / 2, 1, 1 / 2])
    # The picked one shows the most, so that no other adds anything.
    assert added.tolist() == [0, 0, 0, 0]
    alone = context_flags({**seen, "picked": torch.zeros(1, 4, dtype=torch.bool)})[0, :, -1]
    assert alone.tolist() == pytest.approx([0, 0.2, 0.4, 0.6])


def test_the_hole_lies_behind_the_cell():
    cells, cover = torch.rand(2, 5, 3, 16, 16), torch.rand(2, 5, 16, 16)
    maps = stack_maps({"cells": cells, "cover": cover})
    assert torch.equal(maps[:, :, :3], cells)
    assert torch.equal(maps[:, :, 3], cover)


def test_evidence_says_what_a_frame_adds():
    """Two halves of a hole: frame 1 shows the left one surely, frames 3 and 4 show all, 3 with an error of 3 pixels."""
    left = torch.cat([torch.ones(16, 8), torch.zeros(16, 8)], 1)
    seen = torch.stack([torch.zeros(16, 16), left, torch.zeros(16, 16), torch.ones(16, 16), torch.ones(16, 16)])
    error = torch.tensor([0.0, 0, 0, 3, 1])[:, None, None]
    told = {
        "edited": torch.tensor([[False, False, False, True, False]]),
        "picked": torch.tensor([[False, True, False, False, False]]),
        "target": torch.tensor([2]),
        "cover": torch.stack([torch.full((16, 16), part) for part in (0.5, 0.25, 1.0, 0.0, 0.0)])[None],
        "sight": torch.stack([seen, seen / (1 + error).sqrt()], 1)[None],
    }
    found = evidence(told)
    assert found.shape == (1, 5, EVIDENCE)
    best, together, others = found[0, :, :6:2], found[0, :, 1:6:2], found[0, :, 6:]
    assert torch.allclose(best[:, 0], added_sight(told)[0])
    # The right half is new, the left one is shown by the picked frame already.
    for slope, column in zip((0.5, 1, 2), best.T, strict=True):
        assert column.tolist() == pytest.approx([0, 0, 0, 4**-slope / 2, 2**-slope / 2])
    assert torch.allclose(together, best)
    none = evidence({**told, "picked": torch.zeros(1, 5, dtype=torch.bool)})[0]
    assert none[:, 0].tolist() == pytest.approx([0, 0.5, 0, 0.5, 2**-0.5])
    # Sources that are both in doubt make up for each other, though the second is no better than the first.
    twice = evidence({**told, "picked": torch.tensor([[False, False, False, False, True]])})[0]
    assert twice[3, 0] == 0
    assert float(twice[3, 1]) == pytest.approx(0.5 * (1 - 2**-0.5))
    shown, worth = others.T[:2]
    near, far, edited, same, own = others.T[2:] / HINT
    assert shown.tolist() == [0, 0.5, 0, 1, 1]
    assert worth.tolist() == pytest.approx([0, 0.5, 0, 0.5, 2**-0.5])
    assert near.tolist() == pytest.approx([1 / 3, 1 / 2, 1, 1 / 2, 1 / 3])
    assert far.tolist() == pytest.approx([0.4, 0.2, 0, 0.2, 0.4])
    assert edited.tolist() == pytest.approx([0, 0, 0, 1, 0])
    assert same.tolist() == pytest.approx([1, 1, 0, 0, 0])
    assert own.tolist() == pytest.approx([0.5, 0.25, 1, 0, 0])
