"""A memory of micro-steps that is sampled by surprise, with room for demonstrations.

Transition i is drawn with P(i) ∝ (|δ_i| + ε)^α and counts with the weight (N P(i))^−β (Schaul et al. 2016, arXiv
1511.05952). Demonstrations keep their place for good and have a larger ε (Hester et al. 2018, arXiv 1704.03732). A sum
over the whole array per draw is cheap beside a network.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rovr.errors import UserError
from rovr.rl.env import Observation
from rovr.rl.rollout import Rollout, discounts


@dataclass(frozen=True)
class Sample:
    """N transitions over n micro-steps.

    Attributes:
        slots: (N,) long, their places in the memory.
        observation: (N, …).
        actions: (N,) long.
        rewards: (N,), discounted sums over up to n micro-steps.
        after: (N, …), what was seen then.
        factors: (N,), discount of the value then; 0 where the episode had ended.
        demo: (N,) bool, whether the expert acted.
        weights: (N,), that undo the preference in sampling.
    """

    slots: Tensor
    observation: Observation
    actions: Tensor
    rewards: Tensor
    after: Observation
    factors: Tensor
    demo: Tensor
    weights: Tensor


def n_step(rewards: Tensor, factors: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Discounted sums of the next n rewards, and the discount of what follows them.

    Args:
        rewards: (L, B).
        factors: (L, B), discount between each micro-step and its next, 0 where the episode ends.
        n: number of micro-steps.

    Returns:
        Two tensors (L, B).
    """
    total, weight = torch.zeros_like(rewards), torch.ones_like(rewards)
    for k in range(min(n, len(rewards))):  # beyond L every episode has ended
        none = torch.zeros_like(rewards[:k])
        total = total + weight * torch.cat([rewards[k:], none])
        weight = weight * torch.cat([factors[k:], none])
    return total, weight


class Replay:
    """Whole episodes in a ring, demonstrations before it.

    A transition points to the slot of the micro-step n later. Episodes are written in order of time, so whatever a
    transition points to is overwritten after it.

    Args:
        capacity: micro-steps held.
        alpha: α; 0 = all alike.
        bonus: ε.
        demo_bonus: ε of demonstrations.
    """

    def __init__(self, capacity: int, alpha: float, bonus: float, demo_bonus: float) -> None:
        self.capacity, self.alpha, self.bonus, self.demo_bonus = capacity, alpha, bonus, demo_bonus
        self.size, self.cursor, self.demos = 0, 0, 0
        self.columns: dict[str, Tensor] = {}
        self.observations: Observation = {}

    def add(self, rollout: Rollout, n: int, gamma: float, demo: bool = False) -> None:
        """Write all episodes of a rollout.

        Args:
            rollout: what was played.
            n: micro-steps of a transition.
            gamma: γ.
            demo: whether the expert acted; all demonstrations come before anything else.
        """
        goes_on = torch.cat([rollout.alive[1:], torch.zeros_like(rollout.alive[:1])])
        rewards, factors = n_step(rollout.rewards, discounts(rollout.roles, gamma) * goes_on, n)
        alive = rollout.alive.T  # episode after episode
        count = int(alive.sum())
        assert not demo or self.size == self.demos, "demonstrations come before anything else"
        if self.demos + count >= self.capacity:
            raise UserError(f"option capacity={self.capacity} has no room for {self.demos + count} micro-steps at once")
        places = torch.arange(count, device=alive.device)
        slots = self.demos + (self.cursor + places) % (self.capacity - self.demos)
        weight = factors.T[alive]
        later = torch.where(weight > 0, places + n, places)
        written = {
            "actions": rollout.actions.T[alive],
            "rewards": rewards.T[alive],
            "factors": weight,
            "after": slots[later],
            "demo": torch.full_like(places, demo, dtype=torch.bool),
            # As surprising as anything so far, so that everything is seen once.
            "errors": torch.full_like(weight, self._largest_error()),
        }
        seen = {name: tensor.transpose(0, 1)[alive] for name, tensor in rollout.observations.items()}
        self.size = max(self.size, int(slots.max()) + 1)
        for store, fresh in ((self.columns, written), (self.observations, seen)):
            for name, tensor in fresh.items():
                store[name] = self._roomy(store.get(name, tensor[:0]))
                store[name][slots] = tensor
        if demo:
            self.demos += count
        else:
            self.cursor = (self.cursor + count) % (self.capacity - self.demos)

    def sample(self, count: int, beta: float, generator: torch.Generator) -> Sample:
        """Draw transitions by surprise; β undoes the preference, 1 = wholly."""
        held = {name: column[: self.size] for name, column in self.columns.items()}
        bonus = torch.where(held["demo"], self.demo_bonus, self.bonus)
        chances = (held["errors"] + bonus) ** self.alpha
        chances = chances / chances.sum()
        slots = torch.multinomial(chances, count, replacement=True, generator=generator)
        weights = (self.size * chances[slots]) ** -beta
        drawn = {name: column[slots] for name, column in held.items()}
        return Sample(
            slots,
            {name: tensor[slots] for name, tensor in self.observations.items()},
            drawn["actions"],
            drawn["rewards"],
            {name: tensor[drawn["after"]] for name, tensor in self.observations.items()},
            drawn["factors"],
            drawn["demo"],
            weights / weights.max(),
        )

    def surprise(self, slots: Tensor, errors: Tensor) -> None:
        """Note how far off the values of some transitions were."""
        self.columns["errors"][slots] = errors.detach().abs()

    def _roomy(self, store: Tensor) -> Tensor:
        """The store with room for what is held. It grows by doubling: a full memory may be tens of gigabytes."""
        if len(store) >= self.size:
            return store
        rows = min(max(self.size, 2 * len(store)), self.capacity)
        return torch.cat([store, store.new_zeros((rows - len(store), *store.shape[1:]))])

    def _largest_error(self) -> float:
        return float(self.columns["errors"][: self.size].max()) if self.size else 1.0

    def state_dict(self) -> dict[str, Any]:
        """For exact resume."""
        return {
            "size": self.size,
            "cursor": self.cursor,
            "demos": self.demos,
            "columns": {name: column[: self.size].clone() for name, column in self.columns.items()},
            "observations": {name: tensor[: self.size].clone() for name, tensor in self.observations.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.size, self.cursor, self.demos = state["size"], state["cursor"], state["demos"]
        for name in ("columns", "observations"):
            setattr(self, name, {key: tensor.clone() for key, tensor in state[name].items()})
