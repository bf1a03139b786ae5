"""Play a batch of episodes in shards, each by itself, so that it does not matter who plays which.

What a shard shows depends on its clips and on what was picked in them, and on nothing else: it is never computed
together with others, for the last bits of a network's answer depend on what stands beside a row, and an editor's
windows on the largest hole beside it. So a run is decided by its shards and its seed, and not by the number of workers.
The policies act where they learn, for all episodes at once; what travels is what is seen and what is picked.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from rovr.mdp.environment import RepairEnv, draw_seeds
from rovr.rl.env import Observation, join_rows

Answer = tuple[Observation, Tensor, Tensor]
"""What is seen, rewards (b,) and whether each episode is finished (b,), of the b episodes of a shard."""


@dataclass(frozen=True)
class Start:
    """How a shard begins.

    Attributes:
        room: name of the environment.
        seeds: of its clips.
        group: how often each clip is repaired.
    """

    room: str
    seeds: tuple[int, ...]
    group: int

    @property
    def size(self) -> int:
        """Episodes of the shard."""
        return len(self.seeds) * self.group


class Crew(Protocol):
    """Who plays."""

    def play(self, starts: Sequence[Start], past: Sequence[Tensor]) -> list[Answer]:
        """Go on with every shard of a batch by one micro-step.

        Args:
            starts: how each began.
            past: for each, all that has been picked in it so far, (t, b) long on the CPU; t = 0 begins a batch.
        """
        ...


class Player:
    """Plays shards one after the other; alone a :class:`Crew`, and what every worker of a larger one does.

    Args:
        rooms: the environments by name.
    """

    def __init__(self, rooms: Mapping[str, RepairEnv]) -> None:
        self.rooms = rooms
        self.games: dict[int, tuple[Start, int, RepairEnv]] = {}

    def play(self, starts: Sequence[Start], past: Sequence[Tensor]) -> list[Answer]:
        """See :meth:`Crew.play`."""
        return [self.turn(*one) for one in zip(range(len(starts)), starts, past, strict=True)]

    def turn(self, number: int, start: Start, past: Tensor) -> Answer:
        """Go on with one shard; who has not seen its last micro-step plays it from the beginning.

        Args:
            number: of the shard in its batch.
            start: how it began.
            past: (t, b) long.
        """
        known, steps, env = self.games.get(number, (None, 0, None))
        if env is None or known != start or steps != len(past) - 1:
            # Rooms share what is heavy; what changes belongs to the copy.
            env, steps = copy.copy(self.rooms[start.room]), 0
            seen = env.start(start.seeds, start.group)
            answer = seen, torch.zeros(start.size), torch.zeros(start.size, dtype=torch.bool)
        for picked in past[steps:]:
            answer = env.step(picked.to(env.editor.device))
        self.games[number] = start, len(past), env
        return answer


class ShardedEnv:
    """Episodes in shards; see :class:`rovr.rl.env.BatchEnv`.

    Args:
        crew: plays them.
        room: name of the environment.
        size: B.
        group: how often each clip that is drawn is repaired, where not asked otherwise.
        shard: episodes of a shard; more where a clip is repaired more often, whose copies stay together.
    """

    def __init__(self, crew: Crew, room: str, size: int, group: int, shard: int) -> None:
        self.crew, self.room, self.size, self.group, self.shard = crew, room, size, group, shard

    def reset(self, generator: torch.Generator) -> Observation:
        """Draw B clips; see :class:`BatchEnv`."""
        return self.reset_group(generator, self.group)

    def reset_group(self, generator: torch.Generator, group: int) -> Observation:
        """Draw B / group clips, each to be repaired ``group`` times."""
        seeds, clips = draw_seeds(generator, self.size, group), max(1, self.shard // group)
        parts = (tuple(seeds[first : first + clips]) for first in range(0, len(seeds), clips))
        self.starts = [Start(self.room, part, group) for part in parts]
        self.past = torch.empty(0, self.size, dtype=torch.long)
        return self._play()[0]

    def step(self, actions: Tensor) -> Answer:
        """Pick a frame in every clip; see :class:`BatchEnv`."""
        self.past = torch.cat([self.past, actions.cpu()[None]])
        return self._play()

    def _play(self) -> Answer:
        past = self.past.split([start.size for start in self.starts], 1)
        observations, rewards, finished = zip(*self.crew.play(self.starts, past), strict=True)
        return join_rows(observations), torch.cat(rewards), torch.cat(finished)
