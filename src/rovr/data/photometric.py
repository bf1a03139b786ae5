"""Brightness that flickers and noise: what old film and weak light add to every frame, holes or not."""

import numpy as np
import torch
from torch import Tensor

from rovr.errors import UserError

SUFFIX = "+photometric"
"""Added to a kind of damage: all frames flicker and are noisy, too."""

FLICKER = 0.12
"""Standard deviation of a frame's log gain."""

NOISE = (2.0, 10.0)
"""Least and largest standard deviation of noise, in levels of 255; one is drawn for each clip."""


def split_kind(kind: str) -> tuple[str, bool]:
    """The kind of masks, and whether frames flicker and are noisy."""
    return kind.removesuffix(SUFFIX), kind.endswith(SUFFIX)


class Photometric:
    """What happens to the frames of one clip, one after the other.

    Args:
        count: number of frames.
        seed: decides everything.
    """

    def __init__(self, count: int, seed: int) -> None:
        if seed < 0:
            raise UserError(f"a seed must be 0 or more, not {seed}")
        self.chance = np.random.default_rng([seed, len(SUFFIX)])
        self.gains = np.exp(self.chance.normal(0, FLICKER, count)).astype(np.float32)
        self.level = np.float32(self.chance.uniform(*NOISE))

    def flicker(self, frame: Tensor, index: int) -> Tensor:
        """Scale the brightness of a frame (3, H, W) uint8 by its own gain."""
        return _levels(frame.float() * float(self.gains[index]))

    def noise(self, frame: Tensor) -> Tensor:
        """Add Gaussian noise, independent in each pixel and channel, to the next frame (3, H, W) uint8."""
        grain = self.chance.standard_normal(tuple(frame.shape), dtype=np.float32) * self.level
        return _levels(frame.float() + torch.from_numpy(grain))


def _levels(values: Tensor) -> Tensor:
    return values.round().clamp(0, 255).to(torch.uint8)
