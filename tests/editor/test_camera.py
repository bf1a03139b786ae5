"""The camera's share of motion."""

import numpy as np
import pytest

from rovr.editor.camera import FloatArray, camera_motion, plane_flow

PAN = np.array([[1, 0, 5], [0, 1, -2], [0, 0, 1]], np.float32)
HAND = np.array([[1.02, 0.01, -3], [-0.015, 0.99, 2], [1e-4, -2e-4, 1]], np.float32)


def places() -> FloatArray:
    """Points all over a picture of 100 × 80."""
    return np.stack(np.meshgrid(np.arange(2, 100, 4), np.arange(2, 80, 4)), -1).reshape(-1, 2).astype(np.float32)


def moved(matrix: FloatArray, start: FloatArray) -> FloatArray:
    x, y = start.astype(int).T
    return start + plane_flow(matrix, 80, 100)[y, x]


def test_plane_flow_of_a_translation() -> None:
    assert np.allclose(plane_flow(PAN, 7, 9), [5, -2], atol=1e-5)


@pytest.mark.parametrize("matrix", [np.eye(3, dtype=np.float32), PAN, HAND])
def test_a_third_that_moves_otherwise_does_not_bend_the_camera(matrix: FloatArray) -> None:
    start, rng = places(), np.random.default_rng(0)
    goal = moved(matrix, start) + rng.normal(scale=0.02, size=start.shape)
    others = rng.random(len(start)) < 1 / 3
    goal[others] += rng.normal(scale=4, size=(others.sum(), 2)) + np.array([3, 1])
    found = camera_motion(start, goal.astype(np.float32))
    assert np.abs(plane_flow(found, 80, 100) - plane_flow(matrix, 80, 100)).max() < 0.05


def test_one_large_thing_that_moves_otherwise() -> None:
    start = places()
    goal = start + np.array([4, -1])
    goal[(start > 20).all(1) & (start < 65).all(1)] += [-10, 4]
    assert np.abs(plane_flow(camera_motion(start, goal), 80, 100) - [4, -1]).max() < 0.05


def test_measured_to_a_fraction_of_its_noise() -> None:
    start = places()
    goal = moved(HAND, start) + np.random.default_rng(1).normal(scale=0.1, size=start.shape)
    found = plane_flow(camera_motion(start, goal.astype(np.float32)), 80, 100)
    assert np.abs(found - plane_flow(HAND, 80, 100)).mean() < 0.02


def test_a_few_points_say_nothing() -> None:
    start = places()[:30]
    assert np.array_equal(camera_motion(start, start + 3), np.eye(3))


@pytest.mark.parametrize("kind", ["row", "spot", "noise", "fold"])
def test_points_that_determine_no_homography_give_one_that_can_be_undone(kind: str) -> None:
    start, rng = places(), np.random.default_rng(2)
    goal = start + 2
    if kind == "row":
        start = np.stack([np.linspace(0, 90, 200), np.full(200, 7)], 1).astype(np.float32)
        goal = start + 2
    elif kind == "spot":
        start, goal = np.full((200, 2), 7, np.float32), np.full((200, 2), 9, np.float32)
    elif kind == "noise":
        goal = rng.uniform(0, 80, start.shape).astype(np.float32)
    else:
        goal = start * [-1, 1]
    matrix = camera_motion(start, goal.astype(np.float32))
    assert np.isfinite(plane_flow(matrix, 80, 100)).all()
    assert np.isfinite(plane_flow(np.linalg.inv(matrix), 80, 100)).all()
