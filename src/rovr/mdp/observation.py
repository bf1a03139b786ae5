"""What agents are shown at a micro-step; :mod:`rovr.mdp.mosaic` says what each part means."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from rovr.editor.sight import quality
from rovr.mdp.encoder import CELL

FRAME_SIDE = 64
"""Side at which π2 is shown the frame to repair."""


@dataclass(frozen=True)
class Past:
    """What B clips look like before a repair is chosen.

    Attributes:
        cells: (B, n, 3, 16, 16).
        cover: (B, n, 16, 16).
        edited: (B, n) bool.
        pending: (B, n) bool.
        history: (B, L, 1 + K) long.
        length: (B,) long.
    """

    cells: Tensor
    cover: Tensor
    edited: Tensor
    pending: Tensor
    history: Tensor
    length: Tensor


def observe(past: Past, action: Tensor, role: int, shown: Tensor, sight: Tensor | None = None) -> dict[str, Tensor]:
    """Put an observation together.

    Args:
        past: the clips; its tensors become part of the observation as they are.
        action: (B, 1 + K) long, the repair as far as it was picked; −1 where it was not.
        role: who picks next: 0 = π1, k = π2 for the k-th context.
        shown: (B, 4, H, W) the frame to repair in [0, 1] and its hole; not looked at while role is 0.
        sight: (B, n, 2, GRID, GRID) what the frames show of it, see :mod:`rovr.editor.sight`; needed unless role is 0.
    """
    batch, length = past.pending.shape
    alive = past.pending.any(1)
    places = torch.arange(length, device=action.device)
    picked = (action[:, 1:, None] == places).any(1)
    frame = shown.new_zeros(batch, 4, FRAME_SIDE, FRAME_SIDE)
    views = shown.new_zeros(batch, length, 2, CELL, CELL)
    mask = past.pending.clone()
    if role:
        assert sight is not None
        worth = torch.stack([sight[:, :, 0], quality(sight)], 2)
        views = F.adaptive_avg_pool2d(worth.flatten(1, 2), CELL).view_as(views)
        mask = ~picked & (action[:, :1] != places)
        frame = F.adaptive_avg_pool2d(shown, FRAME_SIDE)
    # Who has finished waits, and may pick the first frame only.
    mask[~alive] = places == 0
    return {
        "cells": past.cells,
        "cover": past.cover,
        "edited": past.edited,
        "pending": past.pending,
        "mask": mask,
        "role": torch.full((batch,), role, device=action.device),
        "target": action[:, 0].clone(),
        "picked": picked,
        "history": past.history,
        "length": past.length,
        "frame": frame,
        "sight": views,
    }
