"""Masks as arrays."""

from pathlib import Path

import numpy as np

from rovr.video import open_source


def masks_of(path: Path) -> np.ndarray:
    """(T, H, W) bool."""
    with open_source(path) as source:
        return np.stack([frame.rgb[..., 0] > 127 for frame in source])
