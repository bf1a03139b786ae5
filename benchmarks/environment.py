"""Steps of the decision process a second, and what choosing costs: python benchmarks/environment.py [--device cuda].

Many clips are repaired side by side at random, and once more by the agents; then the very repairs of the random run are
made again by the editor alone, which is the floor: no environment that makes them can be faster. The opening of an
episode, where motion is measured clip by clip, is counted apart. Losses are compared in decibels, without the reward
for motion at the end.

Last, one clip at a time is repaired as ``rovr restore`` does, and the time of its selector taken. Motion, which a
selector is often the first to ask for, is not part of that: the editor would have asked for it next.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from _common import ROOT, commit, machine, write
from speed import LENGTH, Clock, clip

from rovr.agents import Agent
from rovr.data.cases import Case
from rovr.data.corrupt import damage
from rovr.editor.aligned import AlignedEditor
from rovr.editor.batch import BatchSession
from rovr.editor.chaining import Chain
from rovr.editor.loading import load_editor, shipped
from rovr.mdp.encoder import load_encoder
from rovr.mdp.environment import RepairEnv
from rovr.mdp.reward import Reward
from rovr.mdp.state import RepairState
from rovr.repair import Repairer
from rovr.rl.rollout import Act, Rollout, collect, greedy
from rovr.select import load_selector
from rovr.select.base import Selector

TARGET_SHARE = 0.15


def case(size: int, seed: int) -> Case:
    """A damaged clip of ``size``."""
    frames, masks = clip(seed, size)
    return Case(frames, damage(frames, masks), masks)


def at_random(generator: torch.Generator) -> Act:
    """Picks any item that may be picked."""
    return lambda seen: (torch.multinomial(seen["mask"].float().cpu(), 1, generator=generator)[:, 0], {})


def repairs_of(played: Rollout, contexts: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Rows and actions (R, 1 + K) of each round of repairs."""
    rounds = played.actions.split(1 + contexts), played.alive.split(1 + contexts)
    found = []
    for actions, alive in zip(*rounds, strict=True):
        rows = alive[0].nonzero().flatten()
        found.append((rows, actions.T[rows]))
    return found


@torch.inference_mode()
def by_editor_alone(
    session: BatchSession, masks: torch.Tensor, repairs: list[tuple[torch.Tensor, torch.Tensor]]
) -> None:
    """Make repairs without anybody choosing or judging them."""
    for rows, actions in repairs:
        frames = actions[:, 0]
        images, doubt = session.edit(rows, frames, masks[rows, frames], actions[:, 1:])
        session.record(rows, frames, images, doubt)


def clocked(call: Callable[[], Any], device: str) -> tuple[float, Any]:
    """Seconds that a call takes, and what it returns."""
    began = time.perf_counter()
    result = call()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began, result


def steps(editor: AlignedEditor, agent: Agent, size: int, episodes: int, rounds: int, device: str) -> dict[str, Any]:
    """Rates for one size of frames, medians over rounds."""
    encoder = load_encoder("editor").to(device)
    env = RepairEnv(
        editor, encoder, lambda chance: case(size, int(chance.integers(2**31))), Reward(decibels=True), episodes
    )
    cases = [case(size, seed) for seed in range(episodes)]
    masks = torch.stack([one.masks for one in cases]).to(device)
    taken: dict[str, list[float]] = {"opening": [], "random": [], "agents": [], "editor alone": []}
    for turn in range(rounds + 1):
        opening, seen = clocked(lambda: env.begin(cases), device)
        chance = at_random(torch.Generator().manual_seed(turn))
        stepping, played = clocked(lambda seen=seen, chance=chance: collect(env, seen, chance), device)
        repairs = repairs_of(played, env.contexts)
        seen = env.begin(cases)
        by_agents, _ = clocked(lambda seen=seen: collect(env, seen, greedy(agent)), device)
        session = BatchSession(editor, [RepairState.begin(one.frames.clone(), one.masks) for one in cases])
        alone, _ = clocked(lambda session=session, repairs=repairs: by_editor_alone(session, masks, repairs), device)
        if turn:  # the first warms up
            for name, seconds in zip(taken, (opening, stepping, by_agents, alone), strict=True):
                taken[name].append(seconds)
    count = sum(len(rows) for rows, _ in repairs)
    middle = {name: statistics.median(seconds) for name, seconds in taken.items()}
    return {
        "size": size,
        "clips": episodes,
        "repairs_a_second": count / middle["random"],
        "micro_steps_a_second": count * (1 + env.contexts) / middle["random"],
        "repairs_a_second_with_agents": count / middle["agents"],
        "repairs_a_second_by_the_editor_alone": count / middle["editor alone"],
        "share_of_the_floor": middle["editor alone"] / middle["random"],
        "opening_seconds_a_clip": middle["opening"] / episodes,
    }


def choosing(editor: AlignedEditor, selector: Selector, rounds: int) -> dict[str, Any]:
    """What of the time of a repair from frames in memory goes into choosing, mean over rounds."""
    clock, seconds = Clock(), 0.0
    parts = [(Chain, "step", "motion"), (editor, "prepare", "preparing"), (selector, "select", "choosing")]
    parts.append((selector, "reset", "choosing"))
    originals = [(holder, method, getattr(holder, method)) for holder, method, _ in parts]
    for holder, method, name in parts:
        setattr(holder, method, clock.timed(name, getattr(holder, method)))
    for seed in range(rounds + 1):
        if seed == 1:  # the first warmed up
            clock.spent.clear()
            seconds = 0.0
        frames, masks = clip(seed)
        state = RepairState.begin(damage(frames, masks), masks)
        seconds += clocked(lambda s=state: Repairer(editor, selector).run(s, torch.Generator()), "cpu")[0]
    for holder, method, original in originals:
        setattr(holder, method, original)
    each = 1000 / LENGTH / rounds
    spent = clock.spent["choosing"]
    return {"selector": selector.name, "share": spent / seconds, "ms_a_frame": spent * each, "of": seconds * each}


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128, 256])
    parser.add_argument("--episodes", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "environment.json")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    editor = load_editor("aligned", args.device)
    assert isinstance(editor, AlignedEditor)
    agent = Agent.load(shipped("agent"), args.device).eval()
    rows = [steps(editor, agent, size, args.episodes, args.rounds, args.device) for size in args.sizes]
    shares = [choosing(editor, load_selector(name, args.device), args.rounds) for name in ("sight", "agent")]
    report = {
        "commit": commit(),
        "seed": f"0–{args.episodes - 1}",
        "machine": machine(args.threads),
        "device": args.device,
    }
    report |= {"rows": rows, "choosing": shares, "target_share": TARGET_SHARE}
    report["met"] = all(row["share"] <= TARGET_SHARE for row in shares)
    write(args.out, report)
    for row in [*rows, *shares]:
        print(row)


if __name__ == "__main__":
    main()
