"""DQN: learn what every item is worth, from a memory of episodes old and new.

Double (van Hasselt et al. 2016), dueling (Wang et al. 2016), n-step and prioritised as in Rainbow (Hessel et al. 2018),
and pre-trained on demonstrations as in DQfD (Hester et al. 2018, arXiv 1704.03732):

    Q(s, a) = V(s) + A(s, a) − mean A over the valid items of s
    L = Huber(Q(s, a) − [R_n + γ_n Q'(s_n, argmax_a Q(s_n, a))]) + λ_E · L_E,    Q' = Q of some time ago
    L_E = max_a [Q(s, a) + m · 1(a ≠ a_E)] − Q(s, a_E),    on demonstrations only

Every maximum and mean is over the valid items of its state. A is the agent's policy logits and V its auxiliary value,
so that its most likely item is the most valuable one. Unlike in DQfD, there is no further one-step loss.
"""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from rovr.errors import UserError
from rovr.rl.agent import Agent
from rovr.rl.choice import random_items
from rovr.rl.env import BatchEnv, Expert, Observation
from rovr.rl.learner import Figures, Learner, Stateful, descend, unlocked, weighted
from rovr.rl.replay import Replay
from rovr.rl.rollout import collect
from rovr.rl.scale import RewardScale


@dataclass(frozen=True)
class DQNConfig:
    """Deep Q-learning, from demonstrations where an expert plays them."""

    seed: int = 0
    """Decides everything that is drawn."""
    gamma: float = 0.99
    """γ, discount from one repair to the next."""
    n: int = 3
    """Micro-steps of a transition."""
    capacity: int = 30_000
    """Micro-steps in the memory; of 25 frames each takes 0.2 MB."""
    alpha: float = 0.4
    """α, how much surprise decides what is remembered; 0 = nothing."""
    beta: float = 0.6
    """β, how far that preference is undone in the loss; 1 = wholly."""
    bonus: float = 1e-3
    """ε, surprise that everything is credited with."""
    demo_bonus: float = 1.0
    """ε of demonstrations."""
    demo_batches: int = 0
    """Batches of episodes that the expert plays first; 0 = the learner starts by itself, from chance."""
    pretrain: int = 1000
    """Updates on the demonstrations alone."""
    margin: float = 0.8
    """m, by how much the expert's item should be worth more than others, in deviations of the return."""
    margin_weight: float = 1.0
    """λ_E, weight of the demand for that margin."""
    weight_decay: float = 1e-5
    """λ_3, weight of half the squared parameters."""
    updates: int = 64
    """Updates after every batch of episodes."""
    minibatch: int = 64
    """Transitions per update."""
    target_every: int = 200
    """Updates between two copies of Q to Q'."""
    epsilon: float = 0.05
    """Chance of a random item, at last."""
    epsilon_iterations: int = 20
    """Iterations over which that chance falls from 1; after demonstrations it is there at once, as in DQfD, since what
    was learned from them is to be tried."""
    lr: float = 3e-4
    """Learning rate."""
    max_norm: float = 10.0
    """Largest norm of the gradient."""


def q_values(agent: Agent, observation: Observation) -> Tensor:
    """(B, n), −∞ where masked."""
    mask = observation["mask"]
    advantage = agent.policy(observation).float().masked_fill(~mask, 0.0)
    centred = advantage - (advantage.sum(-1) / mask.sum(-1)).unsqueeze(-1)
    values = agent.auxiliary(observation).float().unsqueeze(-1) + centred
    return values.masked_fill(~mask, -torch.inf)


def margin_loss(values: Tensor, items: Tensor, margin: float) -> Tensor:
    """How far the expert's items are from leading by a margin: values (N, n), items (N,) → (N,)."""
    rivals = (values + margin).scatter(-1, items.unsqueeze(-1), pick(values, items).unsqueeze(-1))
    return rivals.amax(-1) - pick(values, items)


def pick(values: Tensor, items: Tensor) -> Tensor:
    """(N, n), (N,) → (N,)."""
    return values.gather(-1, items.unsqueeze(-1)).squeeze(-1)


class DQN(Learner):
    """Learns the policies as values of items; critics are left alone."""

    name = "dqn"
    Config = DQNConfig

    def __init__(self, agent: Agent, config: DQNConfig, expert: Expert | None = None) -> None:
        super().__init__(agent, config, expert)
        if config.demo_batches and expert is None:
            raise UserError("option demo_batches needs an expert who plays them")
        self.config = config
        self.target = copy.deepcopy(agent)
        parameters = agent.actor_parameters()
        self.optimiser = torch.optim.Adam(parameters, config.lr, eps=1e-5, weight_decay=config.weight_decay)
        self.replay = Replay(config.capacity, config.alpha, config.bonus, config.demo_bonus)
        self.scale = RewardScale()
        self.updates = 0

    def parts(self) -> dict[str, Stateful]:
        """Q, Q', optimiser, memory and the scale of rewards."""
        named: dict[str, Stateful] = {"model": self.agent, "target": self.target, "optimiser": self.optimiser}
        return {**named, "replay": self.replay, "scale": self.scale}

    def state_dict(self) -> dict[str, Any]:
        """For exact resume, with the number of updates, which says when Q' is renewed."""
        return {**super().state_dict(), "updates": self.updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        super().load_state_dict(state)
        self.updates = state["updates"]

    @property
    def exploration(self) -> float:
        """Chance of a random item in this iteration."""
        config = self.config
        falls = 0 if config.demo_batches else config.epsilon_iterations
        left = max(0.0, 1 - self.iteration / falls) if falls else 0.0
        return config.epsilon + (1 - config.epsilon) * left

    def _iterate(self, env: BatchEnv) -> dict[str, float]:
        if self.iteration == 0 and self.config.demo_batches:
            self._demonstrate(env)
        rollout = collect(env, env.reset(self.generator), self._explore)
        self.replay.add(rollout, self.config.n, self.config.gamma)
        self.scale.observe(rollout, self.config.gamma)
        return {**rollout.figures(), "exploration": self.exploration, **self.update(self.config.updates)}

    def _explore(self, observation: Observation) -> tuple[Tensor, dict[str, Tensor]]:
        best = q_values(self.agent, observation).argmax(-1)
        chance = torch.rand(best.shape, generator=self.generator, device=best.device)
        anything = random_items(observation["mask"], self.generator)
        return torch.where(chance < self.exploration, anything, best), {}

    def _demonstrate(self, env: BatchEnv) -> None:
        """Let the expert play, and learn from that alone."""
        expert = self.expert
        assert expert is not None
        for _ in range(self.config.demo_batches):
            # Each start once: an expert would do the same again.
            start = env.reset_group(self.generator, 1)
            rollout = collect(env, start, lambda seen: (expert(env, seen), {}))
            self.replay.add(rollout, self.config.n, self.config.gamma, demo=True)
            self.scale.observe(rollout, self.config.gamma)
        with unlocked(self.agent):
            self.update(self.config.pretrain)

    def update(self, count: int) -> dict[str, float]:
        """Improve Q on what is in the memory, ``count`` times."""
        config, figures = self.config, Figures()
        weights = {"td_loss": 1.0, "margin_loss": config.margin_weight}
        for _ in range(count):
            if self.updates % config.target_every == 0:
                self.target.load_state_dict(self.agent.state_dict())
            sample = self.replay.sample(config.minibatch, config.beta, self.generator)
            values = q_values(self.agent, sample.observation)
            chosen = pick(values, sample.actions)
            with torch.no_grad():
                best = q_values(self.agent, sample.after).argmax(-1)
                later = pick(q_values(self.target, sample.after), best)
                # Stored as they were and scaled now, so that old and new ones have one unit.
                wanted = sample.rewards / self.scale.deviation + sample.factors * later
            margins = margin_loss(values, sample.actions, config.margin) * sample.demo
            terms = {
                "td_loss": (sample.weights * F.smooth_l1_loss(chosen, wanted, reduction="none")).mean(),
                "margin_loss": (sample.weights * margins).mean(),
                "q": chosen.mean(),
            }
            norms = descend(weighted(terms, weights), {"actor": self.optimiser}, config.max_norm)
            self.replay.surprise(sample.slots, chosen - wanted)
            figures.add({**terms, **norms})
            self.updates += 1
        return {**figures.means(), "remembered": float(self.replay.size), "reward_scale": self.scale.deviation}
