import math

import pytest
import torch

from rovr.metrics import flicker, unoccluded, warp_error
from rovr.metrics.steadiness import warp


def drifting(length=4, side=24, step=2):
    """A texture that moves right by whole pixels, and its flow."""
    chance = torch.Generator().manual_seed(0)
    wall = torch.rand(3, side, side + step * length, generator=chance)
    frames = torch.stack([wall[:, :, step * (length - t) : step * (length - t) + side] for t in range(length)])
    flow = torch.zeros(length - 1, 2, side, side)
    flow[:, 0] = step
    return frames, flow


def test_warping_fetches_pixels_from_where_they_went():
    frames, flow = drifting()
    fetched, inside = warp(frames[1:], flow)
    assert inside[:, :, :-2].all()
    assert not inside[:, :, -2:].any()
    assert torch.allclose(fetched[..., :-2], frames[:-1, ..., :-2], atol=1e-5)


def test_motion_that_is_followed_is_no_warping_error():
    frames, flow = drifting()
    visible = unoccluded(flow, -flow)
    assert visible[:, :, :-2].all()
    assert warp_error(frames, flow, visible) < 1e-10
    assert warp_error(frames, torch.zeros_like(flow), torch.ones_like(visible)) > 0.01


def test_warping_error_is_a_mean_of_squares_over_pairs():
    frames = torch.zeros(3, 3, 8, 8)
    frames[1] = 0.5
    frames[2] = 0.6
    visible = torch.ones(2, 8, 8, dtype=torch.bool)
    error = warp_error(frames, torch.zeros(2, 2, 8, 8), visible)
    assert error == pytest.approx((0.25 + 0.01) / 2, abs=1e-6)
    visible[1] = False
    assert warp_error(frames, torch.zeros(2, 2, 8, 8), visible) == pytest.approx(0.25)
    assert math.isnan(warp_error(frames, torch.zeros(2, 2, 8, 8), visible & False))


def test_flow_is_believed_where_both_ways_agree_and_nothing_moves_apart():
    forward = torch.zeros(1, 2, 16, 16)
    assert unoccluded(forward, forward).all()
    backward = forward.clone()
    backward[0, 0, 4:8, 4:8] = 3
    seen = unoccluded(forward, backward)[0]
    assert not seen[4:8, 4:8].any()
    assert seen.sum() == 16 * 16 - 16
    edge = forward.clone()
    edge[0, 0, :, 8:] = 0.5
    assert not unoccluded(edge, -edge)[0, :, 7].any()


def test_what_is_wrong_in_the_same_way_does_not_flicker():
    chance = torch.Generator().manual_seed(1)
    truth = torch.rand(4, 3, 8, 8, generator=chance) / 2
    masks = torch.zeros(4, 1, 8, 8, dtype=torch.bool)
    masks[..., 2:6, 2:6] = True
    assert flicker(truth + 0.3 * masks, truth, masks) == pytest.approx(0, abs=1e-6)
    blinking = truth.clone()
    blinking[1::2] += 0.3 * masks[1::2]
    assert flicker(blinking, truth, masks) == pytest.approx(0.3, abs=1e-6)
    assert flicker((blinking * 255).byte(), (truth * 255).byte(), masks) == pytest.approx(0.3, abs=0.01)
    assert math.isnan(flicker(truth, truth, masks & False))
    assert math.isnan(flicker(truth[:1], truth[:1], masks[:1]))


def test_holes_of_either_frame_count_for_flicker():
    truth, masks = torch.zeros(2, 3, 4, 4), torch.zeros(2, 1, 4, 4, dtype=torch.bool)
    masks[0, :, 0, 0] = masks[1, :, 0, 1] = True
    restored = truth.clone()
    restored[0, :, 0, 0] = 0.2
    assert flicker(restored, truth, masks) == pytest.approx(math.sqrt(0.04 / 2), abs=1e-6)
