"""Provenance as a picture: a tint over the repair, blue for what was recovered and orange for what was invented."""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rovr.provenance.trace import NOBODY, WHOLE, Trace

# Blue and orange stay apart for every common kind of colour blindness; blue darkens with the distance.
NEAR, FAR = (110, 205, 255), (0, 30, 150)
INVENTED = (245, 120, 0)
UNKNOWN = (128, 128, 128)

FARTHEST = 32
"""Distance, in frames, from which blue gets no darker."""

LUMA = np.array([0.299, 0.587, 0.114], np.float32)

SHADE = 0.5
"""Brightness of a tint over black; over white it is 1."""


def colours(trace: Trace, frame: int) -> Tensor:
    """The colour of each pixel's provenance.

    Args:
        trace: of a frame.
        frame: its number, counted as the trace counts.

    Returns:
        (n, 3) float, 0–255.
    """
    shares = trace.shares * (trace.frames != NOBODY)
    away = (trace.frames - frame).abs().clamp(1, FARTHEST).float().log2() / np.log2(FARTHEST)
    depth = (away * shares).sum(0) / shares.sum(0).clamp(min=1)
    near, far, invented, unknown = (torch.tensor(c, dtype=torch.float32) for c in (NEAR, FAR, INVENTED, UNKNOWN))
    blue = torch.lerp(near, far, depth[:, None])
    tell = trace.recovered + trace.invented.float()
    made_up = _decided(trace.invented / tell.clamp(min=1))[:, None]
    return torch.lerp(unknown, torch.lerp(blue, invented, made_up), tell[:, None] / WHOLE)


def _decided(share: Tensor) -> Tensor:
    """A share with what lies around a half drawn apart: evenly mixed, blue and orange would be no hue at all."""
    t = ((share - 0.2) / 0.6).clamp(0, 1)
    return t * t * (3 - 2 * t)


def tinted(picture: NDArray[np.uint8], trace: Trace, frame: int) -> NDArray[np.uint8]:
    """A repaired frame (H, W, 3) with its provenance over it."""
    flat = picture.reshape(-1, 3).copy()
    places = trace.places.numpy()
    # Its brightness shades the tint, so that every hue is one of the legend.
    light = flat[places].astype(np.float32) @ LUMA / 255
    shaded = colours(trace, frame).numpy() * (SHADE + (1 - SHADE) * light[:, None])
    flat[places] = shaded.round().astype(np.uint8)
    return flat.reshape(picture.shape)


def alone(trace: Trace, frame: int) -> NDArray[np.uint8]:
    """The same without the frame's picture: white where nothing was repaired."""
    return tinted(np.full((*trace.size, 3), 255, np.uint8), trace, frame)


def with_legend(picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Burn the legend into the lower left corner, where there is room for it.

    Args:
        picture: (H, W, 3), upright.

    Returns:
        The picture, and (H, W) where it was changed.
    """
    height, width = picture.shape[:2]
    changed = np.zeros((height, width), bool)
    made = legend(max(1.0, min(height, width) / 360))
    rows, columns = made.shape[:2]
    if rows > height // 3 or columns > width:
        return picture, changed
    picture = picture.copy()
    picture[height - rows :, :columns] = made
    changed[height - rows :, :columns] = True
    return picture, changed


def legend(scale: float) -> NDArray[np.uint8]:
    """The legend, (h, w, 3): light text on black, a strip of blues and a patch of orange."""
    text, unit = 0.38 * scale, round(6 * scale)
    ramp = np.linspace(NEAR, FAR, 10 * unit)[None].repeat(2 * unit, 0)
    patches = {
        f"from 1 .. {FARTHEST}+ frames away": ramp,
        "invented": np.array([[INVENTED]], float).repeat(2 * unit, 0).repeat(4 * unit, 1),
    }
    tiles = []
    for words, patch in patches.items():
        wide = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, text, 1)[0][0]
        tile = np.zeros((3 * unit, unit + patch.shape[1] + unit + wide + unit, 3), np.uint8)
        tile[unit // 2 : unit // 2 + 2 * unit, unit : unit + patch.shape[1]] = patch.round()
        corner = (2 * unit + patch.shape[1], 2 * unit)
        cv2.putText(tile, words, corner, cv2.FONT_HERSHEY_SIMPLEX, text, (235,) * 3, max(1, round(scale)), cv2.LINE_AA)
        tiles.append(tile)
    return np.concatenate(tiles, 1)
