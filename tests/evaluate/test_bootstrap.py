"""Means, intervals and differences of runs with known answers."""

import itertools

import numpy as np
import pytest
import torch

from rovr.evaluate.summary import compare, student, summarize, ways_to_bound
from rovr.metrics import flow_recovery
from rovr.metrics.pooled import Pooled
from rovr.metrics.vfid import frechet_distance


def run(length=4, clip=None, **values):
    # By default each run is of a clip of its own.
    return {"hole": [0.1] * length, "clip": clip or str(next(counted)), "values": values}


counted = itertools.count()


def many(numbers, key="hole_psnr"):
    return [run(**{key: float(number)}) for number in numbers]


def test_a_mean_lies_within_its_interval():
    numbers = np.random.default_rng(0).normal(20, 2, 100)
    found = summarize(many(numbers), ["hole_psnr"])["hole_psnr"]
    assert found["mean"] == pytest.approx(numbers.mean())
    # The interval of a mean of many is 1.96 standard errors to either side.
    error = numbers.std() / 10
    assert found["low"] == pytest.approx(numbers.mean() - 1.96 * error, abs=0.1 * error * 1.96)
    assert found["high"] == pytest.approx(numbers.mean() + 1.96 * error, abs=0.1 * error * 1.96)
    assert summarize(many(numbers), ["hole_psnr"])["hole_psnr"] == found


@pytest.fixture
def fewer(monkeypatch):
    """Resamples enough to see whether intervals hold, where many are made."""
    monkeypatch.setattr("rovr.evaluate.summary.RESAMPLES", 1000)


@pytest.mark.usefixtures("fewer")
def test_intervals_hold_what_they_promise():
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(200):
        found = summarize(many(rng.normal(5, 1, 40)), ["hole_psnr"])["hole_psnr"]
        held += found["low"] <= 5 <= found["high"]
    assert 0.88 < held / 200 < 0.99


@pytest.mark.usefixtures("fewer")
@pytest.mark.parametrize(("count", "least"), [(5, 0.89), (8, 0.92), (16, 0.93)])
def test_intervals_of_few_clips_hold_it_too(count, least):
    """Plain percentiles hold it 83, 89 and 92 times of 100. No resample of five clips lies beyond the least of them."""
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(600):
        found = summarize(many(rng.normal(5, 1, count)), ["hole_psnr"])["hole_psnr"]
        held += found["low"] <= 5 <= found["high"]
    assert least < held / 600 < 0.98


def test_quantiles_of_students_t():
    from scipy.stats import t  # takes a second, which every process that collects the tests would spend

    for freedom in (4, 7, 15, 50, 1000):
        assert student(freedom) == pytest.approx(t.ppf(0.975, freedom), rel=0.003)


@pytest.mark.usefixtures("fewer")
def test_seeds_of_one_clip_are_not_so_many_clips():
    """Forty clips whose eight seeds agree are forty things to learn from, not three hundred and twenty."""
    rng = np.random.default_rng(3)
    held, width, alone = 0, 0.0, 0.0
    for _ in range(100):
        hard = rng.normal(5, 1, 40)
        runs = [run(clip=str(k), hole_psnr=float(hard[k])) for k in range(40) for _ in range(8)]
        found = summarize(runs, ["hole_psnr"])["hole_psnr"]
        held += found["low"] <= 5 <= found["high"]
        width += found["high"] - found["low"]
        once = summarize(many(hard), ["hole_psnr"])["hole_psnr"]
        alone += once["high"] - once["low"]
    assert held / 100 > 0.85
    assert width == pytest.approx(alone)


def test_one_run_has_no_spread_and_missing_values_do_not_count():
    assert summarize(many([7]), ["hole_psnr"])["hole_psnr"] == {"mean": 7, "low": 7, "high": 7}
    runs = [run(ssim=0.5), run(ssim=None), run(ssim=0.7)]
    assert summarize(runs, ["ssim"])["ssim"]["mean"] == pytest.approx(0.6)
    assert summarize([run(ssim=None)], ["ssim"])["ssim"] is None


def test_frame_averages_weigh_clips_by_their_frames():
    runs = [run(2, frame_psnr=30.0), run(6, frame_psnr=20.0)]
    assert summarize(runs, ["frame_psnr"])["frame_psnr"]["mean"] == pytest.approx(22.5)
    assert summarize([run(2, psnr=30.0), run(6, psnr=20.0)], ["psnr"])["psnr"]["mean"] == pytest.approx(25)
    # A frame without a hole equals the truth: it has no PSNR to be averaged, but an SSIM of 1.
    whole = {
        "hole": [0.1, 0.0, 0.0, 0.1],
        "clip": "whole now and then",
        "values": {"frame_psnr": 30, "frame_ssim": 0.9},
    }
    runs = [whole, run(6, frame_psnr=20.0, frame_ssim=0.4)]
    found = summarize(runs, ["frame_psnr", "frame_ssim"])
    assert found["frame_psnr"]["mean"] == pytest.approx((2 * 30 + 6 * 20) / 8)
    assert found["frame_ssim"]["mean"] == pytest.approx((4 * 0.9 + 6 * 0.4) / 10)


def test_recovery_is_pooled_as_the_metric_has_it():
    before, after, lengths = [2.0, 0.5, 0.01], [1.0, 0.4, 3.0], [5, 9, 5]
    runs = [
        run(n, flow_error_damaged=b, flow_error_repaired=a, flow_recovery=None)
        for n, b, a in zip(lengths, before, after, strict=True)
    ]
    parts = [[Pooled(e * (n - 1), n - 1) for e, n in zip(errors, lengths, strict=True)] for errors in (after, before)]
    found = summarize(runs, ["flow_recovery", "flow_error_damaged"])
    # The third clip's flow was hardly wrong.
    assert found["flow_recovery"]["mean"] == pytest.approx(flow_recovery(*parts))
    assert found["flow_recovery"]["mean"] == pytest.approx(1 - (1.0 * 4 + 0.4 * 8) / (2.0 * 4 + 0.5 * 8))
    assert found["flow_recovery"]["low"] <= found["flow_recovery"]["mean"] <= found["flow_recovery"]["high"]
    assert found["flow_error_damaged"]["mean"] == pytest.approx(Pooled.over(parts[1]).mean, rel=0.01)


def test_differences_are_paired():
    """Clips differ by far more than methods do; pairs see the difference all the same."""
    rng = np.random.default_rng(2)
    hard = rng.normal(20, 5, 60)
    better = many(hard + rng.normal(0.5, 0.2, 60))
    found = compare(better, many(hard), ["hole_psnr"])["hole_psnr"]
    assert found["low"] > 0.4
    assert found["high"] < 0.6
    apart = [summarize(runs, ["hole_psnr"])["hole_psnr"] for runs in (better, many(hard))]
    assert apart[0]["low"] < apart[1]["high"]


def test_pairs_need_both_values():
    ours, theirs = [run(ssim=0.9), run(ssim=None), run(ssim=0.5)], [run(ssim=0.8), run(ssim=0.1), run(ssim=None)]
    assert compare(ours, theirs, ["ssim"])["ssim"]["mean"] == pytest.approx(0.1)
    assert compare(ours[:1], [run(ssim=None)], ["ssim"])["ssim"] is None


def test_vfid_is_over_all_runs():
    chance = torch.Generator().manual_seed(0)
    true = torch.randn(12, 6, generator=chance)
    near, far = true + 0.1, true + 1.0
    runs = {name: [{**run(vfid=None), "features": [t.tolist(), f.tolist()]} for t, f in zip(true, found, strict=True)]
            for name, found in (("near", near), ("far", far))}  # fmt: skip
    found = {name: summarize(some, ["vfid"])["vfid"] for name, some in runs.items()}
    assert found["far"]["mean"] == pytest.approx(frechet_distance(far, true), rel=1e-4)
    assert found["near"]["high"] < found["far"]["low"]
    apart = compare(runs["far"], runs["near"], ["vfid"])["vfid"]
    assert apart["mean"] == pytest.approx(found["far"]["mean"] - found["near"]["mean"], rel=1e-4)
    assert summarize(runs["near"][:2], ["vfid"])["vfid"] is None


def test_ways_go_from_the_least_to_the_bound():
    def found(psnr, error=None):
        return {"hole_psnr": {"mean": psnr, "low": 0.0, "high": 99.0}, "lpips": error and {**found(error)["hole_psnr"]}}

    means = {"sequential": found(20.0, 0.5), "mine": found(23.0, 0.4), "oracle": found(24.0, 0.3), "bad": found(19.0)}
    better = {"hole_psnr": "higher", "lpips": "lower"}
    assert ways_to_bound(means, better) == [
        {"method": "mine", "values": {"hole_psnr": pytest.approx(0.75), "lpips": pytest.approx(0.5)}},
        {"method": "bad", "values": {"hole_psnr": pytest.approx(-0.25)}},
    ]
    assert not ways_to_bound({name: means[name] for name in ("sequential", "mine")}, better)
    same = ways_to_bound({**means, "oracle": means["sequential"]}, better)
    assert same[0]["values"] == {}
    # Where the bound is the worse one, doing harm would seem to lead there.
    worse = ways_to_bound({**means, "oracle": found(24.0, 0.6)}, better)
    assert worse[0]["values"] == {"hole_psnr": pytest.approx(0.75)}
