"""The few inks of a logo are found, where its samples alone tell nothing, and are taken off."""

import cv2
import numpy as np
import pytest
from conftest import moving_texture, rgb_frames, write_video

from rovr.restore import Restorer, restore_video
from rovr.translucent import learn_overlay
from rovr.translucent.edges import APART, FAINT, measure, vary_alike
from rovr.translucent.inks import Inks, find, median
from rovr.translucent.moments import Moments, moments_of
from rovr.translucent.told import rough, tell

SIDE, FRAMES = 160, 12
DISC, DOT = ((80, 80), 54), ((80, 80), 24)
NOISE = 1.0


def drawn(discs) -> np.ndarray:
    """Which ink each place shows, the last one on top, (SIDE, SIDE)."""
    shown = np.zeros((SIDE, SIDE), np.uint8)
    for ink, (centre, radius) in enumerate(discs, 1):
        cv2.circle(shown, centre, radius, ink, -1)
    return shown


def pictures(seed: int, still: bool = True) -> np.ndarray:
    """What lies below, smooth and full of contrast: (FRAMES, SIDE, SIDE)."""
    rng = np.random.default_rng(seed)
    rough = rng.normal(0, 1, (1 if still else FRAMES, SIDE, SIDE)).astype(np.float32)
    smooth = np.stack([cv2.GaussianBlur(part, (0, 0), 6) for part in rough])
    return np.repeat(np.clip(128 + 45 * smooth / smooth.std(), 0, 255), FRAMES // len(smooth), 0)


def gathered(below, shown, inks, error: float, seed: int = 0) -> tuple[Moments, np.ndarray, np.ndarray]:
    """Moments of a logo before a picture, where it may be, and what was seen; repairs err, the same in all frames."""
    rng = np.random.default_rng(seed)
    share, shift = (np.array([kind, *(ink[number] for ink in inks)], np.float32) for number, kind in ((0, 1), (1, 0)))
    seen = share[shown] * below + shift[shown] + rng.normal(0, np.sqrt(NOISE), below.shape).astype(np.float32)
    where = cv2.dilate((shown > 0).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    wrong = cv2.GaussianBlur(rng.normal(0, 1, (SIDE, SIDE)).astype(np.float32), (0, 0), 3)
    repaired = below + error * wrong / wrong.std()
    pairs = seen[:, where][..., None], repaired[:, where][..., None], np.ones((len(below), where.sum()), np.float32)
    count = int(where.sum())
    made = moments_of([(lambda strip: tuple(part[:, strip] for part in pairs), np.arange(count))], 500)
    return made, where, seen[..., None]


def rim_of(where) -> np.ndarray:
    return cv2.distanceTransform(where.astype(np.uint8), cv2.DIST_L2, 5)[where]


def test_moments_are_those_of_the_pairs():
    rng = np.random.default_rng(0)
    seen, below = (rng.uniform(0, 255, (30, 7, 2)).astype(np.float32) for _ in range(2))
    weight = rng.uniform(0.1, 1, (30, 7)).astype(np.float32)
    at = np.array([6, 0, 3])
    found = moments_of([(lambda strip: (seen[:, strip], below[:, strip], weight[:, strip]), at)], 3)
    assert (found.fine, found.seen.shape) == (2, (3, 2))
    for number, sample in enumerate(at):
        for channel in range(2):
            off = seen[:, sample, channel] - 0.4 * below[:, sample, channel] - 70
            expected = np.average(off**2, weights=weight[:, sample])
            assert found.off(0.4, 70.0, channel)[number] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("error", [5, 12])
def test_inks_are_found_before_a_picture_that_stands_still(error):
    inks = [(0.6, 20), (0.3, 170)]
    truth = pictures(1)
    moments, where, seen = gathered(truth, drawn([DISC, DOT]), inks, error)
    found = find(moments, rim_of(where), np.full_like(moments.seen, 1500), NOISE)
    assert found.shares[0] == 1
    told = tell(moments, where, NOISE, seen)
    shown = drawn([DISC, DOT])[where]
    inner = cv2.erode(drawn([DISC, DOT]), np.ones((5, 5)))[where]
    for ink, (share, shift) in enumerate(inks, 1):
        own = (shown == ink) & (inner == ink)
        assert np.median(told.share[own]) == pytest.approx(share, abs=0.15)
        # At the level that lies below there.
        level = moments.below[own, 0].mean()
        made = np.median(told.share[own]) * level + np.median(told.shift[own])
        assert made == pytest.approx(share * level + shift, abs=error)
    below = (moments.seen[:, 0] - told.shift[:, 0]) / told.share
    assert np.square(below - truth[0][where]).mean() < np.square(moments.below[:, 0] - truth[0][where]).mean()


def test_where_there_is_no_logo_no_ink_is_found():
    moments, where, seen = gathered(pictures(0), drawn([DISC]), [(1, 0)], 10)
    told = tell(moments, where, NOISE, seen)
    assert told is None or np.abs((told.share - 1) * 128 + told.shift[:, 0]).max() < FAINT


def test_repairs_err_by_no_more_than_the_picture_around_varies():
    where = np.zeros((60, 90), bool)
    where[10:50, 10:80] = True
    frames = np.full((2, 60, 90, 1), 100, np.float32)
    frames[:, :, 45:] += np.random.default_rng(0).normal(0, 20, (60, 45, 1)).astype(np.float32)
    found = np.zeros(where.shape, np.float32)
    found[where] = rough(where, frames)
    assert found[where][np.nonzero(where)[1] < 25].max() < 0.1
    # In the middle, too, where nothing else is near.
    assert (found[12:48, 62:78] > 250).all()


def test_edges_tell_the_share_whatever_repairs_say():
    moments, where, seen = gathered(pictures(3, still=False), drawn([DISC]), [(0.5, 100)], 10)
    shown = drawn([DISC])[where]
    weights = np.stack([shown == 0, shown == 1], 1).astype(np.float32)
    ones = np.ones((len(shown), 1), np.float32)
    wrong = Inks(np.array([1, 0.7], np.float32), np.array([[0.0], [40]], np.float32), np.full(3, 1 / 3), 100 * ones)
    right = measure(moments, wrong, where, weights, seen)
    assert right.shares[1] == pytest.approx(0.5, abs=0.05)
    assert right.shares[1] * 128 + right.shifts[1, 0] == pytest.approx(164, abs=5)


def test_what_errs_on_both_sides_is_no_smaller_share():
    rng = np.random.default_rng(4)
    true = rng.normal(128, 40, (4000, 1)).astype(np.float32)
    below, seen = true + rng.normal(0, 25, true.shape), 0.5 * (true + rng.normal(0, 25, true.shape)) + 100
    seen[:200] = rng.uniform(0, 255, (200, 1))
    share, shift = vary_alike(below.astype(np.float32), seen.astype(np.float32))
    assert share == pytest.approx(0.5, abs=0.03)
    assert share * 128 + shift[0] == pytest.approx(164, abs=3)


def test_an_ink_that_changes_nothing_is_none():
    moments, where, seen = gathered(pictures(5, still=False), drawn([DISC]), [(0.5, 100)], 5)
    count = int(where.sum())
    inks = Inks(
        np.array([1, 0.5, 0.98], np.float32),
        np.array([[0], [100], [2]], np.float32),
        np.full(4, 0.25, np.float32),
        np.full((count, 1), 100, np.float32),
    )
    left = measure(moments, inks, where, np.full((count, 3), 1 / 3, np.float32), seen)
    np.testing.assert_allclose(left.shares, [1, 0.5])
    assert left.odds.sum() == pytest.approx(1)


def test_the_middle_one_is_told_by_weight():
    assert median(np.array([3, 1, 2], np.float32), np.array([5, 1, 1], np.float32)) == 3


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "bgra"])
def test_before_a_still_picture_what_shines_through_comes_back(tmp_path, pix_fmt):
    restorer = Restorer.from_pretrained(selector="nearest", device="cpu")
    still = np.repeat(cv2.resize(moving_texture(1)[0], (128, 96), interpolation=cv2.INTER_CUBIC)[None], 10, 0)
    shown = np.zeros((96, 128), np.uint8)
    cv2.putText(shown, "TV", (40, 64), cv2.FONT_HERSHEY_DUPLEX, 1.6, 1, 6)
    laid = still.astype(np.float32)
    laid[:, shown > 0] = 0.5 * laid[:, shown > 0] + 0.5 * np.array([250, 240, 60])
    mask = cv2.dilate(shown, np.ones((5, 5), np.uint8)) * 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    damaged = write_video(tmp_path / "in.mkv", np.rint(laid).astype(np.uint8), codec="ffv1", pix_fmt=pix_fmt)
    truth = rgb_frames(write_video(tmp_path / "whole.mkv", still, codec="ffv1", pix_fmt=pix_fmt)).astype(float)
    learn_overlay(damaged, tmp_path / "mask.png", tmp_path / "logo.npz", restorer=restorer)
    wrong = {}
    for name in ("mask.png", "logo.npz"):
        out = tmp_path / f"{name}.mkv"
        restore_video(damaged, tmp_path / name, out, restorer=restorer, lossless=True)
        wrong[name] = np.square(rgb_frames(out) - truth)[:, mask > 0].mean()
    assert wrong["logo.npz"] < wrong["mask.png"] / 2


def test_room_around_a_logo_is_kept_inside_the_frame(tmp_path):
    assert max(APART) == 5
    restorer = Restorer.from_pretrained(selector="nearest", device="cpu")
    frames = np.concatenate([moving_texture(8, seed=seed) for seed in range(3)])
    frames[:, :12, 50:] = np.rint(0.5 * frames[:, :12, 50:] + 120).astype(np.uint8)
    damaged = write_video(tmp_path / "in.mkv", frames, codec="ffv1", pix_fmt="yuv420p")
    done = learn_overlay(damaged, None, tmp_path / "logo.npz", boxes=["46,0,18,16"], restorer=restorer)
    assert done.hole < done.pixels / 2
