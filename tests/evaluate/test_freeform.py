import cv2
import pytest
import torch

from rovr.evaluate.clips import draw_case
from rovr.evaluate.freeform import SPEED, freeform_masks

SHAPE = (20, 240, 432)


@pytest.mark.parametrize("seed", range(12))
def test_masks_are_one_blob_of_the_size_that_is_asked_for(seed):
    masks = freeform_masks(*SHAPE, True, seed)
    assert masks.shape == (20, 1, 240, 432)
    assert masks.dtype == torch.bool
    for mask in masks[:, 0]:
        count, _ = cv2.connectedComponents(mask.numpy().astype("uint8"))
        assert count == 2
        rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
        # A third or more of each side; dilating adds four pixels to either.
        assert 240 // 3 - 1 <= rows.max() - rows.min() <= 240
        assert 432 // 3 - 1 <= columns.max() - columns.min() <= 432


def test_stationary_masks_stand_still_and_moving_ones_begin_where_they_do():
    still, moving = (freeform_masks(*SHAPE, kind, 5) for kind in (False, True))
    assert (still == still[0]).all()
    assert torch.equal(still[0], moving[0])
    assert not torch.equal(still[-1], moving[-1])


def test_masks_move_by_a_few_pixels():
    steps = []
    for seed in range(20):
        masks = freeform_masks(*SHAPE, True, seed)[:, 0].float()
        y = (masks.sum(2) * torch.arange(240)).sum(1) / masks.sum((1, 2))
        x = (masks.sum(1) * torch.arange(432)).sum(1) / masks.sum((1, 2))
        steps.append(torch.hypot(y.diff(), x.diff()))
    first = torch.stack([step[0] for step in steps])
    assert first.max() <= SPEED + 0.1
    assert 0.5 < torch.cat(steps).mean() < 8


def test_a_seed_repeats_the_masks_and_another_does_not():
    assert torch.equal(freeform_masks(*SHAPE, True, 1), freeform_masks(*SHAPE, True, 1))
    assert not torch.equal(freeform_masks(*SHAPE, True, 1), freeform_masks(*SHAPE, True, 2))


def test_damage_goes_by_name_seed_and_kind_alone():
    clip = torch.randint(256, (4, 3, 48, 64), dtype=torch.uint8)
    first = draw_case(clip, "a", 0, "freeform-moving")
    torch.rand(3)
    again = draw_case(clip, "a", 0, "freeform-moving")
    assert torch.equal(first.frames, again.frames)
    assert torch.equal(first.frames.masked_fill(first.masks, 0), clip.masked_fill(first.masks, 0))
    for other in (("b", 0, "freeform-moving"), ("a", 1, "freeform-moving"), ("a", 0, "shift")):
        assert not torch.equal(draw_case(clip, *other).masks, first.masks)
    plain, flickering = (draw_case(clip, "a", 0, kind) for kind in ("shift", "shift+photometric"))
    assert torch.equal(plain.masks, flickering.masks)
    assert not torch.equal(plain.truth, flickering.truth)
