"""How learners of the policies compare at equal numbers of repairs, and how much chance has to say.

    python benchmarks/agents.py [--clips DIR …] [--val DIR] [--runs runs/agents] [--out results/agents.json]

Every run trains on the same clips with the same number of repairs, at a size that a CPU manages, and is then judged on
validation clips with damage that is always the same. Learners start from nothing, so that there is something to learn;
variants of them, and imitation, are tried on the plain damage alone. ``default`` is the shipped recipe in small, which
starts from the rule ``sight``, with many seeds. Runs that were stopped go on, and finished ones are not repeated.
Without ``--clips`` those of the variable ROVR_DATA are taken.
"""

import argparse
import csv
import json
import math
import multiprocessing
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _common import ROOT, commit, machine, span, write

from rovr.agents import Agent
from rovr.rl.rollout import greedy
from rovr.train import experts
from rovr.train.config import PRESETS, AgentTrainConfig, settle
from rovr.train.run import build_env, expert_act, score, train_agents, validation_cases

LENGTH, SIZE, EPISODES, ITERATIONS = 10, 64, 16, 40
DAMAGE = ("shift", "shift+photometric")
RULES = {
    "sequential": experts.sequential,
    "coverage": experts.coverage,
    "sight": experts.sight,
    "sight, easiest first": experts.easiest,
}

PPG = {"policy_iterations": 8, "aux_epochs": 1, "epochs": 2, "gamma": 0.5, "minibatch": 192, "lr": 5e-4}
PPO = {name: PPG[name] for name in ("epochs", "gamma", "minibatch", "lr")}


@dataclass(frozen=True)
class Variant:
    """One way to train.

    Attributes:
        algorithm: the learner.
        options: its settings.
        imitate: iterations of imitation first, of the total.
        drill: iterations of drill first, of the total.
        partners: iterations of π1 and of π2 beside an expert first, each, of the total.
        before: batches that the learner's own expert plays first, of the total.
        turns: see ``rovr train agents --turns``.
        shared: see ``rovr train agents --shared``.
        rule: see ``rovr train agents --rule``.
    """

    algorithm: str
    options: dict[str, Any]
    imitate: int = 0
    drill: int = 0
    partners: int = 0
    before: int = 0
    turns: int = 0
    shared: bool = False
    rule: float = 0.0


LEARNERS = {
    "ppg": Variant("ppg", PPG),
    "ppo": Variant("ppo", PPO),
    "grpo": Variant("grpo", {"group": 8}),
    "dqn without demonstrations": Variant("dqn", {}),
    # As many repairs as all others, and as many updates as without demonstrations.
    "dqn with demonstrations": Variant("dqn", {"demo_batches": 8, "pretrain": 512}, before=8),
}
VARIANTS = {
    "ppg without auxiliary phases": Variant("ppg", {**PPG, "aux_epochs": 0}),
    "ppg, expert first": Variant("ppg", PPG, imitate=8),
    "ppg, expert partners first": Variant("ppg", PPG, partners=8),
    "ppg, π1 and π2 in turns": Variant("ppg", PPG, turns=4),
    "ppg, drill first": Variant("ppg", PPG, drill=12),
    "ppo, shared parameters": Variant("ppo", {**PPO, "value_epochs": PPO["epochs"]}, shared=True),
    "behaviour cloning": Variant("imitation", {"beta": 1.0}),
    "dagger": Variant("imitation", {}),
}
DEFAULT = {"default": Variant("ppg", {**PPG, "lr": 1e-4}, drill=12, rule=20.0)}


@dataclass(frozen=True)
class Run:
    """A variant on a kind of damage with a seed, and where its files are."""

    name: str
    variant: Variant
    damage: str
    seed: int
    folder: Path

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it from other runs."""
        return self.name, self.damage, self.seed


def config(run: Run, clips: tuple[Path, ...], val: Path) -> AgentTrainConfig:
    """The run's settings; its learner's come as a preset of their own."""
    variant = run.variant
    preset = f"study {run.name}"
    main = ITERATIONS - variant.imitate - variant.drill - 2 * variant.partners - variant.before
    sizes = {"iterations": main, "episodes": EPISODES, "length": LENGTH, "size": SIZE}
    phases = {"imitate": variant.imitate, "drill": variant.drill, "partners": variant.partners}
    signal = {"decibels": True, "relative": True, "group": 4}
    PRESETS[preset] = {**sizes, **phases, **signal, "options": {variant.algorithm: variant.options}}
    return AgentTrainConfig(
        data=clips,
        out=run.folder,
        val=val,
        algorithm=variant.algorithm,  # type: ignore[arg-type]
        preset=preset,  # type: ignore[arg-type]
        damage=(run.damage,),
        shared=variant.shared,
        turns=variant.turns,
        rule=variant.rule,
        seed=run.seed,
        threads=1,
        validate_every=10,
    )


def judge(settings: AgentTrainConfig, acting: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return and hole-PSNR on the validation clips, of agents and rules; repairs count against the damaged frame."""
    settled = settle(settings)
    settled = type(settled)(**{**vars(settled), "relative": False, "group": 1})
    # Nothing is drawn, so that no training clip has to be read.
    env = build_env(settings, settled, None)  # type: ignore[arg-type]
    cases = validation_cases(settings, settled)
    found = {}
    for name, actor in acting.items():
        act = greedy(actor) if isinstance(actor, Agent) else expert_act(env, actor)
        found[name] = score(env, cases, act)
    return found


def curve(path: Path) -> list[dict[str, float]]:
    """Return and hole-PSNR during training; the return is relative to the rule's here."""
    with path.open() as file:
        rows = [row for row in csv.DictReader(file) if row["name"] in ("val/return", "val/psnr")]
    steps = dict.fromkeys(int(row["step"]) for row in rows)
    named = {(int(row["step"]), row["name"]): float(row["value"]) for row in rows}
    return [{"step": s, "return": named[s, "val/return"], "psnr": named[s, "val/psnr"]} for s in steps]


def carry_out(task: tuple[Run, tuple[Path, ...], Path, str]) -> dict[str, Any]:
    """Train, unless that was done before, and judge."""
    run, clips, val, at = task
    done = run.folder / "judged.json"
    if done.exists():
        return dict(json.loads(done.read_text()))
    settings = config(run, clips, val)
    run.folder.mkdir(parents=True, exist_ok=True)
    began = time.process_time()
    with (run.folder / "said.txt").open("a") as said:
        agent = train_agents(settings, lambda line: print(line, file=said, flush=True))
    figures = judge(settings, {"agent": Agent.load(agent)})["agent"]
    row = {"name": run.name, "damage": run.damage, "seed": run.seed, "commit": at, **figures}
    row |= {"cpu_minutes": (time.process_time() - began) / 60, "curve": curve(run.folder / "metrics.csv")}
    write(done, row)
    return row


def judge_rules(folder: Path, damage: str, val: Path) -> dict[str, dict[str, Any]]:
    """What each rule makes of the validation clips, unless that was found before."""
    acting = {**RULES, "one-step oracle": experts.Oracle()}
    done = folder / "judged.json"
    found = dict(json.loads(done.read_text())) if done.exists() else {}
    if missing := {name: rule for name, rule in acting.items() if name not in found}:
        torch.set_num_threads(1)
        rules = judge(config(Run("rules", DEFAULT["default"], damage, 0, folder), (), val), missing)
        found |= {name: {**figures, "commit": commit()} for name, figures in rules.items()}
        write(done, found)
    return {name: found[name] for name in acting}


def main() -> None:
    """Run the study and write its results file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("ROVR_DATA", "data"))
    parser.add_argument("--clips", type=Path, nargs="+", default=[data / "train", data / "train_side"])
    parser.add_argument("--val", type=Path, default=data / "val")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "agents")
    parser.add_argument("--seeds", type=int, default=5, help="of the default recipe")
    parser.add_argument("--learner-seeds", type=int, default=2)
    parser.add_argument("--only", nargs="+", help="these variants alone")
    parser.add_argument("--damage", nargs="+", choices=DAMAGE, default=DAMAGE, help="these kinds alone")
    parser.add_argument("--extend", action="store_true", help="keep the runs that --out has, and add to them")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "agents.json")
    args = parser.parse_args()
    plan = [(DEFAULT, DAMAGE, args.seeds), (LEARNERS, DAMAGE, args.learner_seeds)]
    plan.append((VARIANTS, DAMAGE[:1], args.learner_seeds))
    runs = [
        Run(name, variant, damage, seed, args.runs / name.replace(" ", "-").replace(",", "") / damage / str(seed))
        for variants, damages, seeds in plan
        for seed in range(seeds)
        for name, variant in variants.items()
        for damage in damages
        if damage in args.damage and (not args.only or name in args.only)
    ]
    rows = json.loads(args.out.read_text())["runs"] if args.extend else []
    held = {(row["name"], row["damage"], row["seed"]) for row in rows}
    tasks = [(run, tuple(args.clips), args.val, commit()) for run in runs if run.key not in held]
    with multiprocessing.get_context("spawn").Pool(args.workers) as pool:
        for count, row in enumerate(pool.imap_unordered(carry_out, tasks), 1):
            rows.append(row)
            print(f"{count}/{len(tasks)}  {row['name']}, {row['damage']}, seed {row['seed']}: {row['psnr']:.2f} dB")
    bounds = {damage: judge_rules(args.runs / "rules" / damage, damage, args.val) for damage in DAMAGE}
    rows.sort(key=lambda row: (row["name"], row["damage"], row["seed"]))
    judged = [*rows, *(figures for rules in bounds.values() for figures in rules.values())]
    commits = ", ".join(sorted({str(one["commit"]) for one in judged}))
    report = {"commit": commits, "machine": machine(1), "seed": span(1 + max(row["seed"] for row in rows))}
    report |= {"length": LENGTH, "size": SIZE, "episodes": EPISODES, "iterations": ITERATIONS}
    write(args.out, {**report, "rows": summary(rows, bounds), "runs": rows})


def summary(runs: list[dict[str, Any]], bounds: dict[str, dict[str, dict[str, float]]]) -> list[dict[str, Any]]:
    """One line for each way and kind of damage: the mean over seeds, how far apart they are, what it is beside ppg.

    The gain's standard error is that of a difference of two means. Rules know no chance; a learner with one seed does,
    but how much is not known, and then there is no error to give.
    """
    lines = []
    for damage, rules in bounds.items():
        low, high = rules["sequential"]["return"], rules["one-step oracle"]["return"]
        named = {name: [figures] for name, figures in rules.items()}
        for run in runs:
            if run["damage"] == damage:
                named.setdefault(run["name"], []).append(run)
        base = np.array([figures["return"] for figures in named.get("ppg", [])])
        for name, found in named.items():
            returns = np.array([figures["return"] for figures in found])
            errors = [error(base), 0.0 if name in rules else error(returns)]
            known = name != "ppg" and None not in errors
            lines.append(
                {
                    "damage": damage,
                    "name": name,
                    "seeds": len(found),
                    "return": float(returns.mean()),
                    "least_return": float(returns.min()),
                    "spread_percent": float(100 * np.ptp(returns) / abs(returns.mean())) if len(returns) > 1 else None,
                    "psnr": float(np.mean([figures["psnr"] for figures in found])),
                    "way_to_oracle_percent": float(100 * (returns.mean() - low) / (high - low)),
                    "gain_over_ppg": float(returns.mean() - base.mean()) if len(base) and name != "ppg" else None,
                    "standard_error": math.hypot(*filter(None, errors)) if known else None,
                }
            )
    return lines


def error(returns: np.ndarray) -> float | None:
    """Standard error of the mean; None where one seed alone leaves it open."""
    return float(returns.std(ddof=1) / math.sqrt(len(returns))) if len(returns) > 1 else None


if __name__ == "__main__":
    main()
