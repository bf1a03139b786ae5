"""``rovr train agents``: put clips, editor, environment and learners together."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rovr.agents import Agent, AgentConfig
from rovr.batch.cluster import connected
from rovr.data.cases import Case, CaseDraw, ClipDraw, check_kinds, first_clips, make_case
from rovr.device import pick_device
from rovr.editor.training.run import warn_of_shared
from rovr.editor.training.tracker import open_tracker
from rovr.errors import UserError
from rovr.mdp.environment import RepairEnv
from rovr.metrics import psnr
from rovr.rl import LEARNERS, PartneredEnv, load_learner
from rovr.rl.env import Expert
from rovr.rl.rollout import Act, Rollout, collect, greedy
from rovr.train.config import TAUGHT, AgentTrainConfig, Settled, settle
from rovr.train.experts import easiest, sight
from rovr.train.practice import Practice, PracticeConfig
from rovr.train.rooms import DRILL, WHOLE, build_encoder, build_env, build_rooms, describe_reward, flow_to_be_had
from rovr.train.shards import Crew, Player, ShardedEnv
from rovr.train.trainer import AgentTrainer, Stage
from rovr.types import counted

VALIDATION_SEED = 1000

TRIES = 8
"""Tries at each repair of the drill."""


def train_agents(config: AgentTrainConfig, say: Callable[[str], None] = print) -> Path:
    """Train, or continue training, and return the path of the agent.

    Raises:
        UserError: settings that cannot work, or no clips.
    """
    settled = settle(config)
    check_kinds(config.damage)
    torch.set_num_threads(config.threads)
    config = replace(anywhere(config), device=str(pick_device(config.device)))
    settled = flow_to_be_had(config, settled, say)
    draw = CaseDraw(ClipDraw.open(config.data, settled.length, settled.size), config.damage)
    say(describe_reward(settled))
    with crew_of(config, settled, draw, say) as crew:
        return _train(config, settled, draw, crew, say)


def _train(config: AgentTrainConfig, settled: Settled, draw: CaseDraw, crew: Crew, say: Callable[[str], None]) -> Path:
    shape = AgentConfig(settled.encoder, config.contexts, shared=config.shared, seed=config.seed)
    agent = Agent(shape if settled.rule is None else replace(shape, rule=settled.rule))
    agent.to(config.device)
    stages = build_stages(config, settled, agent, crew)
    validate = None
    if config.val is not None:
        watched = build_env(config, settled, draw)
        cases = validation_cases(config, settled)
        if isinstance(draw.draw, ClipDraw):
            warn_of_shared(draw.draw, config.val, say)
        rule = {f"sight_{name}": value for name, value in score(watched, cases, expert_act(watched, sight)).items()}
        say("validation, the rule 'sight': return {sight_return:.4f}, {sight_psnr:.2f} dB".format(**rule))

        def validate(agent: Agent) -> dict[str, float]:
            figures = score(watched, cases, greedy(agent))
            say("validation, greedy: return {return:.4f}, {psnr:.2f} dB".format(**figures))
            return {**figures, **rule}

    card = {
        "algorithm": config.algorithm,
        "preset": config.preset,
        "damage": list(config.damage),
        "seed": config.seed,
        "length": settled.length,
        "size": settled.size,
        "episodes": settled.episodes,
        "shard": settled.shard,
        "flow": settled.flow,
        "perceptual": Path(settled.perceptual).name,
    }
    say(f"training agents by {config.algorithm}, {counted(settled.episodes, 'clip')} side by side, into {config.out}")
    tracker = open_tracker(config.wandb, config.out, asdict(config))
    pace = (config.save_minutes, validate, config.validate_every)
    encoder = build_encoder(config, settled)
    trainer = AgentTrainer(config.out, agent, stages, card, *pace, tracker, encoder, decisive(config, settled))
    trainer.run()
    return trainer.weights


def anywhere(config: AgentTrainConfig) -> AgentTrainConfig:
    """The same settings for someone who is in another folder."""
    perceptual = config.perceptual
    if perceptual is not None and Path(perceptual).exists():
        perceptual = str(Path(perceptual).absolute())
    files = {name: getattr(config, name) for name in ("editor", "encoder_weights", "flow_weights")}
    found = {name: path.absolute() for name, path in files.items() if path is not None}
    return replace(config, data=tuple(path.absolute() for path in config.data), perceptual=perceptual, **found)


def decisive(config: AgentTrainConfig, settled: Settled) -> dict[str, Any]:
    """Settings that a run must go on with, as a checkpoint holds them: files by their names.

    How many iterations the last stage has is not among them, so that a run can be made longer.
    """
    names = ("algorithm", "contexts", "damage", "shared", "turns", "flow_weight")
    own = {name: getattr(config, name) for name in names}
    own["editor"] = "the one that ships" if config.editor is None else config.editor.name
    given = asdict(settled) | {"perceptual": Path(settled.perceptual).name}
    options = asdict(LEARNERS[config.algorithm].Config(**settled.options))
    return own | {name: given[name] for name in given if name not in ("iterations", "options")} | options


@contextmanager
def crew_of(config: AgentTrainConfig, settled: Settled, draw: CaseDraw, say: Callable[[str], None]) -> Iterator[Crew]:
    """Who plays the episodes: this process, or workers."""
    if config.ray is None and config.workers in (None, 1):
        yield Player(build_rooms(config, settled, draw))
        return
    cores = None if config.workers is None else config.workers * config.threads
    with connected(config.ray or "local", cores):
        from rovr.train.cluster import RayCrew

        build = partial(build_rooms, config, settled, draw)
        with RayCrew(build, config.workers, config.threads, config.device, say) as crew:
            say(f"episodes are played by workers on Ray, in shards of {settled.shard}")
            yield crew


def build_stages(config: AgentTrainConfig, settled: Settled, agent: Agent, crew: Crew) -> list[Stage]:
    """What the agents go through."""
    stages = []
    env = ShardedEnv(crew, WHOLE, settled.episodes, settled.group, settled.shard)
    if settled.imitate and config.algorithm not in TAUGHT:
        learner = load_learner("imitation", agent, sight, seed=config.seed)
        stages.append(Stage("imitate", learner, settled.imitate, env))
    if settled.drill and config.algorithm not in TAUGHT:
        room = ShardedEnv(crew, DRILL, settled.episodes, math.gcd(TRIES, settled.episodes), settled.shard)
        practice = Practice(agent, PracticeConfig(config.seed, room.group))
        stages.append(Stage("drill", practice, settled.drill, room))
    alone = {"frames": PartneredEnv(env, easiest, True), "contexts": PartneredEnv(env, easiest, False)}
    for role, beside in alone.items() if settled.partners else ():
        learner = load_learner(config.algorithm, agent, **settled.options)
        stages.append(Stage(f"{config.algorithm}-{role}", learner, settled.partners, beside))
    learner = load_learner(config.algorithm, agent, sight, **settled.options)
    return [*stages, Stage(config.algorithm, learner, settled.iterations, env, config.turns)]


def validation_cases(config: AgentTrainConfig, settled: Settled) -> list[Case]:
    """The first clip of every sequence, each with its own damage, always the same."""
    assert config.val is not None
    firsts = first_clips(config.val, settled.length, settled.size)
    if not firsts:
        raise UserError(f"no clip of {settled.length} frames in {config.val}")
    kinds = config.damage
    return [
        make_case(firsts[name], kinds[k % len(kinds)], VALIDATION_SEED + k) for k, name in enumerate(sorted(firsts))
    ]


@torch.inference_mode()
def score(env: RepairEnv, cases: list[Case], act: Act) -> dict[str, float]:
    """Mean return and hole-PSNR over cases, a batch at a time."""
    returns, ratios = [], []
    for first in range(0, len(cases), env.size):
        few = cases[first : first + env.size]
        padded = few + few[:1] * (env.size - len(few))
        rollout: Rollout = collect(env, env.begin(padded), act)
        returns += rollout.rewards.sum(0)[: len(few)].tolist()
        ratios += [psnr(env.repaired(k).cpu(), case.truth, case.masks) for k, case in enumerate(few)]
    return {"return": float(np.mean(returns)), "psnr": float(np.mean(ratios))}


def expert_act(env: RepairEnv, expert: Expert) -> Act:
    """An expert as one who acts."""
    return lambda observation: (expert(env, observation), {})
