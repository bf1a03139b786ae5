"""Look at the frames that show what the hole hides, where it really lies in them.

What ``coverage`` takes from the masks alone this strategy takes along the motion: a place of the hole is followed
through time to every frame near by, and counts for as much as it is seen there and the way to it can be trusted.
Contexts are picked greedily. The best source of a place counts and not the sum of several, since whoever moves wrongly
in one context mostly does in the others too.
"""

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from rovr.editor.base import Session
from rovr.editor.sight import GRID, greedy, nearby, quality, share_known
from rovr.errors import UserError
from rovr.mdp.state import RepairState
from rovr.select.base import Selector
from rovr.select.rules import first_pending
from rovr.types import Edit

UNSEEN = 0.3
"""Share of the hole that contexts near by leave open, from which frames afar are asked."""

PRICE = 0.1
"""What such a frame has to show better, in units of :func:`rovr.editor.sight.quality`."""


class Sight(Selector):
    """Pending frames in their order, contexts by what they show along the motion.

    A choice costs O(radius), so a video of n frames O(n · radius).

    Args:
        radius: farthest context in frames, each way.
    """

    name = "sight"
    recalls = True

    def __init__(self, radius: int = 24) -> None:
        if radius < 1:
            raise UserError(f"sight: the radius is {radius}; it must be at least 1")
        self.radius = radius

    def select(self, state: RepairState) -> Edit:
        """Choose the first pending frame and its contexts."""
        frame = first_pending(state)
        reach = max(self.radius, self.contexts)
        first, last = max(0, frame - reach), min(state.length, frame + reach + 1)
        worth = quality(what_is_seen(self.session, state, frame, first, last))[None]
        hole = adaptive_avg_pool2d(state.masks[frame, :1].float().cpu(), GRID)
        picked = greedy(worth, hole, torch.tensor([frame - first]), self.contexts)[0]
        contexts = tuple((picked + first).tolist())
        return Edit(frame, recalled(self.session, state, frame, contexts, worth[0, picked]))


def what_is_seen(session: Session | None, state: RepairState, frame: int, first: int, last: int) -> Tensor:
    """What frames first … last − 1 show of a frame, (last − first, 2, GRID, GRID); by the masks where no editor is met.

    See :mod:`rovr.editor.sight`.
    """
    if session is not None:
        return session.sight(frame, first, last)
    return nearby(share_known(state.doubt[first:last].cpu())[None], torch.tensor([frame - first]))[0]


def recalled(
    session: Session | None, state: RepairState, frame: int, contexts: tuple[int, ...], worth: Tensor
) -> tuple[int, ...]:
    """Let frames filmed long before or after take the place of contexts, where they show much that these do not.

    Args:
        session: of the editor.
        state: as it stands.
        frame: to repair.
        contexts: frames near by that were picked.
        worth: (K, GRID, GRID) what they show, by :func:`rovr.editor.sight.quality`.
    """
    if session is None or not contexts or not (afar := state.afar(frame)):
        return contexts
    hole = adaptive_avg_pool2d(state.masks[frame, :1].float().cpu(), GRID)
    if float((hole * (1 - worth.amax(0))).sum()) < UNSEEN * float(hole.sum()):
        return contexts
    far = (quality(session.far_sight(frame)) - PRICE).clamp(min=0)
    both = torch.cat([torch.zeros_like(worth[:1]), worth, far])
    numbers = (frame, *contexts, *afar)
    best = greedy(both[None], hole, torch.tensor([0]), len(contexts))[0]
    return tuple(numbers[k] for k in best.tolist())
