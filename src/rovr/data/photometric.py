"""Brightness that flickers and noise: what old film and weak light add to every frame, holes or not."""

import numpy as np
import torch
from torch import Tensor

FLICKER = 0.12
"""Standard deviation of a frame's log gain."""

NOISE = (2.0, 10.0)
"""Least and largest standard deviation of noise, in levels of 255; one is drawn for each clip."""


def flicker(frames: Tensor, chance: np.random.Generator) -> Tensor:
    """Scale the brightness of each frame (T, 3, H, W) uint8 by its own gain."""
    gains = np.exp(chance.normal(0, FLICKER, len(frames))).astype(np.float32)
    scaled = frames.float() * torch.from_numpy(gains)[:, None, None, None]
    return scaled.round().clamp(0, 255).to(torch.uint8)


def noise(frames: Tensor, chance: np.random.Generator) -> Tensor:
    """Add Gaussian noise, independent in each pixel and channel, to frames (T, 3, H, W) uint8."""
    grain = chance.standard_normal(tuple(frames.shape), dtype=np.float32) * np.float32(chance.uniform(*NOISE))
    return (frames.float() + torch.from_numpy(grain)).round().clamp(0, 255).to(torch.uint8)
