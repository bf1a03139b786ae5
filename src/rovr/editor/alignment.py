"""Measured motion: dense flow between two frames, where it can be trusted, and what of it the camera did.

Everything works on frames of half the editor's size: flow is smooth, and it costs a quarter.
"""

import functools
import threading
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Look:
    """What aligning needs to know of one frame.

    Attributes:
        gray: (h, w) uint8, holes filled.
        known: (h, w) float32, 1 = seen by the camera.
    """

    gray: NDArray[np.uint8]
    known: FloatArray


@dataclass(frozen=True)
class Move:
    """Measured flow from one frame to another, in pixels.

    Attributes:
        flow: (h, w, 2) float32, x then y.
        trust: (h, w) float32; 1 where both frames were seen and the way back agrees, else 0.
        camera: (h, w, 2) float32, the share of the flow that one homography explains.
    """

    flow: FloatArray
    trust: FloatArray
    camera: FloatArray

    @classmethod
    def none(cls, height: int, width: int) -> "Move":
        """No motion, and no trust in it."""
        flow = np.zeros((height, width, 2), np.float32)
        return cls(flow, flow[..., 0], flow)


class Aligner(threading.local):
    """Measures motion. Each thread that uses one has a flow estimator of its own, since OpenCV's cannot be shared."""

    def __init__(self) -> None:
        # Dense inverse search (Kroeger et al. 2016) down to the last pixel and without its variational smoothing,
        # which blurs the edges of motion. OpenCV's presets stop two scales short, and pictures copied along chains of
        # their flow are decibels worse (results/motion.json).
        self.dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self.dis.setFinestScale(0)
        self.dis.setVariationalRefinementIterations(0)

    def __reduce__(self) -> tuple[type["Aligner"], tuple[()]]:
        # OpenCV's object does not travel to other processes; one made there is the same.
        return Aligner, ()

    def flow(self, source: NDArray[np.uint8], goal: NDArray[np.uint8]) -> FloatArray:
        """Flow (h, w, 2) from source to goal, (h, w) each."""
        if min(source.shape) < 16:  # DIS asserts on pictures smaller than its patches
            return np.zeros((*source.shape, 2), np.float32)
        return np.asarray(self.dis.calc(source, goal, None), np.float32)

    def both(
        self, source: NDArray[np.uint8], goal: NDArray[np.uint8]
    ) -> tuple[FloatArray, FloatArray, NDArray[np.bool_], NDArray[np.bool_]]:
        """Flow (h, w, 2) there and back, and where (h, w) each is confirmed by the other."""
        forward, backward = self.flow(source, goal), self.flow(goal, source)
        return forward, backward, _confirmed(forward, backward), _confirmed(backward, forward)

    def moves(self, here: Look, there: Look) -> tuple[Move, Move]:
        """Motion from here to there, and from there to here."""
        forward, backward, ahead, back = self.both(here.gray, there.gray)
        return _move(forward, ahead, here, there), _move(backward, back, there, here)


def _move(flow: FloatArray, agree: NDArray[np.bool_], start: Look, goal: Look) -> Move:
    seen = agree * start.known * (follow(goal.known, flow, 0) > 0.99)
    trust = (seen > 0.99).astype(np.float32)
    return Move(flow, trust, plane_flow(camera_motion(flow, trust), *trust.shape))


def _confirmed(flow: FloatArray, back: FloatArray) -> NDArray[np.bool_]:
    gap = flow + follow(back, flow)
    return np.asarray(_length(gap) < 0.75 + 0.05 * _length(flow))


def _length(flow: FloatArray) -> NDArray[Any]:
    return cv2.magnitude(flow[..., 0], flow[..., 1])


def camera_motion(flow: FloatArray, trust: FloatArray) -> FloatArray:
    """The homography (3, 3) that explains most of the trusted flow (h, w, 2); the identity where little is known."""
    rows, columns = np.mgrid[2 : flow.shape[0] : 4, 2 : flow.shape[1] : 4]
    sure = trust[rows, columns] > 0.5
    start = np.stack([columns, rows], -1)[sure].astype(np.float32)
    matrix: Any = None
    if len(start) >= 30:
        goal = start + flow[rows, columns][sure]
        matrix, _ = cv2.findHomography(start, goal, cv2.USAC_MAGSAC, 0.5, maxIters=300, confidence=0.99)
    return np.eye(3, dtype=np.float32) if matrix is None else matrix.astype(np.float32)


def plane_flow(matrix: FloatArray, height: int, width: int) -> FloatArray:
    """Flow (height, width, 2) of a homography (3, 3)."""
    grid = _grid(height, width)
    xs, ys = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    across, down, depth = (row[0] * xs + (row[1] * ys + row[2]) for row in matrix)
    flow = np.stack([across, down], -1) / np.maximum(depth, 1e-3)[..., None] - grid
    # A degenerate homography throws pixels to infinity; beyond the frame they are invalid anyway.
    return np.clip(flow, -2 * width - 2 * height, 2 * width + 2 * height).astype(np.float32)


def follow(image: NDArray[Any], flow: FloatArray, outside: float | None = None) -> NDArray[Any]:
    """Fetch image (h, w) or (h, w, C) where flow (h, w, 2) points to; beyond the edge its nearest pixel, or a value."""
    place = _grid(*flow.shape[:2]) + flow
    border = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
    remap: Any = cv2.remap  # whose stubs do not know that one map may hold both coordinates
    return np.asarray(remap(image, place, None, cv2.INTER_LINEAR, borderMode=border, borderValue=outside or 0))


@functools.lru_cache(maxsize=4)
def _grid(height: int, width: int) -> FloatArray:
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    grid = np.stack([xs, ys], -1)
    grid.flags.writeable = False
    return grid
