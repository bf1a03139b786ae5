"""What the order of repair is worth: python benchmarks/orders.py [--val DIR] [--size 128] [--out results/orders.json].

The trained π2 chooses the contexts, and fixed rules the frames instead of π1: in time, against time, by chance, the
frame first of whose hole its best contexts show most, and from the middle or the ends. Damage falls on validation
clips of 25 frames, half of it with flicker and noise. ``in hindsight`` takes for each clip the better one of time's two
directions: what could be gained by knowing which. Without ``--val`` that of the variable ROVR_DATA is taken.
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from _common import ROOT, commit, machine, write
from torch import Tensor
from torch.nn import functional as F

from rovr.agents import Agent
from rovr.data.cases import Case, first_clips, make_case
from rovr.editor.aligned import AlignedEditor
from rovr.editor.loading import load_editor, shipped
from rovr.editor.sight import GRID, greedy, quality
from rovr.mdp.encoder import load_encoder
from rovr.mdp.environment import MakeCase, RepairEnv
from rovr.mdp.reward import Reward
from rovr.metrics import psnr
from rovr.rl.choice import MaskedChoice
from rovr.rl.rollout import collect

LENGTH, TOGETHER, SEED = 25, 4, 1000
DAMAGE = ("shift", "shift+photometric")

Order = Callable[[RepairEnv], Tensor]
"""Scores of all frames, (B, n): the pending one of the highest is repaired next."""


def shown(env: RepairEnv) -> Tensor:
    """Share of each pending frame's hole that its best two contexts show, (B, n)."""
    shares = torch.zeros(env.pending.shape)
    rows, frames = env.pending.nonzero().unbind(1)
    for r, f in zip(rows.split(64), frames.split(64), strict=True):
        worth = quality(env.session.sight(r, f))
        hole = F.adaptive_avg_pool2d(env.masks[r, f].float(), GRID)[:, 0]
        picked = greedy(worth, hole, f, 2)
        shares[r, f] = share(worth[torch.arange(len(r))[:, None], picked], hole)
    return shares


def share(worth: Tensor, hole: Tensor) -> Tensor:
    """Share of holes (R, h, w) that frames show together, of which each place is worth (R, K, h, w); (R,)."""
    return (worth.amax(1) * hole).sum((1, 2)) / hole.sum((1, 2)).clamp(min=1e-9)


def orders(chance: torch.Generator) -> dict[str, Order]:
    """All of them, by name."""
    time = torch.arange(LENGTH).float()
    off = (time - (LENGTH - 1) / 2).abs()
    return {
        "in time": lambda env: -time.expand(env.pending.shape),
        "against time": lambda env: time.expand(env.pending.shape),
        "by chance": lambda env: torch.rand(env.pending.shape, generator=chance),
        "best shown first": shown,
        "from the middle": lambda env: -off.expand(env.pending.shape),
        "from the ends": lambda env: off.expand(env.pending.shape),
    }


def repaired(env: RepairEnv, agent: Agent, cases: list[Case], order: Order) -> np.ndarray:
    """Hole-PSNR of each case."""

    def act(observation: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        if int(observation["role"].max()) == 0:
            return order(env).masked_fill(~observation["mask"], -torch.inf).argmax(1), {}
        return MaskedChoice(agent.policy(observation), observation["mask"]).greedy(), {}

    found = []
    for first in range(0, len(cases), TOGETHER):
        few = cases[first : first + TOGETHER]
        collect(env, env.begin(few), act)
        found += [psnr(env.repaired(k), case.truth, case.masks) for k, case in enumerate(few)]
    return np.array(found)


def stage(make: MakeCase, size: int) -> tuple[RepairEnv, Agent]:
    """Where the trained agent repairs, one thread at work."""
    torch.set_num_threads(1)
    editor = load_editor("aligned")
    assert isinstance(editor, AlignedEditor)
    return RepairEnv(editor, load_encoder(), make, Reward(), size), Agent.load(shipped("agent")).eval()


@torch.inference_mode()
def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--val", type=Path, default=Path(os.environ.get("ROVR_DATA", "data")) / "val")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "orders.json")
    args = parser.parse_args()
    clips = first_clips(args.val, LENGTH, args.size)
    names = [(kind, name) for kind in DAMAGE for name in sorted(clips)]
    cases = [make_case(clips[name], kind, SEED + k) for k, (kind, name) in enumerate(names)]
    env, agent = stage(lambda chance: cases[0], TOGETHER)
    found = {name: repaired(env, agent, cases, o) for name, o in orders(torch.Generator().manual_seed(0)).items()}
    usual = found["in time"]
    found["in hindsight"] = np.maximum(usual, found["against time"])
    rows = []
    for name, values in found.items():
        gains = values - usual
        error = gains.std(ddof=1) / len(gains) ** 0.5
        row = {"order": name, "hole_psnr": values.mean(), "gain": gains.mean(), "standard_error": error}
        rows.append({**row, "spread": gains.std(ddof=1)})
        print("{order:18}{hole_psnr:7.2f} dB  {gain:+.3f} ± {standard_error:.3f}".format(**rows[-1]), flush=True)
    report = {"commit": commit(), "machine": machine(1), "seed": SEED, "size": args.size, "cases": len(cases)}
    write(args.out, {**report, "rows": rows})


if __name__ == "__main__":
    main()
