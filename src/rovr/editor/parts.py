"""Holes that lie far apart are repaired one by one: a window around them all would mostly hold what nobody asked for.

Which holes share a window is decided at the working size. Windows never overlap, so that every missing pixel belongs to
one of them, and each has the margin that it would have alone.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from rovr.editor.window import Window, around, scales

OVERHEAD = 64 * 64
"""Pixels that a further window has to spare before it pays: what one more pass of the network costs by itself."""


def windows(hole: Tensor, margin: int) -> list[Window]:
    """Windows with even corners and sides that hold all of the hole (H, W) bool, each part with a margin around it."""
    whole = around(hole, margin)
    inside = whole.crop(hole).cpu().numpy().astype(np.uint8)
    # Holes whose margins touch grow together.
    reach = cv2.dilate(inside, np.ones((2 * margin + 1, 2 * margin + 1), np.uint8))
    count, labels = cv2.connectedComponents(reach)
    if count <= 2:
        return [whole]
    label = torch.zeros(hole.shape, dtype=torch.int32)
    whole.crop(label).copy_(torch.from_numpy(labels))
    label[~hole.cpu()] = 0
    return merged([around(label == k, margin) for k in range(1, count)])


def merged(found: Sequence[Window]) -> list[Window]:
    """Join windows that overlap, or that cost no more together than apart."""
    done: list[Window] = []
    for window in found:
        grown = window
        while partner := next((other for other in done if _together(grown, other)), None):
            done.remove(partner)
            grown = _union(grown, partner)
        done.append(grown)
    return sorted(done, key=lambda window: (window.y, window.x))


def only(mask: Tensor, window: Window) -> Tensor:
    """The part of a full-size mask (1, H, W) that lies in a window of the working size."""
    rows, columns = scales(mask)
    top, bottom = (round(place / rows) for place in (window.y, window.y + window.height))
    left, right = (round(place / columns) for place in (window.x, window.x + window.width))
    part = torch.zeros_like(mask)
    part[:, top:bottom, left:right] = mask[:, top:bottom, left:right]
    return part


def _union(one: Window, other: Window) -> Window:
    x, y = min(one.x, other.x), min(one.y, other.y)
    right = max(one.x + one.width, other.x + other.width)
    bottom = max(one.y + one.height, other.y + other.height)
    return Window(x, y, right - x, bottom - y)


def _together(one: Window, other: Window) -> bool:
    apart = (
        one.x >= other.x + other.width
        or other.x >= one.x + one.width
        or one.y >= other.y + other.height
        or other.y >= one.y + one.height
    )
    return not apart or _area(_union(one, other)) <= _area(one) + _area(other) + OVERHEAD


def _area(window: Window) -> int:
    return window.width * window.height
