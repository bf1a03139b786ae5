"""Learn one role beside an expert who plays the other: the poster's first next step.

Two who learn at once are to each other a world that never stays the same. So π1 learns first while an expert π2* picks
the contexts, then π2 while an expert π1* picks the frames, and then both together. To the learner this is one more
environment of micro-steps: only its own are shown, and what the expert's bring is added to the one before them.
"""

import torch
from torch import Tensor

from rovr.rl.env import BatchEnv, Expert, Observation


class PartneredEnv:
    """One role of an environment; see :class:`BatchEnv`.

    Args:
        env: of both roles; episodes that are not finished have the same role at any time.
        expert: plays the other role.
        frames: whether the learner picks the frames; otherwise it picks the contexts.
    """

    def __init__(self, env: BatchEnv, expert: Expert, frames: bool) -> None:
        self.env, self.expert, self.frames = env, expert, frames

    @property
    def size(self) -> int:
        """B."""
        return self.env.size

    def reset(self, generator: torch.Generator) -> Observation:
        """Start B episodes; see :class:`BatchEnv`."""
        return self._begin(self.env.reset(generator))

    def reset_group(self, generator: torch.Generator, group: int) -> Observation:
        """Start B / group different episodes; see :class:`BatchEnv`."""
        return self._begin(self.env.reset_group(generator, group))

    def step(self, actions: Tensor) -> tuple[Observation, Tensor, Tensor]:
        """Pick an item in every episode, and let the expert play until it is the learner's turn again."""
        return self._play(*self.env.step(actions))

    def _begin(self, observation: Observation) -> Observation:
        role = observation["role"]
        return self._play(observation, torch.zeros(role.shape, device=role.device), torch.zeros_like(role).bool())[0]

    def _play(self, observation: Observation, rewards: Tensor, finished: Tensor) -> tuple[Observation, Tensor, Tensor]:
        while bool((((observation["role"] > 0) == self.frames) & ~finished).any()):
            observation, more, finished = self.env.step(self.expert(self.env, observation))
            rewards = rewards + more
        return observation, rewards, finished
