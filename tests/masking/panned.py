"""Clips with known truth: a window that pans over the bundled clip."""

from importlib import resources
from types import SimpleNamespace

import cv2
import numpy as np

from rovr.video import open_source

HEIGHT, WIDTH = 96, 160


def pan(count, step=5):
    """(T, H, W) uint8: the city as a camera sees it that moves to the right."""
    with open_source(str(resources.files("rovr") / "assets" / "city.mp4")) as source:
        grey = [cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2GRAY) for frame, _ in zip(source, range(count), strict=False)]
    return np.stack([image[60 : 60 + HEIGHT, step * t : step * t + WIDTH] for t, image in enumerate(grey)])


def colour(frames):
    """(T, H, W, 3) of (T, H, W)."""
    return np.repeat(frames[..., None], 3, -1)


def blended(frames, holes, level, share=1.0):
    """Frames with a level put over their holes, more or less transparent."""
    return np.where(holes, frames * (1 - share) + level * share, frames).astype(np.uint8)


def widen(mask, by):
    """A mask (H, W), or masks (T, H, W), wider by some pixels."""
    kernel = np.ones((2 * by + 1,) * 2, np.uint8)
    wide = [cv2.dilate(one.astype(np.uint8), kernel) > 0 for one in (mask if mask.ndim == 3 else mask[None])]
    return np.stack(wide) if mask.ndim == 3 else wide[0]


def precision_recall(found, truth, slack=1):
    """Share of what was found that lies within some pixels of the truth, and share of the truth that was found."""
    return (found & widen(truth, slack)).sum() / max(found.sum(), 1), (found & truth).sum() / truth.sum()


def shown(frames):
    """Frames as a masker takes them."""
    for index, grey in enumerate(frames):
        size = (grey.shape[1], grey.shape[0])
        bgr = grey if grey.ndim == 3 else colour(grey[None])[0]
        info = SimpleNamespace(shown_size=size, interlaced=False)
        yield SimpleNamespace(index=index, time=index / 25, grey=grey, bgr=bgr, info=info)
