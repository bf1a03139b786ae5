"""Learn from tries at the same repair what evidence is worth, by least squares.

In the drill (:mod:`rovr.mdp.drill`) every repair is tried with several picks of contexts, whose rewards are compared
with each other. π2's logits are linear in its evidence, so the natural gradient of the expected reward by these weights
is the least-squares fit of the compared rewards to the evidence of the picks (Kakade 2001, "A natural policy gradient";
Peters and Schaal 2008, "Natural actor-critic"). Rewards of one step do not change with the policy, so the fit is made
over all tries so far and its weights are taken at once: there is no rate of learning to choose, and what an ascent by
single gradients needs thousands of clips for is there after dozens.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rovr.agents import Agent
from rovr.agents.networks import WEIGHT, ContextPolicy
from rovr.mdp.mosaic import EVIDENCE, evidence
from rovr.rl.env import BatchEnv
from rovr.rl.learner import Learner, Stateful
from rovr.rl.rollout import Rollout, collect, sampling


@dataclass(frozen=True)
class PracticeConfig:
    """Least squares over tries."""

    seed: int = 0
    """Decides everything that is drawn."""
    tries: int = 8
    """Copies of a clip, side by side."""
    heed: float = 4.0
    """Logits for a usual difference in reward: how surely what is expected to be better is picked."""
    hold: float = 3.0
    """How much the weights are held to what they were before, in tries."""
    most: float = 8.0
    """Usual differences beyond which a reward, either way, says no more."""


class Sums:
    """What least squares have to know of all tries so far."""

    def __init__(self) -> None:
        self.squares = torch.zeros(EVIDENCE, EVIDENCE, dtype=torch.float64)
        self.products = torch.zeros(EVIDENCE, dtype=torch.float64)
        self.usual = 0.0

    def measure(self, rewards: Tensor) -> None:
        """Learn once how much rewards differ; later they differ less, as all copies pick what is good."""
        self.usual = self.usual or float(rewards.square().mean().sqrt())

    def add(self, facts: Tensor, rewards: Tensor) -> None:
        """Count tries: (N, F) and (N,)."""
        facts = facts.double()
        self.squares += facts.T @ facts
        self.products += facts.T @ rewards.double()

    def fit(self, held: Tensor, strength: float) -> Tensor:
        """The weights (F,) that foresee rewards best, held to others."""
        ridge = strength * torch.eye(EVIDENCE, dtype=torch.float64)
        return torch.linalg.solve(self.squares + ridge, self.products + strength * held.double()).float()

    def state_dict(self) -> dict[str, Any]:
        """All of it."""
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        # Wherever a checkpoint was loaded to.
        vars(self).update({key: value.cpu() if isinstance(value, Tensor) else value for key, value in state.items()})


class Practice(Learner):
    """Fits π2's weights of evidence; all else of the agent stays as it is."""

    name = "practice"
    Config = PracticeConfig
    agent: Agent

    def __init__(self, agent: Agent, config: PracticeConfig) -> None:
        super().__init__(agent, config)
        self.config, self.sums, self.before = config, Sums(), torch.zeros(EVIDENCE)

    def parts(self) -> dict[str, Stateful]:
        """Agent and sums."""
        return {"model": self.agent, "sums": self.sums}

    def state_dict(self) -> dict[str, Any]:
        """For exact resume."""
        return {**super().state_dict(), "before": self.before}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        super().load_state_dict(state)
        self.before = state["before"].cpu()

    @property
    def logits(self) -> Tensor:
        """What a unit of each figure means for π2, (F,)."""
        policy = self.agent.context_policy
        return (WEIGHT * policy.evidence.weight[0] + _rule(policy)).detach().cpu()

    @torch.no_grad()
    def _take(self, logits: Tensor) -> None:
        policy = self.agent.context_policy
        policy.evidence.weight.copy_(((logits.to(policy.rule.device) - _rule(policy)) / WEIGHT)[None])

    def _iterate(self, env: BatchEnv) -> dict[str, float]:
        if self.iteration == 0:
            self.before = self.logits
        rollout = collect(env, env.reset(self.generator), sampling(self.agent, self.generator, values=False))
        facts, rewards = tries(rollout, self.config.tries)
        self.sums.measure(rewards)
        unit = self.sums.usual or 1.0
        rewards = rewards.clamp(-self.config.most * unit, self.config.most * unit)
        # Judged before these tries are learned from: this is what generalises.
        expected = facts @ self.logits * unit / self.config.heed
        foreseen = rewards.gather(1, expected.argmax(1, keepdim=True))
        self.sums.add(facts.flatten(0, 1), rewards.flatten())
        fit = self.sums.fit(self.before * unit / self.config.heed, self.config.hold)
        self._take(fit * self.config.heed / unit)
        return {
            **rollout.figures(),
            "tried": float(len(rewards)),
            "foreseen": float(foreseen.mean()),
            "best": float(rewards.amax(1).mean()),
            "explained": float(1 - (rewards - expected).square().sum() / rewards.square().sum().clamp(min=1e-9)),
            "reward_scale": unit,
        }


def _rule(policy: ContextPolicy) -> Tensor:
    """The rule's own figure stands first among the evidence."""
    return policy.rule * torch.eye(EVIDENCE, device=policy.rule.device)[0]


def tries(rollout: Rollout, count: int) -> tuple[Tensor, Tensor]:
    """What was known of the picks for each repair, and what they brought, both less their mean over the copies.

    Args:
        rollout: of B episodes, ``count`` copies of each clip side by side.
        count: of the copies.

    Returns:
        (N, count, F) and (N, count).
    """
    steps = int(rollout.roles.max()) + 1
    facts = rollout.rewards.new_zeros(1)
    for role in range(1, steps):
        seen = {name: tensor[role::steps].flatten(0, 1) for name, tensor in rollout.observations.items()}
        picked = rollout.actions[role::steps].flatten()
        facts = facts + evidence(seen)[torch.arange(len(picked), device=picked.device), picked]
    alive = rollout.alive[::steps].flatten().view(-1, count)[:, 0]
    facts = facts.view(-1, count, EVIDENCE)[alive]
    rewards = rollout.rewards[steps - 1 :: steps].flatten().view(-1, count)[alive]
    return (facts - facts.mean(1, keepdim=True)).cpu(), (rewards - rewards.mean(1, keepdim=True)).cpu()
