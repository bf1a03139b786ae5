"""Imitation: do as the expert does, in the states that one's own mistakes lead to.

DAgger (Ross et al. 2011, arXiv 1011.0686): a mixture of expert and learner acts, the expert labels every state visited,
and the policy is trained on all labels so far. Experts here are formulas, so labels cost nothing. Where the expert
always acts, this is behaviour cloning.
"""

from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from rovr.errors import UserError
from rovr.rl.agent import Agent
from rovr.rl.choice import MaskedChoice
from rovr.rl.env import BatchEnv, Expert, Observation, join_rows, pick_rows
from rovr.rl.learner import Figures, Learner, Stateful, descend, minibatches, weighted
from rovr.rl.rollout import Rollout, collect


@dataclass(frozen=True)
class ImitationConfig:
    """Behaviour cloning and DAgger."""

    seed: int = 0
    """Decides everything that is drawn."""
    beta: float = 0.5
    """In iteration i = 0, 1, … the expert acts with chance beta^i: 1 = behaviour cloning, 0 = in the first one only."""
    smoothing: float = 0.05
    """Share of a label that goes to all valid items alike, so that the policy keeps some doubt to learn from later."""
    memory: int = 100_000
    """Labelled micro-steps kept; the oldest are dropped."""
    epochs: int = 2
    """Passes over the memory per iteration, see ``steps``."""
    minibatch: int = 256
    """Micro-steps per gradient step."""
    steps: int = 40
    """Gradient steps per pass at most. Of a memory too large for that, as much is drawn by chance, so that an iteration
    costs the same however long the training."""
    lr: float = 3e-4
    """Learning rate."""
    max_norm: float = 0.5
    """Largest norm of the gradient."""


def smoothed_cross_entropy(choice: MaskedChoice, labels: Tensor, smoothing: float) -> Tensor:
    """−Σ q log π, where q is the label with weight 1 − smoothing and all valid items share the rest: (N,) → (N,)."""
    uniform = choice.safe_log_probs.sum(-1) / choice.count
    return -((1 - smoothing) * choice.log_prob(labels) + smoothing * uniform)


class Imitation(Learner):
    """Learns the policies from an expert."""

    name = "imitation"
    Config = ImitationConfig

    def __init__(self, agent: Agent, config: ImitationConfig, expert: Expert | None = None) -> None:
        super().__init__(agent, config, expert)
        if expert is None:
            raise UserError("imitation needs an expert")
        self.config, self.teacher = config, expert
        self.optimiser = torch.optim.Adam(agent.actor_parameters(), config.lr, eps=1e-5)
        self.observations: Observation = {}
        self.labels: Tensor | None = None

    def parts(self) -> dict[str, Stateful]:
        """Agent and optimiser."""
        return {"model": self.agent, "optimiser": self.optimiser}

    def state_dict(self) -> dict[str, Any]:
        """For exact resume, with everything that was labelled."""
        return {**super().state_dict(), "observations": self.observations, "labels": self.labels}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        super().load_state_dict(state)
        self.observations, self.labels = state["observations"], state["labels"]

    def _iterate(self, env: BatchEnv) -> dict[str, float]:
        rollout = self._play(env)
        return {**rollout.figures(), **self.update(rollout)}

    def _play(self, env: BatchEnv) -> Rollout:
        """Let expert and learner act in turn by chance, with every state labelled by the expert."""
        chance = self.config.beta**self.iteration

        def act(observation: Observation) -> tuple[Tensor, dict[str, Tensor]]:
            labels = self.teacher(env, observation)
            choice = MaskedChoice(self.agent.policy(observation), observation["mask"])
            leads = torch.rand(labels.shape, generator=self.generator, device=labels.device) < chance
            actions = torch.where(leads, labels, choice.sample(self.generator))
            return actions, {"labels": labels, "agrees": choice.greedy() == labels}

        return collect(env, env.reset(self.generator), act)

    def update(self, rollout: Rollout) -> dict[str, float]:
        """Add the labels of a rollout to the memory and train on it."""
        config, figures = self.config, Figures()
        free = rollout.free.flatten().nonzero().squeeze(1)
        fresh, labels = rollout.at(free), rollout.notes["labels"].flatten()[free]
        if self.labels is not None:
            fresh, labels = join_rows([self.observations, fresh]), torch.cat([self.labels, labels])
        kept = torch.arange(len(labels), device=labels.device)[-config.memory :]
        self.observations, self.labels = pick_rows(fresh, kept), labels[kept]
        weights = {"policy_loss": 1.0}
        for _ in range(config.epochs):
            dealt = minibatches(torch.arange(len(kept), device=kept.device), config.minibatch, self.generator)
            for steps in islice(dealt, config.steps):
                observation = pick_rows(self.observations, steps)
                choice = MaskedChoice(self.agent.policy(observation), observation["mask"])
                terms = {
                    "policy_loss": smoothed_cross_entropy(choice, self.labels[steps], config.smoothing).mean(),
                    "entropy": choice.normalised_entropy().mean(),
                }
                norms = descend(weighted(terms, weights), {"actor": self.optimiser}, config.max_norm)
                figures.add({**terms, **norms})
        # Judged before it was trained on these states: this is what generalises.
        agreement = rollout.notes["agrees"].flatten()[free].float().mean()
        return {**figures.means(), "agreement": float(agreement), "labelled": float(len(kept))}
