"""The mosaic of the state: the cells of n frames side by side, row by row, in a square of ⌈√n⌉ × ⌈√n⌉ places.

25 frames make the poster's (3, 80, 80) picture, 10 frames a square of 4 × 4 with six empty places. Empty places are
zero. What is the same all over a frame comes beside it as flags (B, n, F), for a network to spread over the cell.

Both are made from the observation of a micro-step, a dictionary of tensors:

- ``cells`` (B, n, 3, 16, 16) float: what φ makes of each frame, repairs included;
- ``cover`` (B, n, 16, 16) float: share of each place of a cell that lies in the frame's own hole, repaired or not;
- ``edited``, ``pending`` (B, n) bool: frames repaired, and still to be repaired;
- ``mask`` (B, n) bool: what may be picked now;
- ``role`` (B,) long: 0 = pick the frame to repair, k ≥ 1 = pick its k-th context;
- ``target`` (B,) long: the frame to repair, −1 while role is 0;
- ``picked`` (B, n) bool: the contexts picked for it so far;
- ``history`` (B, L, 1 + K) long: the actions so far, a frame and its contexts each, −1 where there is none;
- ``length`` (B,) long: number of actions in the history;
- ``frame`` (B, 4, h, w) float: the target and its hole at any size, zero while role is 0;
- ``sight`` (B, n, 2, 16, 16) float: how well each place of the target is seen in each frame, followed along the motion,
  and what it is worth as a source (:func:`rovr.editor.sight.quality`); zero while role is 0.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from rovr.editor.sight import gain

FRAME_FLAGS = 3
"""Number of flags that :func:`frame_flags` gives."""

CONTEXT_FLAGS = FRAME_FLAGS + 5
"""Number of flags that :func:`context_flags` gives."""


SLOPES = (0.5, 1.0, 2.0)
"""Powers of 1 / (1 + expected error), each twice the one before; the strategy ``sight`` knows the first."""

HINT = 0.2
"""Scale of what is known of a frame as a whole: it differs more between frames, and should not be learned faster."""

EVIDENCE = 2 * len(SLOPES) + 7
"""Number of figures that :func:`evidence` gives."""


def mosaic_side(count: int) -> int:
    """Places in a row and rows, ⌈√n⌉."""
    return math.isqrt(count - 1) + 1


def to_mosaic(cells: Tensor) -> Tensor:
    """Lay cells out: (B, n, C, h, w) → (B, C, s·h, s·w) with s = ⌈√n⌉."""
    batch, count, channels, height, width = cells.shape
    side = mosaic_side(count)
    places = F.pad(cells, (0, 0, 0, 0, 0, 0, 0, side * side - count)).view(batch, side, side, channels, height, width)
    return places.permute(0, 3, 1, 4, 2, 5).reshape(batch, channels, side * height, side * width)


def from_mosaic(mosaic: Tensor, count: int) -> Tensor:
    """Take the cells up again: (B, C, s·h, s·w) → (B, n, C, h, w)."""
    batch, channels, height, width = mosaic.shape
    side = mosaic_side(count)
    places = mosaic.view(batch, channels, side, height // side, side, width // side).permute(0, 2, 4, 1, 3, 5)
    return places.flatten(1, 2)[:, :count]


def pool_cells(maps: Tensor, count: int) -> Tensor:
    """Mean of each cell: (B, C, s·h, s·w) → (B, n, C). Of a map of scores these are the logits over frames."""
    return from_mosaic(maps, count).mean((-2, -1))


def stack_maps(observation: Mapping[str, Tensor]) -> Tensor:
    """Cell and hole of each frame, (B, n, 4, 16, 16)."""
    return torch.cat([observation["cells"], observation["cover"].unsqueeze(2)], 2)


def best_picked(observation: Mapping[str, Tensor]) -> Tensor:
    """What the best of the contexts picked so far is worth at each place of the target, (B, 1, 16, 16)."""
    return (observation["sight"][:, :, 1:] * observation["picked"][..., None, None, None]).amax(1)


def added_sight(observation: Mapping[str, Tensor]) -> Tensor:
    """What each frame would add to the contexts picked so far, as the strategy ``sight`` weighs it, (B, n)."""
    return gain(observation["sight"][:, :, 1], _hole(observation), observation["picked"])


def sources(observation: Mapping[str, Tensor]) -> Tensor:
    """What each place of the target is worth as a source, for each of :data:`SLOPES`, (B, n, 3, 16, 16)."""
    seen, worth = observation["sight"].unbind(2)
    # (1 + error)^(-1/2), from what the places are worth.
    sure = (worth / seen.clamp(min=1e-6)).clamp(max=1)
    powers = [sure]
    for _ in SLOPES[1:]:
        powers.append(powers[-1].square())
    return seen.unsqueeze(2) * torch.stack(powers, 2)


def evidence(observation: Mapping[str, Tensor], source: Tensor | None = None) -> Tensor:
    """What speaks for each frame as the next context, in a few numbers about one, (B, n, 13).

    For each of :data:`SLOPES`, by which a source is worth less the farther off it may be: what the frame adds to the
    best source of each place, and what it adds where sources make up for each other's faults. Then how much of the hole
    it shows, and how much that is worth; and, times :data:`HINT`, its nearness in time, and its distance as a share of
    n; whether it is repaired, whether one was picked on its side of the target, and how much of it lies in its own
    hole.

    Args:
        observation: see above.
        source: by :func:`sources` where it is known; it is the same for all contexts of a repair.
    """
    picked, target = observation["picked"], observation["target"].unsqueeze(1)
    hole = _hole(observation)
    hole = hole / hole.sum((1, 2), keepdim=True).clamp(min=1e-9)
    worth = observation["sight"][:, :, 1]
    source = sources(observation) if source is None else source
    taken = source * picked[..., None, None, None].to(worth)
    best, left = taken.amax(1, keepdim=True), (1 - taken).prod(1, keepdim=True)
    shares = torch.stack([(source - best).clamp(min=0), source * left], 3).flatten(2, 3)
    shares = torch.cat([shares, observation["sight"]], 2)
    found = torch.einsum("bhw,bnchw->bnc", hole, shares)
    offset = (_indices(picked) - target).float()
    side = offset.sign()
    same = ((side[:, :, None] * side[:, None] > 0) & picked[:, None]).any(2)
    hints = [1 / (1 + offset.abs()), offset.abs() / picked.shape[1], observation["edited"].to(worth), same.to(worth)]
    hints.append(observation["cover"].mean((2, 3)))
    return torch.cat([found, HINT * torch.stack(hints, 2)], 2)


def _hole(observation: Mapping[str, Tensor]) -> Tensor:
    """The target's, (B, 16, 16)."""
    rows = torch.arange(observation["target"].shape[0], device=observation["target"].device)
    return observation["cover"][rows, observation["target"].clamp(min=0)]


def frame_flags(observation: Mapping[str, Tensor]) -> Tensor:
    """What π1 is told of each frame: when it is (0 … 1), whether it is repaired, whether it is to be; (B, n, 3)."""
    edited, pending = observation["edited"], observation["pending"]
    time = ((_indices(edited) + 0.5) / edited.shape[1]).expand(edited.shape)
    # Made numbers by name, here and below: what is exported as ONNX does not mix kinds by itself.
    return torch.stack([time, edited.to(time), pending.to(time)], 2)


def context_flags(observation: Mapping[str, Tensor], added: Tensor | None = None) -> Tensor:
    """What π2 is told of each frame, (B, n, 8); ``added`` (B, n) by :func:`added_sight` where it is known.

    Beside what π1 is told: whether it is the target, whether it is picked, its signed distance in time to the target as
    a share of n, its nearness 1 / (1 + distance), and what it would add. The share tells far from farther, the nearness
    tells the nearest apart however long the clip.
    """
    picked, target = observation["picked"], observation["target"].unsqueeze(1)
    indices = _indices(picked)
    distance = (indices - target).float()
    nearness = 1 / (1 + distance.abs())
    same, chosen = (indices == target).to(distance), picked.to(distance)
    added = added_sight(observation) if added is None else added
    flags = [same, chosen, distance / picked.shape[1], nearness, added]
    return torch.cat([frame_flags(observation), torch.stack(flags, 2)], 2)


def _indices(like: Tensor) -> Tensor:
    return torch.arange(like.shape[1], device=like.device)
