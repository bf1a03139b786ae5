"""More motion than the clips have: a second camera films them, and time may run backwards.

A few hundred clips hold few kinds of camera motion. A smooth random path of pans, zooms and turns over each clip adds
to them without end; the scene's own motion stays real.
"""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def augment(frames: Tensor, chance: np.random.Generator) -> Tensor:
    """Film a clip (T, 3, H, W) uint8 anew; as it is, one time in four."""
    if chance.random() < 0.5:
        frames = frames.flip(0)
    if chance.random() < 0.25:
        return frames.contiguous()
    length, _, height, width = frames.shape
    slack = chance.uniform(0.02, 0.3)
    path = np.stack([smooth_path(length, chance) for _ in range(4)])
    grown = 1 + slack * (1 + 0.5 * path[0])
    pans = path[1:3] * slack * np.array([[width], [height]]) / 2
    turns = path[3] * slack * 12
    light = np.float32(chance.uniform(0.8, 1.2))
    result = []
    for k, frame in enumerate(frames.permute(0, 2, 3, 1).numpy()):
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turns[k], grown[k])
        matrix[:, 2] += pans[:, k]
        flags = cv2.INTER_LINEAR
        moved = cv2.warpAffine(frame, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT_101)
        result.append(np.clip(moved * light, 0, 255).astype(np.uint8))
    return torch.from_numpy(np.stack(result)).permute(0, 3, 1, 2).contiguous()


def smooth_path(length: int, chance: np.random.Generator) -> NDArray[np.float64]:
    """A path within [−1, 1]: a steady drift or a swing, now and then with the tremor of a hand."""
    times = np.arange(length)
    if chance.random() < 0.5:
        path = np.linspace(-1, 1, length) * chance.uniform(-1, 1)
    else:
        path = chance.uniform(0, 1) * np.sin(2 * np.pi * (times / chance.uniform(10, 60) + chance.random()))
    if chance.random() < 0.5:
        tremor = np.convolve(chance.normal(size=length + 4), np.ones(5) / 5, "valid")
        path = path + tremor * chance.uniform(0, 0.15)
    return np.clip(path, -1, 1)
