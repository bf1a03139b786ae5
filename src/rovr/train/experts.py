"""Experts π1* and π2* in the environment: whom agents may imitate, and the bound they are measured against."""

import torch
from torch import Tensor
from torch.nn import functional as F

from rovr.editor.sight import greedy, nearby, quality
from rovr.mdp.encoder import CELL
from rovr.mdp.environment import RepairEnv
from rovr.mdp.mosaic import added_sight
from rovr.rl.env import BatchEnv, Observation

ALPHA = 0.02
"""Share of the hole that one frame of distance must be worth, as in the selector ``coverage``."""

REPAIRED = 0.5
"""What a repaired place counts as a source, where a filmed one counts 1; how doubtful it is cannot be observed."""


def added_view(env: RepairEnv, rows: Tensor, targets: Tensor, picked: Tensor) -> Tensor:
    """What each frame would add to the view of a target's hole, less its distance; as the selector ``coverage`` has it.

    Args:
        env: the clips as they stand.
        rows: (R,) which clips.
        targets: (R,) frames to repair.
        picked: (R, n) bool, their contexts so far.

    Returns:
        (R, n).
    """
    known = env.session.seen[rows, :, 3:]
    seen = F.adaptive_avg_pool2d(known.flatten(0, 1), CELL).flatten(1).unflatten(0, known.shape[:2])
    hidden = env.cover[rows, targets].flatten(1)
    hidden = hidden / hidden.sum(1, keepdim=True).clamp(min=1e-9)
    hidden = hidden * torch.where(picked[:, :, None], 1 - seen, 1.0).prod(1)
    distance = (torch.arange(seen.shape[1], device=rows.device) - targets[:, None]).abs()
    return torch.einsum("rc,rnc->rn", hidden, seen) - ALPHA * distance


def sequential(env: BatchEnv, observation: Observation) -> Tensor:
    """The rule ``sequential``: frames in their order, contexts the ones just before, and at the start those after."""
    mask = observation["mask"]
    behind = observation["target"].clamp(min=0)[:, None] - torch.arange(mask.shape[1], device=mask.device)
    scores = torch.where(behind > 0, -behind, behind - mask.shape[1])
    chosen = scores.masked_fill(~mask, torch.iinfo(torch.long).min).argmax(1)
    return torch.where(observation["role"] == 0, mask.int().argmax(1), chosen)


def coverage(env: BatchEnv, observation: Observation) -> Tensor:
    """The rule ``coverage``: pending frames in their order, contexts greedily by what they show."""
    assert isinstance(env, RepairEnv)
    mask, rows = observation["mask"], torch.arange(env.size, device=observation["mask"].device)
    scores = added_view(env, rows, observation["target"].clamp(min=0), observation["picked"])
    chosen = scores.masked_fill(~mask, -torch.inf).argmax(1)
    return torch.where(observation["role"] == 0, mask.int().argmax(1), chosen)


def sight(env: BatchEnv, observation: Observation) -> Tensor:
    """The rule ``sight``: pending frames in their order, contexts greedily by what they show along the motion."""
    scores = added_sight(observation).masked_fill(~observation["mask"], -torch.inf)
    return torch.where(observation["role"] == 0, observation["mask"].int().argmax(1), scores.argmax(1))


def easiest(env: BatchEnv, observation: Observation) -> Tensor:
    """π1*, the easiest first: the pending frame whose best contexts show most of its hole; contexts as ``sight``.

    A hole that can be seen elsewhere is repaired well, and the frame may then serve others. What shows a hole is judged
    by the masks, worth less the farther off; motion is followed once a frame is picked.
    """
    if int(observation["role"].max()) > 0:
        return sight(env, observation)
    mask, unknown = observation["mask"], torch.where(observation["edited"], 1 - REPAIRED, 1.0)
    rows, frames = mask.nonzero().unbind(1)
    hole = observation["cover"][rows, frames]
    known = (1 - observation["cover"] * unknown[..., None, None])[rows]
    worth = quality(nearby(known, frames))
    contexts = greedy(worth, hole, frames, observation["history"].shape[2] - 1)
    best = worth[torch.arange(len(rows), device=rows.device)[:, None], contexts].amax(1)
    shown = (hole * best).sum((1, 2)) / hole.sum((1, 2)).clamp(min=1e-9)
    return torch.full(mask.shape, -1.0, device=rows.device).index_put((rows, frames), shown).argmax(1)


class Oracle:
    """Looks one repair ahead with the truth in hand: tries every context and keeps the best; frames in their order.

    No policy can know what it knows. It is a bound for choices of context given an order, and not for whole episodes:
    a repair that is worse today may make a better context tomorrow.

    Args:
        at_once: repairs tried side by side.
    """

    def __init__(self, at_once: int = 16) -> None:
        self.at_once = at_once

    def __call__(self, env: BatchEnv, observation: Observation) -> Tensor:
        """Pick the best item of each row, (B,)."""
        assert isinstance(env, RepairEnv)
        best = coverage(env, observation)
        role = int(observation["role"].max())
        if role == 0:
            return best
        alive = env.pending.any(1)
        rows, items = (observation["mask"] & alive[:, None]).nonzero().unbind(1)
        actions = env.action[rows].clone()
        actions[:, role] = items
        taken = observation["picked"][rows] | F.one_hot(items, observation["mask"].shape[1]).bool()
        taken |= F.one_hot(actions[:, 0], observation["mask"].shape[1]).bool()
        # Contexts still to come are what the rule would add.
        for later in range(role + 1, actions.shape[1]):
            view = added_view(env, rows, actions[:, 0], taken).masked_fill(taken, -torch.inf)
            actions[:, later] = view.argmax(1)
            taken |= F.one_hot(actions[:, later], taken.shape[1]).bool()
        parts = zip(rows.split(self.at_once), actions.split(self.at_once), strict=True)
        worth = torch.cat([env.preview(r, a) for r, a in parts])
        table = torch.full(observation["mask"].shape, -torch.inf, device=worth.device)
        table[rows, items] = worth
        return torch.where(alive, table.argmax(1), best)
