"""Whether anything known beforehand tells a good order of repair: python benchmarks/order_signs.py [--clips DIR …].

Training clips, damaged with or without flicker and noise, are repaired in many orders side by side, the contexts chosen
by the trained π2. Each order repairs the frame next that stands highest by a sum of figures, drawn with random weights
for each episode. Then hole-PSNR, less its mean over the orders of the same clip, is fitted by least squares to what the
orders did: for each figure, how far the chosen frame stood above the mean of those still to repair, summed over the
episode. A figure that tells a good order has a weight that stands out of its error, which counts clips and not
episodes. ``explained`` is the share of the differences between orders that all figures together account for.
Without ``--clips`` those of the variable ROVR_DATA are taken.
"""

import argparse
import os
from pathlib import Path

import torch
from _common import ROOT, commit, machine, write
from orders import DAMAGE, LENGTH, share, shown, stage
from torch import Tensor
from torch.nn import functional as F

from rovr.agents import Agent
from rovr.data.cases import CaseDraw, ClipDraw
from rovr.editor.sight import GRID, quality
from rovr.mdp.environment import RepairEnv
from rovr.metrics import psnr
from rovr.rl.choice import MaskedChoice
from rovr.rl.rollout import collect

FIGURES = {
    "time": 1.0,
    "distance from the middle": 2.0,
    "shown by its best two contexts": 5.0,
    "shown by its neighbours": 5.0,
    "frame before it is repaired": 0.3,
    "frame after it is repaired": 0.3,
}
"""What is known of a frame, with the scale of its random weight: such that each decides about as often."""

RIDGE = 3.0


def by_neighbours(env: RepairEnv) -> Tensor:
    """Share of each frame's hole that the better one of its neighbours shows, (B, n)."""
    batch, length = env.pending.shape
    shares = torch.zeros(batch, length)
    for frame in range(length):
        rows, frames = torch.arange(batch), torch.full((batch,), frame)
        worth = quality(env.session.sight(rows, frames))
        beside = [k for k in (frame - 1, frame + 1) if 0 <= k < length]
        hole = F.adaptive_avg_pool2d(env.masks[rows, frames].float(), GRID)[:, 0]
        shares[:, frame] = share(worth[:, beside], hole)
    return shares


class Orders:
    """Acts for an episode, and notes what it did: every copy goes by weights of its own."""

    def __init__(self, env: RepairEnv, agent: Agent, weights: Tensor) -> None:
        self.env, self.agent, self.weights = env, agent, weights
        self.opening = [shown(env), by_neighbours(env)]
        self.facts = torch.zeros_like(weights)

    def known(self) -> Tensor:
        """All figures of every frame, (B, n, F)."""
        time = ((torch.arange(LENGTH) + 0.5) / LENGTH).expand(self.env.pending.shape)
        repaired = F.pad(self.env.edited.float(), (1, 1))
        return torch.stack([time, (time - 0.5).abs(), *self.opening, repaired[:, :-2], repaired[:, 2:]], 2)

    def __call__(self, observation: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Pick a frame by the weights, contexts as π2 does."""
        mask = observation["mask"]
        if int(observation["role"].max()):
            return MaskedChoice(self.agent.policy(observation), mask).greedy(), {}
        known = self.known()
        picked = (known * self.weights[:, None]).sum(2).masked_fill(~mask, -torch.inf).argmax(1)
        mean = (known * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        alive = self.env.pending.any(1, keepdim=True)
        self.facts += (known[torch.arange(len(picked)), picked] - mean) * alive
        return picked, {}


def fit(facts: Tensor, gains: Tensor) -> tuple[Tensor, Tensor, float]:
    """Weights of standardised figures with their standard errors over clips, and the share explained.

    Args:
        facts: (clips, orders, F), less their mean over the orders.
        gains: (clips, orders), dB, likewise.
    """
    facts, gains = facts.double(), gains.double()
    scaled = facts / facts.flatten(0, 1).std(0).clamp(min=1e-6)
    flat, wanted = scaled.flatten(0, 1), gains.flatten()
    squares = flat.T @ flat + RIDGE * torch.eye(flat.shape[1], dtype=flat.dtype)
    weights = torch.linalg.solve(squares, flat.T @ wanted)
    left = gains - scaled @ weights
    pulls = torch.einsum("cof,co->cf", scaled, left)
    inverse = torch.linalg.inv(squares)
    errors = (inverse @ (pulls.T @ pulls) @ inverse).diagonal().sqrt()
    return weights, errors, float(1 - left.square().sum() / gains.square().sum())


@torch.inference_mode()
def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("ROVR_DATA", "data"))
    parser.add_argument("--clips", type=Path, nargs="+", default=[data / "train", data / "train_side"])
    parser.add_argument("--count", type=int, default=100, help="clips drawn")
    parser.add_argument("--orders", type=int, default=8, help="of each clip")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "order_signs.json")
    args = parser.parse_args()
    draw = CaseDraw(ClipDraw.open(tuple(args.clips), LENGTH, args.size), DAMAGE)
    env, agent = stage(draw, args.orders)
    chance = torch.Generator().manual_seed(args.seed)
    facts, gains = [], []
    for clip in range(args.count):
        observation = env.reset_group(chance, args.orders)
        weights = torch.randn(args.orders, len(FIGURES), generator=chance) * torch.tensor([*FIGURES.values()])
        orders = Orders(env, agent, weights)
        collect(env, observation, orders)
        reached = torch.tensor([psnr(env.repaired(k), env.truth[k], env.masks[k]) for k in range(args.orders)])
        facts.append(orders.facts - orders.facts.mean(0))
        gains.append(reached - reached.mean())
        print(f"{clip + 1}/{args.count}  spread {reached.std():.2f} dB", flush=True)
    weights, errors, explained = fit(torch.stack(facts), torch.stack(gains))
    rows = [
        {"figure": name, "db_per_deviation": float(weight), "standard_error": float(error)}
        for name, weight, error in zip(FIGURES, weights, errors, strict=True)
    ]
    for row in rows:
        print("{figure:32}{db_per_deviation:+.3f} ± {standard_error:.3f} dB".format(**row))
    report = {"commit": commit(), "machine": machine(1), "seed": args.seed, "size": args.size, "clips": args.count}
    spread = float(torch.stack(gains).std())
    write(args.out, {**report, "orders": args.orders, "spread_db": spread, "explained": explained, "rows": rows})


if __name__ == "__main__":
    main()
