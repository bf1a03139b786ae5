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

from rovr.editor.camera import FloatArray, camera_motion, plane_flow


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
        sure, sure_back = _trust(forward, ahead, here, there), _trust(backward, back, there, here)
        start, goal = _followed(forward, sure)
        goal_back, start_back = _followed(backward, sure_back)
        # One homography for both ways, or else a chain there and back would not come home.
        matrix = camera_motion(np.concatenate([start, start_back]), np.concatenate([goal, goal_back]))
        return (
            Move(forward, sure, plane_flow(matrix, *sure.shape)),
            Move(backward, sure_back, plane_flow(np.linalg.inv(matrix), *sure.shape)),
        )


def _trust(flow: FloatArray, agree: NDArray[np.bool_], start: Look, goal: Look) -> FloatArray:
    seen = agree * start.known * (follow(goal.known, flow, 0) > 0.99)
    return (seen > 0.99).astype(np.float32)


def _followed(flow: FloatArray, trust: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Some of the places (N, 2) that are trusted, and where they went."""
    rows, columns = np.mgrid[2 : flow.shape[0] : 4, 2 : flow.shape[1] : 4]
    sure = trust[rows, columns] > 0.5
    start = np.stack([columns, rows], -1)[sure].astype(np.float32)
    return start, start + flow[rows, columns][sure]


def _confirmed(flow: FloatArray, back: FloatArray) -> NDArray[np.bool_]:
    gap = flow + follow(back, flow)
    return np.asarray(_length(gap) < 0.75 + 0.05 * _length(flow))


def _length(flow: FloatArray) -> NDArray[Any]:
    return cv2.magnitude(flow[..., 0], flow[..., 1])


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
