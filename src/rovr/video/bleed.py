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

STEP = 1.5
"""Times that colours at the edge of a hole are farther from those outside than colours a sample farther out are from
theirs, from which on they count as those of a mark. Within a scene the two are about alike; a strong colour that is
masked to the pixel stands out many times over."""


def without_bleed(frame: "av.VideoFrame", mask: pixels.Array) -> "av.VideoFrame":
    """A frame in which no colour reaches out of a hole: to be looked at, not to be written.

    The colour of a sample that reaches into the hole is that of the mark there in part, and pixels beside it are
    painted with it when the frame becomes RGB. Such samples get the colour of those around them that do not. Those next
    to them, which filters may have coloured a little, keep theirs: made up too, they would cost more than they gain.
    Where the mask reaches beyond the mark nothing is wrong with any, and all keep theirs.

    Args:
        frame: of a plain format.
        mask: (H, W) bool, the hole.

    Returns:
        A copy, or the frame itself.
    """
    if not mask.any() or not max(pixels.chroma_steps(frame.format.name)):
        return frame
    top, bottom, left, right = pixels.around(mask)
    made_up: list[tuple[int, tuple[slice, slice, int], pixels.Array, pixels.Array]] = []
    edge = beside = 0.0
    for number, (plane, across, down, channels) in enumerate(pixels.shared_planes(frame)):
        # Whole samples, as the box around the hole has.
        beyond = FAR << down, FAR << across
        first = max(0, top - beyond[0]), max(0, left - beyond[1])
        hole = pixels.touched(mask[first[0] : bottom + beyond[0], first[1] : right + beyond[1]], across, down)
        y, x = first[0] >> down, first[1] >> across
        for channel in channels:
            place = slice(y, y + hole.shape[0]), slice(x, x + hole.shape[1]), channel
            found, near, off = _continued(plane[place], hole)
            # Deep in the hole there is nobody near, and nothing that is looked at.
            made_up.append((number, place, found, hole & near))
            edge += off
            beside += _continued(plane[place], _wider(hole))[2]
    # The half is for pictures without any colour, where a rounding is a step.
    if edge <= STEP * (beside + len(made_up) * 0.5):
        return frame
    new = duplicate(frame)
    planes = [plane for plane, *_ in pixels.shared_planes(new)]
    for number, place, found, where in made_up:
        part = planes[number][place]
        np.copyto(part, np.rint(found).astype(part.dtype), where=where)
    return new


def _continued(part: pixels.Array, hole: pixels.Array) -> tuple[pixels.Array, pixels.Array, float]:
    """Colours around a hole (H, W) continued into it, where there are any, and how far those at its edge are off."""
    clean = (~hole).astype(np.float32)
    weight = _blurred(clean)
    found = _blurred(part * clean) / np.maximum(weight, 1e-6)
    edge = hole & _wider(~hole)
    return found, weight > 0, float(np.abs(part - found)[edge].mean()) if edge.any() else 0.0


def _wider(mask: pixels.Array) -> pixels.Array:
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)


def _blurred(values: pixels.Array) -> pixels.Array:
    return cv2.GaussianBlur(values, (2 * FAR + 1, 2 * FAR + 1), SPREAD, borderType=cv2.BORDER_REPLICATE)
