"""Learners in the real decision process: after a few clips, clips never seen are repaired better by their choice."""

import numpy as np
import pytest
import torch
from test_agents import clip, untaught

from rovr.agents import Agent, AgentConfig
from rovr.data.cases import Case, make_case
from rovr.editor.aligned import AlignedEditor
from rovr.mdp.drill import DrillEnv
from rovr.mdp.encoder import EditorEncoder
from rovr.mdp.environment import RepairEnv
from rovr.mdp.reward import Reward
from rovr.rl import load_learner
from rovr.rl.learner import Learner
from rovr.rl.rollout import greedy
from rovr.train.experts import sequential, sight
from rovr.train.practice import Practice, PracticeConfig
from rovr.train.run import expert_act, score

COPIES = 8

# Some seconds each, and much longer on a busy machine.
pytestmark = pytest.mark.timeout(600)


def make(chance: np.random.Generator) -> Case:
    return make_case(clip(chance, 6), "shift", int(chance.integers(2**31)))


def parts() -> tuple[AlignedEditor, EditorEncoder, object, Reward]:
    return untaught(), EditorEncoder(), make, Reward(decibels=True)


def learning(how: str) -> tuple[Agent, Learner, RepairEnv]:
    """An agent that knows nothing, who teaches it, and where."""
    agent = Agent(AgentConfig(rule=0.0, seed=1))
    if how == "drill":
        room = DrillEnv(*parts(), COPIES, group=COPIES)  # type: ignore[arg-type]
        return agent, Practice(agent, PracticeConfig(1, COPIES)), room
    cloning = load_learner("imitation", agent, sight, seed=1, beta=1.0, lr=1e-3)
    return agent, cloning, RepairEnv(*parts(), 4)  # type: ignore[arg-type]


@pytest.mark.parametrize("how", ["drill", "cloning"])
def test_it_learns_to_choose(how: str) -> None:
    watched = RepairEnv(*parts(), 6)  # type: ignore[arg-type]
    cases = [make(np.random.default_rng(1000 + k)) for k in range(6)]
    agent, learner, room = learning(how)
    nothing = score(watched, cases, greedy(agent))
    for _ in range(3):
        learner.iterate(room)
    learned = score(watched, cases, greedy(agent))
    naive, rule = (score(watched, cases, expert_act(watched, expert)) for expert in (sequential, sight))
    # In decibels of error taken away, over an episode of up to six repairs.
    assert learned["return"] > nothing["return"] + 2
    assert learned["return"] > naive["return"] + 2
    # Most of the way to the rule that follows the motion, which nobody told the drill about.
    assert learned["return"] - nothing["return"] > 0.6 * (rule["return"] - nothing["return"])
    assert learned["psnr"] > nothing["psnr"]


@pytest.mark.parametrize("how", ["drill", "cloning"])
def test_a_seed_decides_what_is_learned(how: str) -> None:
    states = []
    for _ in range(2):
        agent, learner, room = learning(how)
        learner.iterate(room)
        states.append(agent.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    untaught = Agent(AgentConfig(rule=0.0, seed=1)).state_dict()
    assert any(not torch.equal(states[0][name], untaught[name]) for name in untaught)
