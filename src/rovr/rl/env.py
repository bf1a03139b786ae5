"""What a learner sees of the world: a batch of episodes, each a chain of micro-steps "pick one of n items".

A repair i, c_1 … c_K is unrolled into K + 1 micro-steps. Role 0 picks the frame, role k ≥ 1 the k-th context; the
reward of the repair comes with its last micro-step.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

Observation = dict[str, Tensor]
"""What is seen of B episodes: tensors (B, …), among them at least

- ``mask``: (B, n) bool, the items that may be picked;
- ``role``: (B,) long, 0 = a frame to repair, k ≥ 1 = its k-th context.

The past is part of it (the actions so far, for instance), so that networks need no memory and any stored micro-step
can be judged again by itself.
"""


class BatchEnv(Protocol):
    """B episodes side by side.

    A finished episode waits for the others: its mask allows item 0 only, and its reward is 0. No episode is finished
    before its first micro-step.
    """

    @property
    def size(self) -> int:
        """B."""
        ...

    def reset(self, generator: torch.Generator) -> Observation:
        """Start B episodes; a generator in the same state gives the same starts."""
        ...

    def reset_group(self, generator: torch.Generator, group: int) -> Observation:
        """Start B / group different episodes, each ``group`` times in a row."""
        ...

    def step(self, actions: Tensor) -> tuple[Observation, Tensor, Tensor]:
        """Pick an item in every episode.

        Args:
            actions: (B,) long, valid under the last mask.

        Returns:
            What is seen next, the rewards (B,) float, and whether each episode is finished (B,) bool.
        """
        ...


Expert = Callable[[BatchEnv, Observation], Tensor]
"""Knows what to do: the environment and what it last showed → (B,) long."""


def pick_rows(observation: Observation, rows: Tensor) -> Observation:
    """Rows of every tensor, by index or bool mask."""
    return {name: tensor[rows] for name, tensor in observation.items()}


def join_rows(observations: Sequence[Observation]) -> Observation:
    """Concatenate along the batch."""
    return {name: torch.cat([observation[name] for observation in observations]) for name in observations[0]}
