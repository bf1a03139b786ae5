from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from rovr.editor.alignment import Aligner, Look, Move


def texture(seed: int, height: int = 160, width: int = 160) -> np.ndarray:
    noise = np.random.default_rng(seed).uniform(0, 255, (height, width)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def seen(image: np.ndarray, hole: tuple[slice, slice] | None = None) -> Look:
    known = np.ones(image.shape, np.float32)
    image = image.copy()
    if hole is not None:
        known[hole] = 0
        image[hole] = int(image[known > 0].mean())
    return Look(image, known)


@pytest.mark.parametrize("shift", [(3, 1), (-2, 4)])
def test_small_motion_is_measured_where_both_frames_were_seen(shift: tuple[int, int]) -> None:
    world = texture(0, 200, 200)
    target = world[20:148, 20:148]
    context = world[20 - shift[1] : 148 - shift[1], 20 - shift[0] : 148 - shift[0]]
    hole = (slice(40, 80), slice(50, 90))
    there, back = Aligner().moves(seen(target, hole), seen(context))
    assert not there.trust[hole].any()
    assert there.trust.mean() > 0.7
    assert np.abs(there.flow - np.array(shift))[there.trust > 0].mean() < 0.1
    assert np.abs(back.flow + np.array(shift))[back.trust > 0].mean() < 0.1
    # One plane explains a pan, inside the hole too.
    assert np.abs(there.camera[hole] - np.array(shift)).max() < 0.2


def test_flow_is_found_to_a_fraction_of_a_pixel() -> None:
    world = cv2.GaussianBlur(texture(1, 300, 300), (0, 0), 1.5)
    target = cv2.resize(world, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    context = cv2.resize(np.roll(world, 5, 1), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    forward, _, agree, _ = Aligner().both(target, context)
    assert np.abs(forward[10:140, 10:140] - np.array([2.5, 0]))[agree[10:140, 10:140]].mean() < 0.1


def test_nothing_in_common_is_not_trusted() -> None:
    there, _ = Aligner().moves(seen(texture(2, 64, 64)), seen(texture(3, 64, 64)))
    assert there.trust.mean() < 0.3
    assert np.isfinite(there.camera).all()


def test_tiny_frames_do_not_move() -> None:
    there, back = Aligner().moves(seen(texture(2, 8, 9)), seen(texture(3, 8, 9)))
    assert not there.flow.any()
    assert back.camera.shape == (8, 9, 2)
    assert not Move.none(8, 9).trust.any()


def test_threads_measure_what_one_would_have() -> None:
    pairs = [(seen(texture(k, 200 + 8 * k, 240)), seen(texture(k + 9, 200 + 8 * k, 240))) for k in range(4)]
    expected = [Aligner().moves(*pair)[0].flow for pair in pairs]
    aligner = Aligner()
    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            found = list(pool.map(lambda pair: aligner.moves(*pair)[0].flow, pairs))
            for flow, wanted in zip(found, expected, strict=True):
                np.testing.assert_array_equal(flow, wanted)
