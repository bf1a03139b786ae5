"""Hole-PSNR of long videos, by how far repairs may look: python benchmarks/long.py [--out results/long.json].

Ways to repair:

- *25*, *25 + 12*, *50 + 25*: blocks of so many frames, with so many on either side to look at, and nothing else.
- *whole*: the clip as one block. *whole, far*: and the rule looks at every frame of it, along chained motion.
- *anchors*: as ``rovr restore`` does it, 50 + 25 and a few frames of the whole scene.
- *every anchor*: the same with all of them that are ever considered, the most that a better search could bring.
- *agent, 50 + 25* and *agent, anchors*: as above, but what all others leave to the rule ``sight`` the agent chooses.

Damage ``shift`` and ``static`` goes on throughout a clip. In ``late`` a hole that stands still begins after 60 frames.
In ``returns`` the clip is played there and back, and the hole is there on the way back only: all it hides was filmed.
In ``revealed`` it is there on the way there only: all it hides will be filmed.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _common import ROOT, clips_of, commit, footage, machine, write

from rovr import anchors
from rovr.data.cases import Case
from rovr.data.corrupt import damage, make_masks
from rovr.editor import linking
from rovr.editor.base import Editor
from rovr.editor.loading import load_editor
from rovr.metrics import psnr
from rovr.restorer import Restorer
from rovr.select import load_selector
from rovr.select.sight import Sight

LATE = 60
ALL = 10_000

Way = Callable[[Editor, int], Restorer]
WAYS: dict[str, Way] = {
    "25": lambda editor, length: Restorer(editor, Sight(), window=25, margin=0, anchors=0),
    "25 + 12": lambda editor, length: Restorer(editor, Sight(), window=25, margin=12, anchors=0),
    "50 + 25": lambda editor, length: Restorer(editor, Sight(), anchors=0),
    "whole": lambda editor, length: Restorer(editor, Sight(), window=length, anchors=0),
    "whole, far": lambda editor, length: Restorer(editor, Sight(radius=length), window=length, anchors=0),
    "anchors": lambda editor, length: Restorer(editor, Sight()),
    "every anchor": lambda editor, length: Restorer(editor, Sight(), anchors=ALL),
    "agent, 50 + 25": lambda editor, length: Restorer(editor, load_selector("agent"), anchors=0),
    "agent, anchors": lambda editor, length: Restorer(editor, load_selector("agent")),
}


def make(clip: torch.Tensor, kind: str, seed: int) -> Case:
    """Damage a clip (T, 3, H, W) uint8; see the module's docstring."""
    if kind in ("returns", "revealed"):
        clip = torch.cat([clip, clip.flip(0)[1:]])
    masks = make_masks("shift" if kind == "shift" else "static", len(clip), *clip.shape[-2:], seed)
    masks[: {"late": LATE, "returns": len(clip) // 2 + 1}.get(kind, 0)] = False
    if kind == "revealed":
        masks[len(clip) // 2 :] = False
    return Case(clip, damage(clip, masks), masks)


def means(details: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each kind of damage and way."""
    rows = []
    for kind, way in dict.fromkeys((detail["damage"], detail["way"]) for detail in details):
        own = [detail for detail in details if (detail["damage"], detail["way"]) == (kind, way)]
        means = {key: float(np.mean([detail[key] for detail in own])) for key in ("hole_psnr", "seconds_a_repair")}
        rows.append({"damage": kind, "way": way, "clips": len(own), **means})
    return rows


def main() -> None:
    """Run and write, after every clip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, default=footage("test"))
    parser.add_argument("--length", type=int, default=100)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--kinds", nargs="+", default=["shift", "static", "late", "returns", "revealed"])
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--only", nargs="+", help="names of clips")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the first clip; each next one has the next")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "long.json")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    # Else *every anchor* would measure its links again and again.
    linking.KEEP = anchors.MEMORY = 1 << 40
    editor, details = load_editor("aligned"), []
    clips = clips_of(args.clips, args.length, args.size)
    for seed, (name, clip) in enumerate(clips.items(), args.seed):
        for kind in args.kinds if not args.only or name in args.only else ():
            case = make(clip, kind, seed)
            for way in args.ways:
                began = time.perf_counter()
                frames = WAYS[way](editor, len(case.frames)).restore(case.frames, case.masks).frames
                assert isinstance(frames, torch.Tensor)
                details.append(
                    {
                        "clip": name,
                        "damage": kind,
                        "way": way,
                        "hole_psnr": psnr(frames, case.truth, case.masks),
                        "seconds_a_repair": (time.perf_counter() - began) / int(case.masks.flatten(1).any(1).sum()),
                    }
                )
                print(details[-1], flush=True)
            write(args.out, {**about(args), "rows": means(details), "clips": details})


def about(args: argparse.Namespace) -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "commit": commit(),
        "seed": args.seed,
        "machine": machine(args.threads),
        "length": args.length,
        "size": args.size,
    }


if __name__ == "__main__":
    main()
