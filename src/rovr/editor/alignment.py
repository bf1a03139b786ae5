"""Where a target's pixels lie in a context: classical candidates that a network then weighs and refines.

Two candidates a pair are found here, because they fail in different places; :mod:`rovr.editor.chaining` adds a third.
*Direct*: dense inverse search flow (DIS, Kroeger et al. 2016), exact for small motion. *Via a plane*: a homography
from SIFT matches (Lowe 2004, MAGSAC), which survives distance in time, then DIS on what the homography leaves over.
Both are trusted only where forward and backward flow agree and both frames were seen; elsewhere, the hole included,
they are continued smoothly from trusted places.

Everything works on frames of half the editor's size: flow is smooth, and it costs a quarter.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from rovr.editor.sampling import push_pull

CANDIDATES = 3
"""Flows that a network chooses from: direct, via a plane, and chained from frame to frame."""
MIN_INLIERS = 10
"""Fewer matches than this do not make a homography worth following."""

FloatArray = NDArray[np.float32]
Motion = tuple[FloatArray, FloatArray]
"""Flow (h, w, 2) and trust (h, w)."""


@dataclass(frozen=True)
class Look:
    """What aligning needs to know of one frame.

    Attributes:
        gray: (h, w) uint8, holes filled.
        known: (h, w) float32, 1 = seen by the camera.
        points: (P, 2) float32 positions of key points outside the holes.
        descriptors: (P, 128) float32, RootSIFT (Arandjelović and Zisserman 2012).
    """

    gray: NDArray[np.uint8]
    known: FloatArray
    points: FloatArray
    descriptors: FloatArray


def look(gray: NDArray[np.uint8], known: FloatArray) -> Look:
    """Find the key points of a frame.

    Args:
        gray: (h, w) uint8, holes filled.
        known: (h, w) float32, share of each pixel that was seen.
    """
    nothing = Look(gray, known, np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32))
    if min(gray.shape) < 16:
        return nothing
    seen = (known > 0.99).astype(np.uint8) * 255
    # A descriptor looks a few pixels around its point; points at the rim would describe the filling.
    core = cv2.erode(seen, np.ones((5, 5), np.uint8))
    sift: Any = cv2.SIFT_create(  # type: ignore[attr-defined]
        nfeatures=600, contrastThreshold=0.02
    )
    points, descriptors = sift.detectAndCompute(gray, core)
    if descriptors is None or len(points) < MIN_INLIERS:
        return nothing
    root = np.sqrt(descriptors / (descriptors.sum(1, keepdims=True) + 1e-9)).astype(np.float32)
    return Look(gray, known, np.array([p.pt for p in points], np.float32), root)


def homography(target: Look, context: Look) -> FloatArray | None:
    """Estimate the plane motion from target to context, (3, 3), or None where too little matches."""
    if len(target.points) < MIN_INLIERS or len(context.points) < MIN_INLIERS:
        return None
    similarity = target.descriptors @ context.descriptors.T
    forward, backward = similarity.argmax(1), similarity.argmax(0)
    mutual = (backward[forward] == np.arange(len(forward))) & (similarity.max(1) > 0.8)
    if mutual.sum() < MIN_INLIERS:
        return None
    source, goal = target.points[mutual], context.points[forward[mutual]]
    matrix, inliers = cv2.findHomography(source, goal, cv2.USAC_MAGSAC, 1.0, maxIters=1000, confidence=0.999)
    if matrix is None or inliers is None or inliers.sum() < MIN_INLIERS:
        return None
    return matrix.astype(np.float32)


def plane_flow(matrix: FloatArray, height: int, width: int) -> FloatArray:
    """Flow (height, width, 2) of a homography (3, 3)."""
    grid = _grid(height, width)
    places = np.concatenate([grid, np.ones((height, width, 1), np.float32)], -1) @ matrix.T
    flow = places[..., :2] / np.maximum(places[..., 2:], 1e-3) - grid
    # A degenerate homography throws pixels to infinity; beyond the frame they are invalid anyway.
    return np.clip(flow, -2 * width - 2 * height, 2 * width + 2 * height).astype(np.float32)


class Aligner:
    """Finds the candidate flows of a pair; keeps the flow estimator, which is not safe to share between threads."""

    def __init__(self) -> None:
        preset = cv2.DISOPTICAL_FLOW_PRESET_MEDIUM
        self.dis: Any = cv2.DISOpticalFlow_create(preset)  # type: ignore[attr-defined]

    def dense(self, source: NDArray[np.uint8], goal: NDArray[np.uint8]) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Flow from source to goal, (h, w, 2), and where the way back agrees, (h, w)."""
        forward, _, ahead, _ = self.both(source, goal)
        return forward, ahead

    def both(
        self, source: NDArray[np.uint8], goal: NDArray[np.uint8]
    ) -> tuple[FloatArray, FloatArray, NDArray[np.bool_], NDArray[np.bool_]]:
        """Flow there and back, and where each is confirmed by the other."""
        if min(source.shape) < 16:  # DIS asserts on pictures smaller than its patches
            still, sure = np.zeros((*source.shape, 2), np.float32), np.ones(source.shape, bool)
            return still, still, sure, sure
        forward = self.dis.calc(source, goal, None)
        backward = self.dis.calc(goal, source, None)
        return forward, backward, _confirmed(forward, backward), _confirmed(backward, forward)

    def candidates(self, target: Look, context: Look) -> tuple[FloatArray, FloatArray]:
        """Flows from target to context.

        Returns:
            Flows (2, h, w, 2) in pixels, direct and via a plane, completed where they were not trusted, and the trust
            (2, h, w), 1 where both frames were seen and both directions agree. Without a homography the two are the
            same.
        """
        direct, agree = self.dense(target.gray, context.gray)
        flows = [direct]
        trusts = [agree * target.known * (follow(context.known, direct, 0) > 0.99)]
        matrix = homography(target, context)
        if matrix is not None:
            plane = plane_flow(matrix, *target.gray.shape)
            rest, agree = self.dense(target.gray, follow(context.gray, plane))
            # The rest is measured on the warped context: the plane's flow has to be read where the rest points.
            total = rest + follow(plane, rest)
            trusts.append(agree * target.known * (follow(context.known, total, 0) > 0.99))
            flows.append(rest)
        trust = np.stack(trusts).astype(np.float32)
        trust[trust < 0.99] = 0
        completed = complete(np.stack(flows), trust)
        if matrix is None:
            return np.repeat(completed, 2, 0), np.repeat(trust, 2, 0)
        completed[1] += follow(plane, completed[1])
        return completed, trust


def _confirmed(flow: FloatArray, back: FloatArray) -> NDArray[np.bool_]:
    gap = np.linalg.norm(flow + follow(back, flow), axis=-1)
    return np.asarray(gap < 0.75 + 0.05 * np.linalg.norm(flow, axis=-1))


def complete(flows: FloatArray, trust: FloatArray) -> FloatArray:
    """Continue flows (N, h, w, 2) smoothly from where they are trusted, (N, h, w)."""
    filled = push_pull(torch.from_numpy(flows).permute(0, 3, 1, 2), torch.from_numpy(trust)[:, None])
    return filled.permute(0, 2, 3, 1).contiguous().numpy()


def _grid(height: int, width: int) -> FloatArray:
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    return np.stack([xs, ys], -1)


def follow(image: NDArray[Any], flow: FloatArray, outside: float | None = None) -> NDArray[Any]:
    """Fetch image (h, w) or (h, w, C) where flow (h, w, 2) points to; beyond the edge its nearest pixel, or a value."""
    place = _grid(*flow.shape[:2]) + flow
    border = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
    return cv2.remap(image, place[..., 0], place[..., 1], cv2.INTER_LINEAR, borderMode=border, borderValue=outside or 0)
