"""How much of what context frames turn out to be worth can be known before: python benchmarks/foresight.py.

    [--train DIR …] [--val DIR] [--clips 100] [--size 128] [--out results/foresight.json]

In each damaged clip the frames are repaired in their order. Every repair is tried with ten pairs of contexts: those of
the rule ``sight``, and nine drawn from it softly. That tells the best pair in hindsight, which owes much to luck. Then
weights for what is known beforehand are fitted to the gains of pairs on training clips, and on validation clips the
pair of the highest fitted gain is taken: what it gains over the rule's pair could be foreseen. Without folders those
of the variable ROVR_DATA are taken.
"""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _common import ROOT, commit, machine, write
from torch import Tensor, nn
from torch.nn import functional as F

from rovr.data.cases import Case, CaseDraw, ClipDraw, first_clips, make_case
from rovr.editor.aligned import AlignedEditor
from rovr.editor.loading import load_editor
from rovr.editor.sight import GRID, gain, greedy, quality
from rovr.mdp.encoder import CELL, load_encoder
from rovr.mdp.environment import RepairEnv
from rovr.mdp.mosaic import evidence
from rovr.mdp.reward import Reward

LENGTH, PAIRS, SOFT = 25, 10, (15.0, 40.0, 100.0)
DAMAGE = ("shift", "shift+photometric")
VALIDATION_SEED = 1000
# Decibels beyond which one pair says no more than another of its kind.
MOST = 6.0


@dataclass(frozen=True)
class Situations:
    """Repairs tried with several pairs of contexts.

    Attributes:
        facts: (N, PAIRS, 2, F), evidence for the first and for the second context, as they are picked.
        gains: (N, PAIRS) decibels over the rule's pair, which stands first.
    """

    facts: Tensor
    gains: Tensor


def some_pairs(worth: Tensor, hole: Tensor, frame: int, chance: torch.Generator) -> list[tuple[int, int]]:
    """The rule's pair and others, (T, GRID, GRID), (GRID, GRID); the better context of each first."""
    best = greedy(worth[None], hole[None], torch.tensor([frame]), 2)[0].tolist()
    pairs = {(best[0], best[1]): None}
    for turn in range(6 * PAIRS):
        picked: list[int] = []
        heed = SOFT[turn % len(SOFT)]
        for _ in range(2):
            taken = torch.zeros(1, len(worth), dtype=torch.bool)
            taken[0, picked] = True
            scores = heed * gain(worth[None], hole[None], taken)[0]
            scores[[frame, *picked]] = -torch.inf
            picked.append(int(torch.multinomial(scores.softmax(0), 1, generator=chance)))
        alone = gain(worth[None, picked], hole[None], torch.zeros(1, 2, dtype=torch.bool))[0]
        pairs.setdefault(
            (picked[int(alone.argmax())], picked[int(alone.argmin())] if alone[0] != alone[1] else picked[1])
        )
        if len(pairs) == PAIRS:
            break
    return list(pairs)


def facts_of(env: RepairEnv, row: int, frame: int, sight: Tensor, pairs: list[tuple[int, int]]) -> Tensor:
    """Evidence for both contexts of each pair, (P, 2, F)."""
    views = F.adaptive_avg_pool2d(torch.stack([sight[:, 0], quality(sight)], 1), CELL)
    told = {
        "sight": views.expand(len(pairs), *views.shape),
        "cover": env.cover[row].expand(len(pairs), -1, -1, -1),
        "edited": env.edited[row].expand(len(pairs), -1),
        "target": torch.full((len(pairs),), frame),
        "picked": torch.zeros(len(pairs), len(sight), dtype=torch.bool),
    }
    first, second = torch.tensor(pairs).unbind(1)
    rows = torch.arange(len(pairs))
    alone = evidence(told)[rows, first]
    told["picked"][rows, first] = True
    return torch.stack([alone, evidence(told)[rows, second]], 1)


@torch.inference_mode()
def situations(env: RepairEnv, cases: list[Case], chance: torch.Generator) -> Situations:
    """Try every repair of some clips; the episode goes on from the rule's."""
    facts, gains = [], []
    for case in cases:
        env.begin([case])
        while env.pending.any():
            frame = int(env.pending[0].int().argmax())
            at = torch.tensor([frame])
            sight = env.session.sight(torch.tensor([0]), at)[0]
            hole = F.adaptive_avg_pool2d(env.masks[:1, frame].float(), GRID)[0, 0]
            pairs = some_pairs(quality(sight), hole, frame, chance)
            rows = torch.zeros(len(pairs), dtype=torch.long)
            worth = env.preview(rows, torch.tensor([(frame, *pair) for pair in pairs]))
            if len(pairs) == PAIRS:
                facts.append(facts_of(env, 0, frame, sight, pairs))
                gains.append((worth - worth[0]).clamp(-MOST, MOST))
            for index in (frame, *pairs[0]):
                env.step(torch.tensor([index]))
    return Situations(torch.stack(facts), torch.stack(gains))


class Weights:
    """A weight for each of some facts, the same for both contexts."""

    def __init__(self, columns: slice) -> None:
        self.columns = columns

    def fit(self, seen: Situations) -> None:
        """By least squares, held a little towards zero."""
        facts = seen.facts[..., self.columns].sum(2)
        rows = (facts - facts[:, :1]).flatten(0, 1)
        self.each = torch.linalg.solve(rows.T @ rows + 3 * torch.eye(rows.shape[1]), rows.T @ seen.gains.flatten())

    def __call__(self, facts: Tensor) -> Tensor:
        """Expected gain of each pair."""
        return facts[..., self.columns].sum(2) @ self.each


class Network(nn.Module):
    """The same with a hidden layer."""

    def __init__(self, facts: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(facts, 32), nn.LeakyReLU(0.1), nn.Linear(32, 1))

    def fit(self, seen: Situations) -> None:
        """40 passes over the situations."""
        optimiser = torch.optim.AdamW(self.parameters(), 3e-3, weight_decay=0.1)
        schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.01, 40)
        self.scale = seen.facts.flatten(0, 2).std(0).clamp(min=1e-6)
        for _ in range(40):
            for rows in torch.randperm(len(seen.gains)).split(64):
                optimiser.zero_grad()
                told = self(seen.facts[rows])
                F.smooth_l1_loss(told - told[:, :1], seen.gains[rows]).backward()
                optimiser.step()
            schedule.step()

    def forward(self, facts: Tensor) -> Tensor:
        """Expected gain of each pair."""
        return self.layers(facts / self.scale).squeeze(-1).sum(2)


@torch.no_grad()
def taken(model: Any, seen: Situations) -> dict[str, float]:
    """What the pairs of the highest expected gain really gain."""
    gains = seen.gains.gather(1, model(seen.facts).argmax(1, keepdim=True)).squeeze(1)
    return {"gain_db": float(gains.mean()), "standard_error_db": float(gains.std() / len(gains) ** 0.5)}


def main() -> None:
    """Run and write."""
    data = os.environ.get("ROVR_DATA")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, nargs="+", default=[Path(data) / "train"] if data else None)
    parser.add_argument("--val", type=Path, default=Path(data) / "val" if data else None)
    parser.add_argument("--clips", type=int, default=100, help="drawn from those to train on")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "foresight.json")
    args = parser.parse_args()
    if args.train is None or args.val is None:
        raise SystemExit("give folders of clips with --train and --val, or set ROVR_DATA")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    chance = torch.Generator().manual_seed(0)
    editor = load_editor("aligned")
    assert isinstance(editor, AlignedEditor)
    draw = CaseDraw(ClipDraw.open(tuple(args.train), LENGTH, args.size), DAMAGE)
    env = RepairEnv(editor, load_encoder("editor"), draw, Reward(decibels=True), 1)
    firsts = first_clips(args.val, LENGTH, args.size)
    unseen = [
        make_case(firsts[name], kind, VALIDATION_SEED + k) for kind in DAMAGE for k, name in enumerate(sorted(firsts))
    ]
    val = situations(env, unseen, chance)
    train = situations(env, [draw(np.random.default_rng([0, k])) for k in range(args.clips)], chance)
    count = train.facts.shape[-1]
    models: dict[str, Any] = {
        "the rule's own figure": Weights(slice(0, 1)),
        "weighed by three powers of the error": Weights(slice(0, 6, 2)),
        "and with sources that help each other": Weights(slice(0, 6)),
        "all evidence": Weights(slice(0, count)),
        "all evidence, a network": Network(count),
    }
    rows = []
    for name, model in models.items():
        model.fit(train)
        rows.append({"known_of_the_pairs": name, **taken(model, val)})
        print(rows[-1])
    report: dict[str, Any] = {"commit": commit(), "seed": "0", "machine": machine(1), "size": args.size}
    report |= {"train_repairs": len(train.gains), "val_repairs": len(val.gains), "pairs": PAIRS}
    report |= {"best_in_hindsight_db": float(val.gains.amax(1).mean()), "rows": rows}
    report["drawn_softly_db"] = float(val.gains[:, 1:].mean())
    write(args.out, report)


if __name__ == "__main__":
    main()
