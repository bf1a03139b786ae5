import numpy as np
import pytest
import torch

import rovr
from rovr.editor.aligned import AlignedEditor
from rovr.editor.classical import ClassicalEditor
from rovr.select.rules import Sequential

LENGTH, SIDE = 6, 96


def grass(seed: int = 0) -> np.ndarray:
    """Blades of random brightness, (SIDE, SIDE, 3)."""
    noise = np.random.default_rng(seed).integers(40, 200, (SIDE // 8, SIDE // 2))
    return np.kron(noise, np.ones((8, 2)))[..., None].repeat(3, 2).astype(np.uint8)


def logo() -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[36:60, 40:70] = True
    return mask


def repaired(frames: np.ndarray, masks: np.ndarray, texture: bool, editor=None, **options):
    restorer = rovr.Restorer(editor or ClassicalEditor(), Sequential(), cuts=False, texture=texture, **options)
    damaged = frames.copy()
    damaged[np.broadcast_to(masks, frames.shape[:3])] = 0
    return restorer.restore(damaged, masks)


def detail(picture: np.ndarray) -> float:
    """How much neighbours in a row differ."""
    return float(np.abs(np.diff(picture.astype(float), axis=1)).mean())


def test_before_a_still_camera_texture_comes_and_stays():
    frames, hole = np.stack([grass()] * LENGTH), logo()
    plain, made = (repaired(frames, hole, texture).frames for texture in (False, True))
    inside = np.s_[38:58, 42:68]
    assert detail(plain[0][inside]) < 0.5 * detail(grass()[inside])
    assert detail(made[0][inside]) > 0.7 * detail(grass()[inside])
    assert np.abs(made[1:].astype(int) - made[0]).max() <= 1
    assert np.array_equal(made[:, ~hole], frames[:, ~hole])


def test_doubt_and_edits_stay_as_they_are():
    frames, hole = np.stack([grass()] * LENGTH), logo()
    plain, made = (repaired(frames, hole, texture) for texture in (False, True))
    assert torch.equal(plain.doubt, made.doubt)
    assert plain.edits == made.edits


def test_what_another_frame_shows_is_left_alone():
    frames, masks = np.stack([grass()] * 3), np.stack([logo(), np.zeros_like(logo()), logo()])
    plain, made = (repaired(frames, masks, texture, AlignedEditor()).frames for texture in (False, True))
    assert np.abs(plain[0].astype(int) - frames[0])[logo()].mean() < 4
    assert np.array_equal(plain, made)


def test_texture_moves_with_the_camera():
    step = 3
    wide = np.concatenate([grass(0), grass(1)], 1)
    frames = np.stack([wide[:, step * k : step * k + SIDE] for k in range(LENGTH)])
    mask = np.zeros((SIDE, SIDE), bool)
    mask[30:66] = True  # all across: no frame shows what is there
    made = repaired(frames, mask, True, AlignedEditor()).frames.astype(int)
    inside = np.s_[34:62]
    follows = np.abs(made[2][inside][:, 8 : -8 - step] - made[1][inside][:, 8 + step : -8]).mean()
    stays = np.abs(made[2][inside][:, 8:-8] - made[1][inside][:, 8:-8]).mean()
    assert follows < 0.5 * stays


def test_where_the_surroundings_change_texture_is_made_anew():
    source = np.random.default_rng(0)
    dark, bright = (source.integers(low, low + 60, (SIDE, SIDE, 1)).repeat(3, 2) for low in (10, 180))
    frames = np.stack([dark] * 3 + [bright] * 3).astype(np.uint8)
    made = repaired(frames, logo(), True).frames
    assert made[3][logo()].mean() == pytest.approx(bright.mean(), abs=12)
    assert detail(made[3][38:58, 42:68]) > 0.6 * detail(frames[3][38:58, 42:68])


def test_light_that_changes_is_followed():
    gain = 1 + 0.1 * np.arange(LENGTH) / LENGTH
    frames = (grass() * gain[:, None, None, None]).round().clip(0, 255).astype(np.uint8)
    made = repaired(frames, logo(), True).frames.astype(float)
    assert made[-1][logo()].mean() / made[0][logo()].mean() == pytest.approx(gain[-1], rel=0.03)


def test_blocks_of_a_long_video_take_it_over_from_each_other():
    frames, hole = np.stack([grass()] * 12), logo()
    made = repaired(frames, hole, True, window=4, margin=2).frames
    assert np.abs(made[1:].astype(int) - made[0]).max() <= 2


@pytest.mark.parametrize("passes", [1, 2])
def test_it_is_repeatable(passes):
    frames, hole = np.stack([grass()] * 3), logo()
    first, again = (repaired(frames, hole, True, passes=passes).frames for _ in range(2))
    assert np.array_equal(first, again)


@pytest.mark.parametrize("kind", ["a frame", "nearly all", "a pixel", "specks", "a line at the edge"])
def test_odd_holes(kind):
    frames = np.stack([grass()] * 3)
    masks = np.zeros(frames.shape[:3], bool)
    if kind == "a frame":
        masks[1] = True
    elif kind == "nearly all":
        masks[:, 3:] = True
    elif kind == "a pixel":
        masks[:, 40, 40] = True
    elif kind == "specks":
        masks[:] = np.random.default_rng(0).random((SIDE, SIDE)) < 0.05
    else:
        masks[:, :, -2:] = True
    made = repaired(frames, masks, True).frames
    assert np.array_equal(made[~masks], frames[~masks])
