"""Texture where a repair could only guess, the same from frame to frame.

The editor fills what no context shows smoothly, in each frame by itself. Here such places get texture: that of frames
repaired before, along the motion, where these look the same around the hole; and otherwise that of the surroundings.
It is taken over from the first of them near by, so that it is resampled as few times as can be, then from the nearest.
"""

from dataclasses import replace

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from rovr.editor.alignment import FloatArray
from rovr.editor.base import Repair, Session
from rovr.editor.parts import windows
from rovr.editor.sampling import push_pull
from rovr.editor.window import Window, around, fit
from rovr.mdp.state import REACH, RepairState
from rovr.texture.complete import complete

FAINT, PLAIN = 0.7, 0.95
"""Doubt from which a pixel takes some texture, and from which nothing else."""

BESIDE = 48
"""Pixels of surroundings, at least, that texture is taken from."""

STILL, MOVING = 0.5, 0.05
"""Motion, in pixels, up to which a place stands still, and share of places that may move before a still camera."""

RIM = 6
"""Pixels beside a hole that tell how much the light has changed."""

SOFT = 5
"""Side of the square over which that is averaged."""

AGREES = 0.06
"""Difference beside a hole up to which another frame shows the same."""

CHANGED = 0.1
"""Change of light that is followed, at most."""

BORDER = 4
"""Pixels beside a place that are looked at to tell its colour."""


class Weaver:
    """Gives one clip's repairs texture.

    Args:
        session: the editor's, at work on the clip.
        state: the clip.
    """

    def __init__(self, session: Session, state: RepairState) -> None:
        self.session, self.state = session, state
        guessed = (state.masks & (state.doubt > FAINT * 255)).flatten(1).any(1) & ~state.pending
        self.woven = guessed[: state.length].nonzero().flatten().tolist()

    def weave(self, frame: int, repair: Repair) -> Repair:
        """Give a repair texture where it was guessed; what it says of doubt and sources stays."""
        doubt = repair.doubt.cpu()
        guessed = self.state.masks[frame].cpu() & (doubt > FAINT)
        if not guessed.any():
            return repair
        picture = repair.frame.cpu().clone()
        share = ((doubt - FAINT) / (PLAIN - FAINT)).clamp(0, 1) * guessed
        for window in windows(guessed[0], BESIDE):
            here = window.crop(picture)
            here.copy_(torch.lerp(here, self._texture(frame, picture, guessed, window), window.crop(share)))
        self.woven.append(frame)
        return replace(repair, frame=picture.to(repair.frame))

    def _texture(self, frame: int, picture: Tensor, guessed: Tensor, window: Window) -> Tensor:
        """A window of the frame with texture in place of what was guessed, (3, h, w)."""
        hole = window.crop(guessed)[0]
        texture, left = window.crop(picture).clone(), hole.clone()
        for other in self._others(frame):
            shown, inside = self._shown(frame, other, window, texture, hole)
            takes = left & inside
            texture[:, takes] = shown[:, takes]
            left &= ~takes
            if not left.any():
                return texture
        place = around(left, BESIDE)
        made = complete(place.crop(texture), place.crop(left), place.crop(~hole), frame)
        if made is not None:
            place.crop(texture).copy_(made)
        return texture

    def _others(self, frame: int) -> list[int]:
        """Woven frames to take texture over from: the first one that is near by, and the nearest."""
        near = [i for i in self.woven if 0 < abs(i - frame) <= REACH]
        return list(dict.fromkeys([near[0], min(near, key=lambda i: abs(i - frame))])) if near else []

    def _shown(self, frame: int, other: int, window: Window, known: Tensor, hole: Tensor) -> tuple[Tensor, Tensor]:
        """What another frame shows of a window, in the light of this one, (3, h, w), and where it does, (h, w) bool."""
        flow = fit(self.session.motion(frame, other, window), hole)
        if (flow[:, hole].abs() >= STILL).float().mean() < MOVING:
            flow = torch.zeros_like(flow)
        height, width = hole.shape
        x = (flow[0] + torch.arange(window.x, window.x + width)).numpy()
        y = (flow[1] + torch.arange(window.y, window.y + height)[:, None]).numpy()
        rows, columns = self.state.frames.shape[-2:]
        inside = torch.from_numpy((x >= 0) & (y >= 0) & (x <= columns - 1) & (y <= rows - 1))
        shown = torch.from_numpy(_fetched(self.state.frames[other], x, y)).permute(2, 0, 1)
        change, differs = _compared(known, shown, hole, inside)
        return shown + change, inside & (differs < AGREES)


def _compared(known: Tensor, shown: Tensor, hole: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
    """By how much a picture is lighter than another beside a hole, (3, h, w), and differs, (h, w), spread into it."""
    beside = cv2.dilate(hole.numpy().astype(np.uint8), np.ones((2 * RIM + 1,) * 2, np.uint8))
    rim = (torch.from_numpy(beside) * (~hole & inside))[None, None].float()
    apart = F.avg_pool2d(torch.cat([(known - shown)[None] * rim, rim], 1), SOFT, 1, SOFT // 2)
    apart = apart[:, :3] / apart[:, 3:].clamp(min=1e-6)
    both = torch.cat([apart.clamp(-CHANGED, CHANGED), apart.abs().amax(1, keepdim=True)], 1)
    spread = push_pull(both, rim)[0]
    return spread[:3], spread[3]


def _fetched(frame: Tensor, x: FloatArray, y: FloatArray) -> FloatArray:
    """Colours (h, w, 3) of a frame (3, H, W) uint8 at places between its pixels, as floats in [0, 1]."""
    spans = []
    for places, size in ((x, frame.shape[2]), (y, frame.shape[1])):
        first = int(np.clip(places.min() - BORDER, 0, size - 1))
        spans.append((first, int(np.clip(places.max() + BORDER, first, size - 1)) + 1))
    (left, right), (top, bottom) = spans
    part = frame[:, top:bottom, left:right].permute(1, 2, 0).contiguous().cpu().numpy().astype(np.float32) / 255
    maps = (x - left).astype(np.float32), (y - top).astype(np.float32)
    return np.asarray(cv2.remap(part, *maps, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.float32)
