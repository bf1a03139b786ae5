import cv2
import numpy as np
import pytest

from rovr.editor.alignment import Aligner, Look, look, plane_flow


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
    return look(image, known)


@pytest.mark.parametrize("shift", [(3, 1), (-2, 4)])
def test_small_motion_is_continued_into_the_hole(shift: tuple[int, int]) -> None:
    world = texture(0, 200, 200)
    target = world[20:148, 20:148]
    context = world[20 - shift[1] : 148 - shift[1], 20 - shift[0] : 148 - shift[0]]
    hole = (slice(40, 80), slice(50, 90))
    flows, trust = Aligner().candidates(seen(target, hole), seen(context))
    assert not trust[:, hole[0], hole[1]].any()
    for flow in flows:
        assert np.abs(flow[hole] - np.array(shift)).mean() < 0.5


def test_the_plane_survives_motion_that_dense_flow_loses() -> None:
    world = texture(1, 260, 260)
    target, context = world[10:138, 10:138], world[10:138, 70:198]
    flows, _ = Aligner().candidates(seen(target), seen(context))
    shared = (slice(10, 118), slice(70, 120))
    assert np.abs(flows[1][shared] - np.array([-60, 0])).mean() < 0.5


def test_nothing_in_common_gives_two_finite_candidates() -> None:
    flat = np.full((64, 64), 90, np.uint8)
    flows, trust = Aligner().candidates(seen(flat), seen(texture(2, 64, 64)))
    assert flows.shape == (2, 64, 64, 2)
    assert trust.shape == (2, 64, 64)
    assert np.isfinite(flows).all()


def test_plane_flow_of_a_translation() -> None:
    matrix = np.array([[1, 0, 5], [0, 1, -2], [0, 0, 1]], np.float32)
    assert np.allclose(plane_flow(matrix, 7, 9), [5, -2], atol=1e-5)
