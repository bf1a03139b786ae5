"""What of the motion between two frames the camera did: one homography, fitted to where points went.

Random samples find such a homography among things that move otherwise, but only as precisely as the few points of a
sample are; chained over a dozen frames that adds up, and every hidden place before a still or slowly moving
background is copied from beside where it is. Here all points count, the less the worse they fit: iteratively
reweighted least squares (Holland and Welsch 1977), with weights that forget what lies far off (Geman and McClure 1987)
on a scale that follows the median.
"""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

ROUNDS = 6
"""Times that points are weighed and the homography is fitted to them; from then on it hardly moves."""

WIDTH = 1.5
"""Medians of distance at which a point counts a quarter."""

PRECISE = 0.05
"""Pixels that flow may always be off: narrower weights would fit its noise."""

FEWEST = 60
"""Points below which nothing is said of the camera."""

FIRM = 1e-6
"""Pull towards no motion, as a share of what the points say: decides where they leave anything open."""

LEAST = 0.1
"""Determinant, and depth at a side of the picture, from which on a homography may be a camera's motion."""


def camera_motion(start: FloatArray, goal: FloatArray) -> FloatArray:
    """The homography (3, 3) that takes most of the points (N, 2) to their goals; the identity where none does."""
    nothing = np.eye(3, dtype=np.float32)
    if len(start) < FEWEST:
        return nothing
    centre = start.mean(0, dtype=np.float64)
    size = max(1.0, float(np.abs(start - centre).max()))
    to_unit = np.array([[1, 0, -centre[0]], [0, 1, -centre[1]], [0, 0, size]]) / size
    matrix = _fitted((start - centre) / size, (goal - centre) / size, PRECISE / size)
    # Nearly flat, or with places behind the camera: no motion between two frames is like that.
    if not (np.linalg.det(matrix) > LEAST and np.abs(matrix[2, :2]).sum() < 1 - LEAST):
        return nothing
    matrix = np.linalg.inv(to_unit) @ matrix @ to_unit
    return (matrix / matrix[2, 2]).astype(np.float32)


def plane_flow(matrix: FloatArray, height: int, width: int) -> FloatArray:
    """Flow (height, width, 2) of a homography (3, 3)."""
    xs, ys = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    across, down, depth = (row[0] * xs + (row[1] * ys + row[2]) for row in matrix)
    depth = np.maximum(depth, 1e-3)
    flow = np.stack([across / depth - xs, down / depth - ys], -1)
    # Far outside the points that it was fitted to, a homography may throw pixels to infinity.
    return np.clip(flow, -2 * width - 2 * height, 2 * width + 2 * height)


def _fitted(start: NDArray[np.float64], goal: NDArray[np.float64], precise: float) -> NDArray[np.float64]:
    """The same for points about the origin, of coordinates about 1."""
    points = np.c_[start, np.ones(len(start))]
    empty = np.zeros_like(points)
    # Two rows a point, linear in the first eight entries: x · third row = first row, and the same for y.
    across = np.c_[points, empty, -goal[:, :1] * start]
    down = np.c_[empty, points, -goal[:, 1:] * start]
    still = np.eye(3).ravel()[:8]
    matrix = np.eye(3)
    for _ in range(ROUNDS):
        reached = points @ matrix.T
        gaps = np.hypot(*(reached[:, :2] / reached[:, 2:] - goal).T)
        width = max(precise, WIDTH * float(np.median(gaps)))
        weight = 1 / ((1 + (gaps / width) ** 2) * reached[:, 2]) ** 2
        both = (across.T * weight) @ across + (down.T * weight) @ down
        told = (across.T * weight) @ goal[:, 0] + (down.T * weight) @ goal[:, 1]
        pull = FIRM * weight.sum()
        both, told = both + pull * np.eye(8), told + pull * still
        matrix = np.append(np.linalg.solve(both, told), 1).reshape(3, 3)
    return matrix
