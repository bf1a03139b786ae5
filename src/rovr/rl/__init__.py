"""Learners of the policies π1 and π2, by name; all share one micro-step, "pick one of n items under a mask"."""

from dataclasses import fields
from typing import Any

from rovr.errors import UserError
from rovr.rl.agent import Agent, SharedAgent
from rovr.rl.dqn import DQN
from rovr.rl.env import BatchEnv, Expert, Observation
from rovr.rl.grpo import GRPO
from rovr.rl.imitation import Imitation
from rovr.rl.learner import Learner
from rovr.rl.partner import PartneredEnv
from rovr.rl.ppg import PPG
from rovr.rl.ppo import PPO

__all__ = [
    "LEARNERS",
    "Agent",
    "BatchEnv",
    "Expert",
    "Learner",
    "Observation",
    "PartneredEnv",
    "SharedAgent",
    "load_learner",
]

LEARNERS: dict[str, type[Learner]] = {learner.name: learner for learner in (PPG, PPO, GRPO, DQN, Imitation)}


def load_learner(name: str, agent: Agent, expert: Expert | None = None, **options: Any) -> Learner:
    """Make a learner by its name.

    Args:
        name: a key of ``LEARNERS``.
        agent: what is improved, in place.
        expert: whom to learn from.
        options: fields of the learner's ``Config``.

    Raises:
        UserError: for an unknown name or option, or options that do not fit the agent.
    """
    if name not in LEARNERS:
        raise UserError(f"no learner is called '{name}'; choose from {', '.join(LEARNERS)}")
    learner = LEARNERS[name]
    known = [field.name for field in fields(learner.Config)]
    unknown = [option for option in options if option not in known]
    if unknown:
        raise UserError(f"learner '{name}' has no option {', '.join(unknown)}; it has {', '.join(known)}")
    return learner(agent, learner.Config(**options), expert)
