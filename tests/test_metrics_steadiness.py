import math

import numpy as np
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


def fetch(picture, x, y):
    """The bilinear value of a NumPy picture (C, H, W) at one place, which is moved onto the picture first."""
    height, width = picture.shape[1:]
    x, y = min(max(x, 0), width - 1), min(max(y, 0), height - 1)
    left, top = min(int(x), width - 2), min(int(y), height - 2)
    across = picture[:, :, left] * (left + 1 - x) + picture[:, :, left + 1] * (x - left)
    return across[:, top] * (top + 1 - y) + across[:, top + 1] * (y - top)


def plain_unoccluded(forward, backward):
    """As Sundaram, Brox and Keutzer write it, pixel by pixel."""
    _, height, width = forward.shape
    seen = np.zeros((height, width), bool)
    for y in range(height):
        for x in range(width):
            there = forward[:, y, x]
            to_x, to_y = x + there[0], y + there[1]
            back = fetch(backward, to_x, to_y)
            across = forward[:, y, x + 1] - there if x + 1 < width else np.zeros(2)
            down = forward[:, y + 1, x] - there if y + 1 < height else np.zeros(2)
            inside = 0 <= to_x <= width - 1 and 0 <= to_y <= height - 1
            agree = sum((there + back) ** 2) <= 0.01 * (sum(there**2) + sum(back**2)) + 0.5
            smooth = sum(across**2) + sum(down**2) <= 0.01 * sum(there**2) + 0.002
            seen[y, x] = inside and agree and smooth
    return seen


def plain_warp_error(frames, flow, visible):
    errors = []
    for t in range(len(flow)):
        squares = [
            (fetch(frames[t + 1], x + flow[t, 0, y, x], y + flow[t, 1, y, x]) - frames[t, :, y, x]) ** 2
            for y, x in zip(*np.nonzero(visible[t]), strict=True)
        ]
        if squares:
            errors.append(np.mean(squares))
    return np.mean(errors)


def plain_flicker(restored, truth, masks):
    squares = [
        ((restored[t + 1, :, y, x] - restored[t, :, y, x]) - (truth[t + 1, :, y, x] - truth[t, :, y, x])) ** 2
        for t in range(len(truth) - 1)
        for y, x in zip(*np.nonzero(masks[t, 0] | masks[t + 1, 0]), strict=True)
    ]
    return np.mean(squares) ** 0.5


def bent(seed, length=3, height=14, width=18):
    """Flow that varies smoothly over the picture, there and roughly back, by fractions of pixels and out of it."""
    chance = torch.Generator().manual_seed(seed)
    coarse = 5 * torch.randn(length, 2, 2, 2, generator=chance)
    forward = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear", align_corners=True) / 4
    return forward, -forward + 0.4 * torch.randn(forward.shape, generator=chance)


@pytest.mark.parametrize("seed", range(3))
def test_steadiness_is_that_of_plain_numpy(seed):
    forward, backward = bent(seed)
    visible = unoccluded(forward, backward)
    theirs = np.stack(
        [plain_unoccluded(f, b) for f, b in zip(forward.double().numpy(), backward.double().numpy(), strict=True)]
    )
    assert 0.05 < visible.float().mean() < 0.95
    assert np.array_equal(visible.numpy(), theirs)

    chance = torch.Generator().manual_seed(seed)
    truth, restored = torch.rand(2, 4, 3, 14, 18, generator=chance)
    expected = plain_warp_error(restored.double().numpy(), forward.double().numpy(), theirs)
    assert warp_error(restored, forward, visible) == pytest.approx(expected, rel=1e-4)

    masks = torch.rand(4, 1, 14, 18, generator=chance) < 0.3
    expected = plain_flicker(restored.double().numpy(), truth.double().numpy(), masks.numpy())
    assert flicker(restored, truth, masks) == pytest.approx(expected, rel=1e-5)
