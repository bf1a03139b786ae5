import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from rovr.errors import UserError
from rovr.metrics import (
    Pooled,
    endpoint_error,
    flow_error,
    flow_recovery,
    flow_residual,
    frame_psnr,
    psnr,
    squared_error,
    ssim,
    ssim_map,
)


@pytest.fixture
def clips():
    """A smooth clip and a worse one, (3, 3, 80, 96) uint8, with holes."""
    chance = torch.Generator().manual_seed(0)
    coarse = torch.rand(3, 3, 10, 12, generator=chance)
    truth = torch.nn.functional.interpolate(coarse, scale_factor=8, mode="bicubic").clamp(0, 1)
    worse = truth + 0.08 * torch.randn(truth.shape, generator=chance)
    masks = torch.zeros(3, 1, 80, 96, dtype=torch.bool)
    masks[0, :, 10:40, 5:50] = masks[1, :, :30, 60:] = True
    return (worse.clamp(0, 1) * 255).byte(), (truth * 255).byte(), masks


def last(frame):
    return frame.permute(1, 2, 0).numpy()


def test_psnr_is_that_of_scikit_image(clips):
    worse, truth, _ = clips
    theirs = peak_signal_noise_ratio(truth.numpy(), worse.numpy(), data_range=255)
    assert psnr(worse, truth) == pytest.approx(theirs, abs=0.01)
    assert psnr(worse / 255, truth) == pytest.approx(theirs, abs=0.01)


def test_psnr_in_the_hole_is_that_of_its_pixels(clips):
    worse, truth, masks = clips
    where = masks.expand_as(truth).numpy()
    theirs = peak_signal_noise_ratio(truth.numpy()[where], worse.numpy()[where], data_range=255)
    assert psnr(worse, truth, masks) == pytest.approx(theirs, abs=0.01)


def test_psnr_pools_errors_before_the_logarithm():
    truth = torch.zeros(2, 3, 4, 4)
    worse = truth.clone()
    worse[0] = 0.2
    assert psnr(worse, truth) == pytest.approx(-10 * math.log10(0.04 / 2), abs=1e-5)
    assert psnr(truth, truth) == math.inf
    assert math.isnan(psnr(worse, truth, torch.zeros(2, 1, 4, 4, dtype=torch.bool)))


def test_frame_psnr_is_the_mean_of_scikit_image(clips):
    worse, truth, _ = clips
    each = [peak_signal_noise_ratio(a.numpy(), b.numpy(), data_range=255) for a, b in zip(truth, worse, strict=True)]
    assert frame_psnr(worse, truth) == pytest.approx(np.mean(each), abs=0.01)
    assert frame_psnr(worse, truth) >= psnr(worse, truth)


def test_frame_psnr_leaves_out_frames_that_are_equal():
    truth = torch.zeros(3, 3, 4, 4)
    worse = truth.clone()
    worse[0], worse[1] = 0.1, 0.01
    assert frame_psnr(worse, truth) == pytest.approx(30, abs=1e-4)
    assert frame_psnr(truth, truth) == math.inf


def test_frames_that_hold_no_number_are_not_equal_ones():
    truth = torch.zeros(3, 3, 4, 4)
    broken = truth.clone()
    broken[1, 0, 0, 0] = math.nan
    assert math.isnan(psnr(broken, truth))
    assert math.isnan(frame_psnr(broken, truth))
    assert math.isnan(frame_psnr(truth[:0], truth[:0]))


@pytest.mark.parametrize(
    ("window", "size", "theirs"),
    [
        ("gaussian", None, {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}),
        ("uniform", None, {"win_size": 65}),
        ("uniform", 7, {"win_size": 7}),
    ],
)
def test_ssim_is_that_of_scikit_image(clips, window, size, theirs):
    worse, truth, masks = clips
    means, inside = [], []
    for mine, real, mask in zip(worse, truth, masks, strict=True):
        mean, full = structural_similarity(last(real), last(mine), channel_axis=2, data_range=255, full=True, **theirs)
        means.append(mean)
        inside.append(full[mask[0].numpy()])
        ours = last(ssim_map(mine, real, window, size))
        assert np.abs(ours - full).max() < 1e-3
    assert ssim(worse, truth, window=window, size=size) == pytest.approx(np.mean(means), abs=1e-3)
    there = np.concatenate(inside).mean()
    assert ssim(worse, truth, masks, window, size) == pytest.approx(there, abs=1e-3)


def test_equal_clips_are_alike(clips):
    _, truth, masks = clips
    assert ssim(truth, truth) == pytest.approx(1, abs=1e-6)
    assert ssim(truth, truth, masks) == pytest.approx(1, abs=1e-6)
    assert math.isnan(ssim(truth, truth, masks & False))


def test_ssim_in_a_hole_works_on_frames_smaller_than_its_window():
    frames, masks = torch.rand(1, 3, 20, 24), torch.ones(1, 1, 20, 24, dtype=torch.bool)
    assert ssim(frames, frames, masks, "uniform", 15) == pytest.approx(1)


def test_pooling_clips_weighs_them_by_their_pixels():
    parts = [Pooled(2.0, 2), Pooled(0.0, 6)]
    assert Pooled.over(parts).mean == 0.25
    truth = torch.zeros(2, 3, 4, 4)
    assert squared_error(truth + 0.5, truth).mean == pytest.approx(0.25)


def test_endpoint_error_is_a_distance():
    flow = torch.zeros(1, 2, 3, 3)
    flow[:, 0], flow[:, 1] = 3, 4
    assert torch.equal(endpoint_error(flow, torch.zeros_like(flow)), torch.full((1, 3, 3), 5.0))
    assert flow_error(flow, torch.zeros_like(flow)) == Pooled(45.0, 9)


def test_recovery_is_a_ratio_of_sums():
    corrupted = [Pooled(100.0, 10), Pooled(10.0, 10), Pooled(0.1, 10)]
    restored = [Pooled(20.0, 10), Pooled(13.0, 10), Pooled(50.0, 10)]
    # The third clip's flow was never wrong.
    assert flow_residual(restored, corrupted) == pytest.approx(33 / 110)
    assert flow_recovery(restored, corrupted) == pytest.approx(1 - 33 / 110)
    assert flow_recovery(corrupted, corrupted) == pytest.approx(0)
    assert flow_recovery([Pooled(0.0, 10)] * 3, corrupted) == 1
    assert flow_recovery([Pooled(300.0, 10)], corrupted[:1]) == pytest.approx(-2)
    assert math.isnan(flow_recovery(restored[2:], corrupted[2:]))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda a, b, m: psnr(a, b[:2]), "same length and size"),
        (lambda a, b, m: psnr(a, b, m[:2]), "one per frame"),
        (lambda a, b, m: ssim(a, b, window="hann"), "gaussian or uniform"),
        (lambda a, b, m: ssim(a, b, window="uniform", size=4), "odd"),
        (lambda a, b, m: ssim(a, b, size=0), "odd number from 3"),
        (lambda a, b, m: psnr(a.short(), b), "torch.int16; give uint8"),
        (lambda a, b, m: psnr(a, b, m.float()), "give bool"),
        (lambda a, b, m: ssim(a[..., :8, :8], b[..., :8, :8]), "too small"),
        (lambda a, b, m: flow_error(torch.zeros(1, 2, 4, 4), torch.zeros(2, 2, 4, 4)), "cannot compare"),
    ],
)
def test_mistakes_are_told(clips, call, words):
    with pytest.raises(UserError, match=words):
        call(*clips)
