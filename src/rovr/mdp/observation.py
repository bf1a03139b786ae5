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


@dataclass(frozen=True)
class View:
    """The frame to repair, and what other frames show of it: the same for all of its contexts.

    Attributes:
        frame: (B, 4, FRAME_SIDE, FRAME_SIDE).
        sight: (B, n, 2, 16, 16).
    """

    frame: Tensor
    sight: Tensor


def look(shown: Tensor, sight: Tensor) -> View:
    """Bring to size what agents are shown of a frame to repair.

    Args:
        shown: (B, 4, H, W) the frame in [0, 1], and its hole.
        sight: (B, n, 2, GRID, GRID) what the frames show of it, see :mod:`rovr.editor.sight`.
    """
    worth = torch.stack([sight[:, :, 0], quality(sight)], 2)
    views = F.adaptive_avg_pool2d(worth.flatten(1, 2), CELL).unflatten(1, worth.shape[1:3])
    return View(F.adaptive_avg_pool2d(shown, FRAME_SIDE), views)


def observe(past: Past, action: Tensor, role: int, view: View | None = None) -> dict[str, Tensor]:
    """Put an observation together.

    Args:
        past: the clips; its tensors become part of the observation as they are.
        action: (B, 1 + K) long, the repair as far as it was picked; −1 where it was not.
        role: who picks next: 0 = π1, k = π2 for the k-th context.
        view: of the frame to repair; needed unless role is 0.
    """
    batch, length = past.pending.shape
    alive = past.pending.any(1)
    places = torch.arange(length, device=action.device)
    picked = (action[:, 1:, None] == places).any(1)
    if role:
        assert view is not None
        mask = ~picked & (action[:, :1] != places)
    else:
        nothing = past.cells.new_zeros
        view = View(nothing(batch, 4, FRAME_SIDE, FRAME_SIDE), nothing(batch, length, 2, CELL, CELL))
        mask = past.pending.clone()
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
        "frame": view.frame,
        "sight": view.sight,
    }
