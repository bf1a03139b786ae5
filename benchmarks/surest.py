"""Whether further looks help, and how best to use them: python benchmarks/surest.py [--val DIR] [--out …/surest.json].

On validation clips, half of them with flicker and noise, frames are repaired in their order by the rule ``sight`` with
two contexts. Beside each such repair others are tried, which look at the rule's next contexts too: in pairs, of which
the one is kept that the editor is surest of, as a whole or pixel by pixel; or all at once. Gains are over the repair
with two contexts, in decibels of the frame's hole, with their standard error over clips. Without a folder that of the
variable ROVR_DATA is taken.
"""

import argparse
import os
from collections import defaultdict
from pathlib import Path

import torch
from _common import ROOT, commit, machine, write
from foresight import DAMAGE, LENGTH, MOST, VALIDATION_SEED
from torch import Tensor
from torch.nn import functional as F

from rovr.data.cases import Case, first_clips, make_case
from rovr.editor.aligned import AlignedEditor
from rovr.editor.loading import load_editor
from rovr.editor.sight import GRID, greedy, quality
from rovr.mdp.encoder import load_encoder
from rovr.mdp.environment import RepairEnv
from rovr.mdp.reward import Reward

SHARP = 0.1
"""Difference in doubt that decides between two repairs of a pixel."""

Tries = list[tuple[Tensor, Tensor, float]]
"""Repaired frames (3, H, W), their doubt (1, H, W), and what they are worth in decibels."""


def surest(tries: Tries, hole: Tensor) -> float:
    """What the repair of the least doubt is worth."""
    doubts = torch.stack([(doubt * hole).sum() for _, doubt, _ in tries])
    return tries[int(doubts.argmin())][2]


def by_pixel(tries: Tries) -> Tensor:
    """Each pixel mostly from the repair that doubts it least, (1, 3, H, W)."""
    weights = torch.stack([-doubt / SHARP for _, doubt, _ in tries]).softmax(0)
    return (weights * torch.stack([image for image, _, _ in tries])).sum(0, keepdim=True)


@torch.inference_mode()
def gains(env: RepairEnv, case: Case) -> dict[tuple[str, int], list[float]]:
    """Gains of each way and number of looks, repair by repair; the episode goes on from the rule's."""
    found: dict[tuple[str, int], list[float]] = defaultdict(list)
    row = torch.zeros(1, dtype=torch.long)
    env.begin([case])
    while env.pending.any():
        frame = int(env.pending[0].int().argmax())
        at, hole = torch.tensor([frame]), env.masks[0, frame].float()
        worth = quality(env.session.sight(row, at)[0])
        contexts = greedy(worth[None], F.adaptive_avg_pool2d(hole[None], GRID)[0], at, 6)[0].tolist()

        def judged(image: Tensor, at: Tensor = at) -> float:
            return float(env._worth(row, at, image)[0])

        def tried(seen: list[int], frame: int = frame) -> tuple[Tensor, Tensor, float]:
            image, doubt = env._edit(row, torch.tensor([[frame, *seen]]))
            return image[0], doubt[0], judged(image)

        pairs = [tried(contexts[k : k + 2]) for k in (0, 2, 4)]
        base = pairs[0][2]
        for count in (2, 3):
            some, looks = pairs[:count], 2 * count
            outcomes = {
                "the pair it is surest of": surest(some, hole),
                "of each pixel the surest pair's": judged(by_pixel(some)),
                "all contexts at once": tried(contexts[:looks])[2],
                "the best pair in hindsight": max(worth for _, _, worth in some),
            }
            for way, value in outcomes.items():
                found[way, looks].append(min(max(value - base, -MOST), MOST))
        found["all contexts at once", 3].append(min(max(tried(contexts[:3])[2] - base, -MOST), MOST))
        for index in (frame, *contexts[:2]):
            env.step(torch.tensor([index]))
    return found


def main() -> None:
    """Run and write."""
    data = os.environ.get("ROVR_DATA")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--val", type=Path, default=Path(data) / "val" if data else None)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "surest.json")
    args = parser.parse_args()
    if args.val is None:
        raise SystemExit("give a folder of clips with --val, or set ROVR_DATA")
    torch.set_num_threads(1)
    editor = load_editor("aligned")
    assert isinstance(editor, AlignedEditor)
    firsts = first_clips(args.val, LENGTH, args.size)
    cases = [(clip, kind, VALIDATION_SEED + k) for k, clip in enumerate(sorted(firsts)) for kind in DAMAGE]
    by_clip: dict[tuple[str, int], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))

    def drawn(chance: object) -> Case:
        raise AssertionError("cases are given")

    env = RepairEnv(editor, load_encoder("editor"), drawn, Reward(decibels=True), 1)
    for clip, kind, seed in cases:
        for key, values in gains(env, make_case(firsts[clip], kind, seed)).items():
            by_clip[key][clip] += values
        print(clip, kind, flush=True)
    rows = []
    for (way, looks), clips in sorted(by_clip.items(), key=lambda item: (item[0][1], item[0][0])):
        means = torch.tensor([sum(values) / len(values) for values in clips.values()])
        error = float(means.std() / len(means) ** 0.5)
        rows.append({"kept": way, "contexts": looks, "gain_db": float(means.mean()), "standard_error_db": error})
        print(rows[-1])
    report = {"commit": commit(), "seed": str(VALIDATION_SEED), "machine": machine(1), "size": args.size}
    write(args.out, {**report, "repairs": sum(map(len, next(iter(by_clip.values())).values())), "rows": rows})


if __name__ == "__main__":
    main()
