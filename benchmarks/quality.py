"""How well holes are repaired: editors × selectors on the same clips and damage.

    python benchmarks/quality.py --clips DIR [--seeds 4] [--out results/quality.json]

Each clip's first 25 frames at 256×256 are damaged (``shift``), by each seed differently in every clip, and repaired by
every method. PSNR is taken from the squared error pooled over a clip, and averaged over clips and seeds. Without
``--clips`` the folder ``test`` of the variable ROVR_DATA is used.
"""

import argparse
import json
import multiprocessing
import os
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _common import ROOT, clips_of, commit, footage, machine, span, write
from _propagation import chained
from torch import Tensor

from rovr.data.corrupt import damage, make_masks
from rovr.editor import load_editor
from rovr.editor.loading import build_editor
from rovr.mdp.state import RepairState
from rovr.metrics import psnr, ssim
from rovr.repair import Repairer
from rovr.select import load_selector

LEARNED = ("concat", "aligned")
STILL = ("telea", "navier-stokes")
SELECTORS = ("sequential", "coverage", "sight", "agent")


Method = Callable[[Tensor, Tensor], Tensor]


def repairer(editor: str, selector: str, weights: Path | None) -> Method:
    """A method as a function of frames and masks."""
    gamma = build_editor("aligned") if editor.startswith("untrained") else load_editor(editor, weights=weights)

    def run(frames: Tensor, masks: Tensor) -> Tensor:
        state = RepairState.begin(frames.clone(), masks)
        return Repairer(gamma, load_selector(selector)).run(state, torch.Generator().manual_seed(0)).frames

    return run


def methods(args: argparse.Namespace) -> dict[tuple[str, str], Method]:
    """Editor and selector → method. Editors that look at no context do not care whom they are given."""
    wanted = [(name, "–") for name in STILL]
    wanted += [("chained flow", "all frames")]
    wanted += [(name, selector) for name in ("untrained aligned", *LEARNED) for selector in SELECTORS]
    found: dict[tuple[str, str], Method] = {}
    for name, selector in wanted:
        weights = getattr(args, name, None)
        if (args.only and name not in args.only) or (name == "concat" and weights is None):
            continue
        rule = "sequential" if selector == "–" else selector
        found[name, selector] = chained if name == "chained flow" else repairer(name, rule, weights)
    return found


@torch.inference_mode()
def measure(task: tuple[argparse.Namespace, str, Tensor, int]) -> list[dict[str, Any]]:
    """All methods on one damaged clip."""
    args, name, truth, seed = task
    torch.set_num_threads(1)
    masks = make_masks("shift", len(truth), truth.shape[-2], truth.shape[-1], zlib.crc32(f"{name} {seed}".encode()))
    damaged = damage(truth, masks)
    rows = []
    for (editor, selector), method in methods(args).items():
        began = time.perf_counter()
        repaired = method(damaged, masks)
        seconds = (time.perf_counter() - began) / len(truth)
        assert torch.equal(torch.where(masks, 0, repaired), torch.where(masks, 0, damaged)), "touched a known pixel"
        rows.append(
            {
                "clip": name,
                "seed": seed,
                "commit": args.commit,
                "editor": editor,
                "selector": selector,
                "hole_psnr": psnr(repaired, truth, masks),
                "hole_ssim": ssim(repaired, truth, masks),
                "psnr": psnr(repaired, truth),
                "seconds_a_frame": seconds,
            }
        )
    return rows


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, help="folder of clips")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--length", type=int, default=25)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--only", nargs="+", help="these editors alone")
    parser.add_argument("--keep", action="store_true", help="keep the other editors' figures of the results file")
    parser.add_argument("--aligned", type=Path, help="weights in place of the ones that ship")
    parser.add_argument("--concat", type=Path, help="weights of the concat editor, which ships none")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "quality.json")
    args = parser.parse_args()
    firsts = clips_of(args.clips or footage("test"), args.length, args.size)
    setting = {"clips": sorted(firsts), "frames": args.length, "size": args.size, "seed": span(args.seeds)}
    kept = earlier(args.out, setting, args.only or ()) if args.keep else []
    args.commit = commit()
    tasks = [(args, name, firsts[name], seed) for name in firsts for seed in range(args.seeds)]
    details = kept
    with multiprocessing.get_context("spawn").Pool(args.workers) as pool:
        for done, rows in enumerate(pool.imap_unordered(measure, tasks), 1):
            details += rows
            print(f"{done}/{len(tasks)}  {rows[0]['clip']}", flush=True)
    details.sort(key=lambda row: (row["clip"], row["seed"]))
    figures = ("hole_psnr", "hole_ssim", "psnr")
    order = [*STILL, "chained flow", "untrained aligned", *LEARNED]
    keys = sorted(
        dict.fromkeys((row["editor"], row["selector"]) for row in details), key=lambda key: order.index(key[0])
    )
    rows = []
    for editor, selector in keys:
        own = [row for row in details if (row["editor"], row["selector"]) == (editor, selector)]
        row = {"editor": editor, "selector": selector}
        rows.append({**row, **{figure: float(np.mean([r[figure] for r in own])) for figure in figures}})
    report = {
        # With --keep rows come from several.
        "commit": ", ".join(dict.fromkeys(row["commit"] for row in details)),
        "machine": machine(1),
        **setting,
        "rows": rows,
        "gains": gains(rows),
        "details": details,
    }
    write(args.out, report)
    for row in rows:
        print("{editor:<18}{selector:<12}{hole_psnr:7.2f} dB {hole_ssim:7.3f} {psnr:7.2f} dB".format(**row))


def earlier(path: Path, setting: dict[str, Any], measured_now: Sequence[str]) -> list[dict[str, Any]]:
    """What an earlier run found of other editors, each row with the commit it was found at."""
    report = json.loads(path.read_text())
    differing = [key for key, value in setting.items() if report[key] != value]
    if differing:
        raise SystemExit(f"{path} was measured with other {', '.join(differing)}; measure everything anew")
    rows = [{"commit": report["commit"], **row} for row in report["details"]]
    return [row for row in rows if row["editor"] not in measured_now]


def gains(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Hole-PSNR of ``aligned`` with its best selector over each other editor with its best, in decibels."""
    best: dict[str, float] = {}
    for row in rows:
        best[row["editor"]] = max(best.get(row["editor"], -np.inf), row["hole_psnr"])
    if "aligned" not in best:
        return {}
    return {f"over {name}": best["aligned"] - score for name, score in best.items() if name != "aligned"}


if __name__ == "__main__":
    main()
