"""GRPO: no critic; an episode is as good as it is better than others from the same start.

Shao et al. 2024, arXiv 2402.03300. Every micro-step of an episode with return R has the advantage

    A = (R − mean of the group's R) / deviation of the group's R

under PPO's clipped surrogate; optionally less β KL(π ‖ π_ref), with π_ref the policy before training.
"""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from rovr.errors import UserError
from rovr.rl.agent import Agent
from rovr.rl.choice import MaskedChoice
from rovr.rl.env import BatchEnv, Expert
from rovr.rl.learner import Figures, Learner, Stateful, descend, minibatches, weighted
from rovr.rl.ppo import policy_terms
from rovr.rl.rollout import Rollout, collect, sampling


@dataclass(frozen=True)
class GRPOConfig:
    """Group-relative policy optimisation."""

    seed: int = 0
    """Decides everything that is drawn."""
    group: int = 8
    """Episodes from the same start; must divide the number of episodes played at a time."""
    clip: float = 0.2
    """ε, how far the probability ratio may leave 1."""
    epochs: int = 4
    """Passes over a batch."""
    minibatch: int = 256
    """Micro-steps per gradient step."""
    lr: float = 3e-4
    """Learning rate."""
    entropy: float = 0.01
    """Bonus for the normalised entropy."""
    reference: float = 0.0
    """β, price of leaving the policy from before training; 0 = free."""
    max_norm: float = 0.5
    """Largest norm of the gradient."""


EQUAL = 1e-5
"""Relative differences of returns that are none."""


def group_advantages(returns: Tensor, group: int) -> Tensor:
    """Of episodes against those from the same start, which are neighbours: (B,) → (B,).

    A group whose returns are all equal says nothing: 0.
    """
    grouped = returns.unflatten(0, (-1, group))
    mean = grouped.mean(1, keepdim=True)
    centred = grouped - mean
    # In single precision the mean of equal numbers may not be that number.
    differ = centred.abs().amax(1, keepdim=True) > EQUAL * mean.abs().clamp(min=1)
    return (differ * centred / (grouped.std(1, keepdim=True) + 1e-6)).flatten()


class GRPO(Learner):
    """Learns the policies only."""

    name = "grpo"
    Config = GRPOConfig

    def __init__(self, agent: Agent, config: GRPOConfig, expert: Expert | None = None) -> None:
        super().__init__(agent, config, expert)
        if config.group < 2:
            raise UserError("option group must be at least 2: an episode is compared with the others of its group")
        self.config = config
        self.optimiser = torch.optim.Adam(agent.actor_parameters(), config.lr, eps=1e-5)
        self.reference = copy.deepcopy(agent) if config.reference else None

    def parts(self) -> dict[str, Stateful]:
        """Agent, optimiser, and the policy from before training if it is asked."""
        reference = {} if self.reference is None else {"reference": self.reference}
        return {"model": self.agent, "optimiser": self.optimiser, **reference}

    def _iterate(self, env: BatchEnv) -> dict[str, float]:
        if env.size % self.config.group:
            raise UserError(f"option group={self.config.group} must divide the {env.size} episodes played at a time")
        if self.reference is not None and self.iteration == 0:
            # What other stages have taught by now is to be kept.
            self.reference.load_state_dict(self.agent.state_dict())
        start = env.reset_group(self.generator, self.config.group)
        rollout = collect(env, start, sampling(self.agent, self.generator, values=False))
        return {**rollout.figures(), **self.update(rollout)}

    def update(self, rollout: Rollout) -> dict[str, float]:
        """Improve the policies on a batch of grouped episodes."""
        config, figures = self.config, Figures()
        advantages = group_advantages(rollout.rewards.sum(0), config.group).expand(rollout.actions.shape).flatten()
        old_log_probs, actions = rollout.notes["log_probs"].flatten(), rollout.actions.flatten()
        free = rollout.free.flatten().nonzero().squeeze(1)
        weights = {"policy_loss": 1.0, "entropy": -config.entropy, "reference_kl": config.reference}
        for _ in range(config.epochs):
            for steps in minibatches(free, config.minibatch, self.generator):
                observation = rollout.at(steps)
                choice = MaskedChoice(self.agent.policy(observation), observation["mask"])
                terms = policy_terms(choice, actions[steps], old_log_probs[steps], advantages[steps], config.clip)
                if self.reference is not None:
                    with torch.no_grad():
                        before = MaskedChoice(self.reference.policy(observation), observation["mask"])
                    terms["reference_kl"] = choice.kl(before).mean()
                norms = descend(weighted(terms, weights), {"actor": self.optimiser}, config.max_norm)
                figures.add({**terms, **norms})
        return figures.means()
