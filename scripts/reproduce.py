"""From a folder of clips to the poster's two figures, and how much of the motion comes back.

    python scripts/reproduce.py [--clips DIR] [--scale tiny|full] [--out reproduce/tiny]

It trains agents and, for the 2×2 of Figure 1, two editors under two samplers each; measures rules and agents on clips
that nothing was trained on; and has ``rovr report`` draw what came out. ``DIR`` holds clips, or two folders of them
named ``train`` and ``test``; without it the bundled clip is cut into both. ``tiny`` takes minutes on two cores and
shows that the way is whole; ``full`` has the poster's sizes, downloads its networks and wants a GPU. The same command
goes on where an earlier one was stopped. ``--check`` exits with 1 where the poster's ordering does not show.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from _findings import findings, told
from _sequences import split
from _steps import SAMPLERS, SCALES, Run

from rovr.errors import UserError
from rovr.evaluate.origin import commit, machine


def reproduce(run: Run, clips: Path | None) -> dict[str, Any]:
    """Do all of it.

    Args:
        run: how.
        clips: folder of clips; None for the bundled one.

    Returns:
        What was found, as it is written to ``found.json``.

    Raises:
        UserError: no clips, or a folder with results of other settings.
    """
    began = sum(os.times()[:4])
    scale, out = run.scale, run.out
    fresh = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    train, test, apart = split(clips, out / "clips", scale.length)
    run.settle(train, test)
    run.say(f"training on {train}, testing on {test}: {apart}")
    agent = run.agents(train)
    samplers = dict(zip(SAMPLERS, ("sequential", str(agent)), strict=True))
    trained = {
        (editor, sampler): run.editor(editor, sampler, who, train)
        for editor in scale.editors
        for sampler, who in samplers.items()
    }
    run.announce("Measuring rules and agents with the editor that ships")
    media = out / "videos"
    whole = run.measure("evaluation", test, (*scale.rules, str(agent)), media=media)
    budgets = {}
    for count in scale.contexts:
        run.announce(f"Measuring both samplers with {count} context{'s' * (count != 1)}")
        budgets[count] = run.measure(run.budget(count).stem, test, tuple(samplers.values()), contexts=count)
    crossed = {}
    first = scale.editors[0]
    for sampler in samplers:
        run.announce(f"Measuring the editor '{first}' that was trained on {sampler}, under both samplers")
        weights = trained[first, sampler]
        crossed[sampler] = run.measure(
            f"{first}-{sampler}", test, tuple(samplers.values()), editor=first, weights=weights
        )
    page = run.draw(agent)
    logs = {pair: run.folder(*pair) / "metrics.csv" for pair in trained}
    found = {
        "commit": commit("src", "scripts"),
        "seed": run.seed,
        "machine": machine(torch.get_num_threads()),
        **findings(whole, agent.stem, logs, crossed, budgets),
        "apart": apart,
        # Of a run that went on from an earlier one it would say little.
        "cpu_seconds": round(sum(os.times()[:4]) - began) if fresh else None,
    }
    (out / "found.json").write_text(json.dumps(found, indent=1) + "\n")
    for line in (*told(found), f"figures and page: {page}"):
        run.say(line)
    return found


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, help="folder of clips, or of folders train and test")
    parser.add_argument("--scale", choices=SCALES, default="tiny")
    parser.add_argument("--out", type=Path, help="folder for everything; by default reproduce/SCALE")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--check", action="store_true", help="exit 1 where agents are not above sequential sampling")
    args = parser.parse_args()
    out = args.out or Path("reproduce") / args.scale
    try:
        found = reproduce(Run(SCALES[args.scale], out, args.device, args.seed), args.clips)
    except UserError as error:
        print(f"reproduce: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(f"reproduce: interrupted; what is done is kept in {out}, and the same command goes on", file=sys.stderr)
        sys.exit(130)
    if args.check and not found["ordering"]["shows"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
