"""PPG: policy phases of PPO, and auxiliary phases that teach the policy's trunk what the critic knows.

Cobbe et al. 2020, arXiv 2009.04416. After N_π policy iterations, over all their episodes:

    L_joint = ½ (V_aux(s) − V̂)² + β_clone KL(π_old(·|s) ‖ π(·|s)),    and    L_value = ½ (V(s) − V̂)²

π_old is the policy as it stands when the phase begins, not those that acted up to N_π updates ago. Without auxiliary
epochs this is the poster's variant: PPO with separate networks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rovr.errors import UserError
from rovr.rl.agent import Agent
from rovr.rl.choice import MaskedChoice
from rovr.rl.env import Expert, Observation, join_rows
from rovr.rl.learner import Figures, Stateful, descend, minibatches, weighted
from rovr.rl.ppo import PPO, PPOConfig
from rovr.rl.rollout import Rollout


@dataclass(frozen=True)
class PPGConfig(PPOConfig):
    """Phasic policy gradient."""

    epochs: int = 1
    """E_π, passes over a batch for the policies."""
    value_epochs: int = 1
    """E_V, passes over a batch for the critics."""
    policy_iterations: int = 16
    """N_π, policy iterations between two auxiliary phases."""
    aux_epochs: int = 6
    """E_aux, passes over the episodes of a phase; 0 = no auxiliary phases."""
    aux_episodes: int = 4
    """Whole episodes per gradient step of an auxiliary phase."""
    aux_lr: float = 3e-4
    """Learning rate of auxiliary phases."""
    clone: float = 1.0
    """β_clone, weight of the divergence from the policy before the phase."""


@dataclass(frozen=True)
class Episode:
    """One episode of T micro-steps.

    Attributes:
        observations: (T, …).
        targets: (T,), of the values.
    """

    observations: Observation
    targets: Tensor


class PPG(PPO):
    """Learns in phases; needs separate parameters for policies and critics."""

    name = "ppg"
    Config = PPGConfig
    config: PPGConfig

    def __init__(self, agent: Agent, config: PPGConfig, expert: Expert | None = None) -> None:
        super().__init__(agent, config, expert)
        if self.shared:
            raise UserError("ppg is for separate policies and critics: use ppo where they share parameters")
        both = [*agent.actor_parameters(), *agent.critic_parameters()]
        # An optimiser of its own: the averages of one loss would mislead the steps of the other.
        self.aux_optimiser = torch.optim.Adam(both, config.aux_lr, eps=1e-5)
        self.buffer: list[list[Episode]] = []

    def parts(self) -> dict[str, Stateful]:
        """Those of PPO, and the auxiliary phase's optimiser."""
        return {**super().parts(), "aux_optimiser": self.aux_optimiser}

    def state_dict(self) -> dict[str, Any]:
        """For exact resume, in the middle of a phase too."""
        return {**super().state_dict(), "buffer": [[vars(episode) for episode in batch] for batch in self.buffer]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        super().load_state_dict(state)
        self.buffer = [[Episode(**episode) for episode in batch] for batch in state["buffer"]]

    def update(self, rollout: Rollout) -> dict[str, float]:
        """One policy iteration, and an auxiliary phase after every N_π of them."""
        advantages, targets = self.estimate(rollout)
        figures = self.improve(rollout, advantages, targets)
        if self.config.aux_epochs:
            self.buffer.append(split_episodes(rollout, targets))
            if len(self.buffer) >= self.config.policy_iterations:
                figures |= self.auxiliary_phase([episode for batch in self.buffer for episode in batch])
                self.buffer = []
        return figures

    def auxiliary_phase(self, episodes: Sequence[Episode]) -> dict[str, float]:
        """Distil the values of a phase's episodes into the policy's trunk, and train the critics further."""
        config, agent, figures = self.config, self.agent, Figures()
        with torch.no_grad():
            old_logits = [agent.policy(episode.observations) for episode in episodes]
        everything = torch.arange(len(episodes), device=self.generator.device)
        weights = {"aux_loss": 1.0, "aux_clone": config.clone, "aux_value_loss": 1.0}
        for _ in range(config.aux_epochs):
            for chosen in minibatches(everything, config.aux_episodes, self.generator):
                indices = chosen.tolist()
                observation = join_rows([episodes[i].observations for i in indices])
                targets = torch.cat([episodes[i].targets for i in indices])
                old = MaskedChoice(torch.cat([old_logits[i] for i in indices]), observation["mask"])
                now = MaskedChoice(agent.policy(observation), observation["mask"])
                terms = {
                    "aux_loss": (agent.auxiliary(observation).float() - targets).square().mean() / 2,
                    "aux_clone": old.kl(now).mean(),
                    "aux_value_loss": (agent.value(observation).float() - targets).square().mean() / 2,
                }
                norms = descend(weighted(terms, weights), {"aux": self.aux_optimiser}, config.max_norm)
                figures.add({**terms, **norms})
        return figures.means()


def split_episodes(rollout: Rollout, targets: Tensor) -> list[Episode]:
    """The B episodes of a rollout, each without its padding."""
    episodes = []
    for column, length in enumerate(rollout.alive.sum(0).tolist()):
        # Cloned, since a view would keep the whole padded rollout in memory.
        seen = {name: tensor[:length, column].clone() for name, tensor in rollout.observations.items()}
        episodes.append(Episode(seen, targets[:length, column].clone()))
    return episodes
