"""What other frames show of a target, before any of them is looked at closely.

Flow between neighbours is there anyway. Chained on a coarse grid it says for every place of the target where it lies in
each other frame, how well that is seen there, and how far off the chain may be: all that decides whether a context will
help, for a few hundredths of what a repair costs.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from rovr.editor.sampling import sample

GRID = 32
"""Places of a frame, each way."""

ENOUGH = 4
"""Frames without any hole on one side of the target beyond which nobody looks: nothing better will come."""

TIE = 1e-5
"""Share of the hole that a frame of distance costs."""

DRIFT = 0.15
"""Expected error, in half-size pixels, that a frame of distance adds where an editor knows nothing of motion."""


def coarse(steps: Tensor) -> Tensor:
    """Flow with its expected error on the grid: (N, 3, h, w) → (N, 3, GRID, GRID), flow in places of the grid."""
    scale = steps.new_tensor([GRID / steps.shape[-1], GRID / steps.shape[-2], 1])
    return F.adaptive_avg_pool2d(steps, GRID) * scale[:, None, None]


def share_known(doubt: Tensor) -> Tensor:
    """How well each place is seen: (N, 1, H, W) uint8 → (N, GRID, GRID) in [0, 1]."""
    return 1 - F.adaptive_avg_pool2d(doubt.float(), GRID)[:, 0] / 255


def seek(steps: Tensor, known: Tensor, whole: Tensor, targets: Tensor) -> Tensor:
    """Follow the motion from targets to all other frames.

    Args:
        steps: (R, 2, T, 3, GRID, GRID) flow from each frame to the next (0) and the previous one (1), by
            :func:`coarse`; the last and the first have none.
        known: (R, T, GRID, GRID) how well each place of each frame is seen.
        whole: (R, T) bool, frames without any hole.
        targets: (R,) frames of which the others are to show something.

    Returns:
        (R, T, 2, GRID, GRID): how well each place of the target is seen in every frame, 0 in the target itself and
        where nobody looked; and how far off that place may be, in half-size pixels.
    """
    reached = within(whole, targets)
    counts, order = reached.sum(2).flatten().sort(descending=True, stable=True)
    # Those who go far come first, so that whoever goes on stands before all who have arrived.
    rows, back = order // 2, order % 2
    strides = torch.arange(int(counts[0]), device=known.device)
    way = 1 - 2 * back
    here = (targets[rows, None] + strides * way[:, None]).clamp(0, known.shape[1] - 1)
    ahead = steps[rows[:, None], back[:, None], here]
    going = (counts > strides[:, None]).sum(1).tolist()
    chained = steps.new_zeros(len(rows), 3, *known.shape[2:])
    flows = steps.new_zeros(*known.shape[:2], *chained.shape[1:])
    for k, count in enumerate(going):
        chained = chained[:count]
        chained = chained + sample(ahead[:count, k], chained[:, :2])
        flows[rows[:count], here[:count, k] + way[:count]] = chained
    seen = sample(known.flatten(0, 1)[:, None], flows[:, :, :2].flatten(0, 1), padding="zeros")
    seen = seen[:, 0].unflatten(0, known.shape[:2]) * reached.any(1)[..., None, None]
    return torch.stack([seen, flows[:, :, 2]], 2)


def within(whole: Tensor, targets: Tensor) -> Tensor:
    """Which frames after each target (0) and before it (1) are looked at, (R, 2, T) bool; see :data:`ENOUGH`.

    Args:
        whole: (R, T) bool, frames without any hole.
        targets: (R,).
    """
    places, targets = torch.arange(whole.shape[1], device=whole.device), targets[:, None]
    passed = whole.cumsum(1)
    ahead = passed - whole.long() - passed.gather(1, targets)
    behind = (passed - whole.long()).gather(1, targets) - passed
    return torch.stack([(places > targets) & (ahead < ENOUGH), (places < targets) & (behind < ENOUGH)], 1)


def nearby(known: Tensor, targets: Tensor) -> Tensor:
    """The same for editors that know nothing of motion: places stay where they are, and doubt grows with distance.

    Args:
        known: (R, T, GRID, GRID).
        targets: (R,).
    """
    distance = (torch.arange(known.shape[1], device=known.device) - targets[:, None]).abs()
    seen = known * (distance > 0)[..., None, None]
    return torch.stack([seen, (DRIFT * distance)[..., None, None].expand_as(known)], 2)


def quality(sight: Tensor) -> Tensor:
    """What a place is worth as a source, in [0, 1]: (…, 2, h, w) → (…, h, w).

    The root falls slowly: a match that is two pixels off is still worth a good deal more than none.
    """
    seen, error = sight.unbind(-3)
    return seen / (1 + error).sqrt()


def gain(quality: Tensor, hole: Tensor, picked: Tensor) -> Tensor:
    """What each frame would add to those picked: the best source of a place counts, and a second one adds nothing.

    Args:
        quality: (R, T, h, w), see :func:`quality`.
        hole: (R, h, w) share of each place that is missing.
        picked: (R, T) bool.

    Returns:
        (R, T), in shares of the hole.
    """
    best = (quality * picked[..., None, None]).amax(1, keepdim=True)
    hole = hole / hole.sum((1, 2), keepdim=True).clamp(min=1e-9)
    return torch.einsum("rhw,rthw->rt", hole, (quality - best).clamp(min=0))


def greedy(quality: Tensor, hole: Tensor, targets: Tensor, count: int) -> Tensor:
    """Pick contexts one by one, each the frame that adds most; among those that add the same the nearest.

    Args:
        quality: (R, T, h, w).
        hole: (R, h, w).
        targets: (R,) frames to repair, which are no contexts.
        count: K < T.

    Returns:
        (R, K).
    """
    distance = (torch.arange(quality.shape[1], device=quality.device) - targets[:, None]).abs()
    picked = torch.zeros_like(distance, dtype=torch.bool)
    contexts = targets.new_zeros(len(targets), count)
    for k in range(count):
        score = gain(quality, hole, picked) - TIE * distance
        contexts[:, k] = score.masked_fill(picked | (distance == 0), -torch.inf).argmax(1)
        picked = picked.scatter(1, contexts[:, k, None], True)
    return contexts
