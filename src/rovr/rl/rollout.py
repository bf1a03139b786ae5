"""Play whole episodes, and say how good every micro-step was.

An edit is K + 1 micro-steps, and time passes between edits only: the discount is γ where the next micro-step belongs to
another edit, whoever begins it, and 1 inside an edit. One backward pass of GAE (Schulman et al. 2016, arXiv 1506.02438)
runs over the interleaved chain, each value being that of the critic of its role:

    δ_t = r_t + γ_t V(s_{t+1}) − V(s_t),    A_t = δ_t + γ_t λ A_{t+1}

So π1 is credited with handing π2 a good situation, and π2's baseline already knows the frame that π1 picked. The poster
writes V − r; the sign here is the one with which a good action has a positive advantage.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from rovr.rl.agent import Agent
from rovr.rl.choice import MaskedChoice
from rovr.rl.env import BatchEnv, Observation, pick_rows

Act = Callable[[Observation], tuple[Tensor, dict[str, Tensor]]]
"""What is seen → the items to pick, (B,) long, and named notes to keep about them, (B, …)."""


@dataclass(frozen=True)
class Rollout:
    """B whole episodes of up to L micro-steps; shorter ones are padded.

    Attributes:
        observations: (L, B, …), as the environment gave them.
        actions: (L, B) long.
        rewards: (L, B).
        alive: (L, B) bool, False where an episode had ended before.
        notes: (L, B, …), what the actor noted: ``log_probs`` and ``values`` by :func:`sampling`.
    """

    observations: Observation
    actions: Tensor
    rewards: Tensor
    alive: Tensor
    notes: dict[str, Tensor]

    @property
    def roles(self) -> Tensor:
        """(L, B) long."""
        return self.observations["role"]

    @property
    def free(self) -> Tensor:
        """Where there was a choice: alive, and more than one item valid; (L, B) bool."""
        return self.alive & (self.observations["mask"].sum(-1) > 1)

    def at(self, steps: Tensor) -> Observation:
        """What was seen at some micro-steps, indices into the flattened (L · B)."""
        return pick_rows({name: tensor.flatten(0, 1) for name, tensor in self.observations.items()}, steps)

    def figures(self) -> dict[str, float]:
        """Of an episode the mean return and number of micro-steps, and the mean reward of a repair.

        Rewards are undiscounted, in the environment's units; the last repair's has what comes with the end.
        """
        # Not the steps of role 0: a learner of one role alone never sees the others.
        repairs = self.alive.sum() - (self.alive[1:] & goes_on(self.roles)).sum()
        return {
            "return": float(self.rewards.sum(0).mean()),
            "length": float(self.alive.sum(0).float().mean()),
            "reward_per_repair": float(self.rewards.sum() / repairs),
        }


@torch.no_grad()
def collect(env: BatchEnv, observation: Observation, act: Act) -> Rollout:
    """Play until every episode has ended.

    Args:
        env: just reset.
        observation: what the reset showed.
        act: picks the items.
    """
    alive = torch.ones_like(observation["role"], dtype=torch.bool)
    seen, done, rewards, living, notes = [], [], [], [], []
    while bool(alive.any()):
        actions, noted = act(observation)
        seen.append(observation)
        observation, reward, finished = env.step(actions)
        done.append(actions)
        rewards.append(reward)
        living.append(alive)
        notes.append(noted)
        alive = alive & ~finished
    return Rollout(_stack(seen), torch.stack(done), torch.stack(rewards), torch.stack(living), _stack(notes))


def sampling(agent: Agent, generator: torch.Generator, values: bool = True) -> Act:
    """Draw from the policy and note ``log_probs`` and, where wanted, the critics' ``values``."""

    def act(observation: Observation) -> tuple[Tensor, dict[str, Tensor]]:
        choice = MaskedChoice(agent.policy(observation), observation["mask"])
        actions = choice.sample(generator)
        notes = {"log_probs": choice.log_prob(actions)}
        if values:
            notes["values"] = agent.value(observation).float()
        return actions, notes

    return act


def greedy(agent: Agent) -> Act:
    """Take the policy's most likely item."""

    def act(observation: Observation) -> tuple[Tensor, dict[str, Tensor]]:
        return MaskedChoice(agent.policy(observation), observation["mask"]).greedy(), {}

    return act


def goes_on(roles: Tensor) -> Tensor:
    """Which micro-steps, from the second on, go on with the edit of the one before; (L − 1, B) bool."""
    # Their role rises.
    return roles[1:] > roles[:-1]


def discounts(roles: Tensor, gamma: float) -> Tensor:
    """Discount between each micro-step and its next: γ where an edit ends, 1 inside it; (L, B) → (L, B).

    Roles rise inside an edit, so it ends where they do not: before role 0, and also where a learner sees one role only.
    """
    factors = torch.full(roles.shape, gamma, device=roles.device)
    factors[:-1][goes_on(roles)] = 1.0
    return factors


def gae(rewards: Tensor, values: Tensor, alive: Tensor, factors: Tensor, lam: float) -> Tensor:
    """Generalised advantage estimates; an episode's end is terminal, so nothing is bootstrapped there.

    Args:
        rewards: (L, B).
        values: (L, B), by the critic of each micro-step's role.
        alive: (L, B) bool.
        factors: (L, B), see :func:`discounts`.
        lam: λ, 1 = Monte-Carlo, 0 = one step.

    Returns:
        (L, B); 0 where an episode had ended.
    """
    advantages = torch.zeros_like(rewards)
    advantage = torch.zeros_like(rewards[0])
    after = torch.zeros_like(rewards[0])
    for t in reversed(range(len(rewards))):
        error = rewards[t] + factors[t] * after - values[t]
        advantage = torch.where(alive[t], error + factors[t] * lam * advantage, 0.0)
        after = torch.where(alive[t], values[t], 0.0)
        advantages[t] = advantage
    return advantages


def returns(rewards: Tensor, alive: Tensor, factors: Tensor) -> Tensor:
    """Discounted returns-to-go, (L, B)."""
    return gae(rewards, torch.zeros_like(rewards), alive, factors, lam=1.0)


def normalise_advantages(advantages: Tensor, roles: Tensor, free: Tensor) -> Tensor:
    """To mean 0 and deviation 1, frames and contexts apart, since their scales differ.

    Forced micro-steps teach nothing and would only distort the statistics, so those are taken where ``free``.

    Args:
        advantages: (L, B).
        roles: (L, B) long.
        free: (L, B) bool.
    """
    result = advantages.clone()
    for group in (roles == 0, roles > 0):
        counted = advantages[group & free]
        if len(counted) > 1:  # the deviation of one number is NaN
            result[group] = (advantages[group] - counted.mean()) / (counted.std() + 1e-8)
    return result


def _stack(dicts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.stack([entry[name] for entry in dicts]) for name in dicts[0]}
