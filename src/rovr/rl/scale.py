"""Bring rewards to the scale that step sizes and margins are made for: repairs gain a few hundredths each."""

from typing import Any

import torch
from torch import Tensor

from rovr.rl.rollout import Rollout, discounts, returns

LIMIT = 10.0
"""Largest scaled reward, in deviations of the return."""


class RewardScale:
    """Running standard deviation of discounted returns; with the learner's own γ, or it measures another task."""

    def __init__(self) -> None:
        self.count, self.mean, self.squares = 0, 0.0, 0.0

    @property
    def deviation(self) -> float:
        """Of the returns seen so far; 1 before any were seen or while all are equal."""
        variance = self.squares / max(self.count - 1, 1)
        return variance**0.5 if variance > 1e-16 else 1.0

    def observe(self, rollout: Rollout, gamma: float) -> None:
        """Count the returns-to-go of a rollout's micro-steps (Chan's parallel update)."""
        factors = discounts(rollout.roles, gamma)
        seen = returns(rollout.rewards, rollout.alive, factors)[rollout.alive].cpu().double()
        mean, squares = float(seen.mean()), float((seen - seen.mean()).square().sum())
        total, gap = self.count + len(seen), mean - self.mean
        self.squares += squares + gap**2 * self.count * len(seen) / total
        self.mean += gap * len(seen) / total
        self.count = total

    def __call__(self, rewards: Tensor) -> Tensor:
        """Rewards of any shape in units of the deviation; not centred, which would change the task."""
        return torch.clamp(rewards / self.deviation, -LIMIT, LIMIT)

    def state_dict(self) -> dict[str, Any]:
        """For exact resume."""
        return {"count": self.count, "mean": self.mean, "squares": self.squares}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self.count, self.mean, self.squares = state["count"], state["mean"], state["squares"]
