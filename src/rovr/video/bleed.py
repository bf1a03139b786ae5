"""What lies in a hole shows beside it, too, where one sample of colour serves several pixels."""

from typing import TYPE_CHECKING

import cv2
import numpy as np

from rovr.video import pixels
from rovr.video.frames import duplicate

if TYPE_CHECKING:
    import av

FAR = 4
"""Samples of colour from which one is made up, each way."""

SPREAD = 2.0
"""Standard deviation of their weights, in samples."""


def without_bleed(frame: "av.VideoFrame", mask: pixels.Array) -> "av.VideoFrame":
    """A frame in which no colour reaches out of a hole: to be looked at, not to be written.

    The colour of a sample that reaches into the hole is that of the mark there in part, and pixels beside it are
    painted with it when the frame becomes RGB. Such samples get the colour of those around them that do not. Those next
    to them, which filters may have coloured a little, keep theirs: made up too, they would cost more than they gain.

    Args:
        frame: of a plain format.
        mask: (H, W) bool, the hole.

    Returns:
        A copy; the frame itself where each pixel has a colour of its own.
    """
    if not mask.any() or not max(pixels.chroma_steps(frame.format.name)):
        return frame
    new = duplicate(frame)
    top, bottom, left, right = pixels.around(mask)
    for plane, across, down, channels in pixels.shared_planes(new):
        # Whole samples, as the box around the hole has.
        beyond = FAR << down, FAR << across
        first = max(0, top - beyond[0]), max(0, left - beyond[1])
        hole = pixels.touched(mask[first[0] : bottom + beyond[0], first[1] : right + beyond[1]], across, down)
        clean = (~hole).astype(np.float32)
        near = _blurred(clean)
        for channel in channels:
            part = plane[first[0] >> down :, first[1] >> across :, channel][: hole.shape[0], : hole.shape[1]]
            mean = _blurred(part * clean) / np.maximum(near, 1e-6)
            # Deep in the hole there is nobody near, and nothing that is looked at.
            np.copyto(part, np.rint(mean).astype(part.dtype), where=hole & (near > 0))
    return new


def _blurred(values: pixels.Array) -> pixels.Array:
    return cv2.GaussianBlur(values, (2 * FAR + 1, 2 * FAR + 1), SPREAD, borderType=cv2.BORDER_REPLICATE)
