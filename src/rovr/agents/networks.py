"""π1 and π2, V1 and V2: what each is shown beside the mosaic, and the heads.

A policy maps the mosaic to a map of scores, and the mean score of a cell is the logit of its frame: the poster's U-Nets
that "predict an index", for any number of frames. Being linear, the head runs after the mean.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rovr.agents.config import AgentConfig
from rovr.agents.trunk import Trunk, normalise
from rovr.mdp.encoder import CELL
from rovr.mdp.mosaic import (
    CONTEXT_FLAGS,
    EVIDENCE,
    FRAME_FLAGS,
    best_picked,
    context_flags,
    evidence,
    frame_flags,
    sources,
    stack_maps,
)

Observation = Mapping[str, Tensor]
"""See :mod:`rovr.mdp.mosaic`."""

MAPS = 4
"""Maps of a cell: φ's three and the hole."""

WEIGHT = 100.0
"""Of evidence: a few numbers that speak plainly may be trusted sooner than a picture."""

SIGHTS = 2
"""Maps of what a frame shows of the target."""


class Memory(nn.Module):
    """The poster's LSTM-encoded history of actions.

    An action is told by when its frame is, −1 … 1, and by how far off each context lies, as a share of n: so the same
    weights serve clips of any length. The whole history is read each time, so any stored state can be judged again.

    Args:
        contexts: K.
        size: of the memory.
    """

    def __init__(self, contexts: int, size: int) -> None:
        super().__init__()
        self.contexts, self.size = contexts, size
        self.embed = nn.Linear(1 + contexts, size)
        self.lstm = nn.LSTM(size, size, batch_first=True)
        normalise(self.embed, math.sqrt(2))

    def forward(self, history: Tensor, length: Tensor, count: int) -> Tensor:
        """Read the past.

        Args:
            history: (B, L, 1 + k) long, k ≤ K; −1 where there is none.
            length: (B,) long.
            count: n.

        Returns:
            (B, size), zero where nothing is past.
        """
        if not torch.compiler.is_exporting():  # what is to be exported must not depend on values
            history = history[:, : int(length.max())]
        start = self.embed.weight.new_zeros(history.shape[0], 1, self.size)
        if history.shape[1] == 0:
            return start.squeeze(1)
        frame, contexts = history[..., :1], history[..., 1:]
        # A context never is the frame itself, so an offset of 0 says that there was none.
        offsets = torch.where(contexts < 0, 0, contexts - frame) / count
        actions = torch.cat([(2 * frame + 1) / count - 1, F.pad(offsets, (0, self.contexts - contexts.shape[2]))], 2)
        states, _ = self.lstm(F.leaky_relu(self.embed(actions), 0.1))
        rows = torch.arange(history.shape[0], device=history.device)
        return torch.cat([start, states], 1)[rows, length]


class FrameTrunk(nn.Module):
    """What π1 and V1 see: the mosaic and the past."""

    def __init__(self, config: AgentConfig) -> None:
        super().__init__()
        self.memory = Memory(config.contexts, config.memory)
        self.trunk = Trunk(MAPS, FRAME_FLAGS, 0, config.memory, config.mixed, config.widths)

    def forward(self, observation: Observation) -> Tensor:
        """Features of every frame, (B, n, widths[0])."""
        maps = stack_maps(observation)
        past = self.memory(observation["history"], observation["length"], maps.shape[1])
        return self.trunk(maps, frame_flags(observation), [], past)


class Sketch(nn.Module):
    """The target frame and its hole at a finer resolution than its cell has: as maps of a cell's size, and a vector."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(4, channels, 4, stride=4)
        self.maps = nn.Conv2d(channels, channels, 3, padding=1)
        self.vector = nn.Conv2d(channels, 2 * channels, 4, stride=4)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        normalise(self, math.sqrt(2))

    def forward(self, frame: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 4, h, w) of any size → (B, channels, 16, 16) and (B, 2 · channels)."""
        small = frame if frame.shape[-2:] == (4 * CELL, 4 * CELL) else F.adaptive_avg_pool2d(frame, 4 * CELL)
        stem = self.stem(small.contiguous(memory_format=torch.channels_last))
        maps = F.leaky_relu(self.maps(F.leaky_relu(stem, 0.1)), 0.1)
        return maps, F.leaky_relu(self.vector(maps), 0.1).mean((2, 3))


@dataclass(frozen=True)
class Glance:
    """What π2 makes of a repair before any context is picked: the same for all of its contexts.

    Attributes:
        maps: (B, n, MAPS + SIGHTS, 16, 16).
        own: what these bring to :meth:`Trunk.mix`.
        sketch: by :class:`Sketch`, maps and vector.
        source: by :func:`rovr.mdp.mosaic.sources`, where it was asked for.
    """

    maps: Tensor
    own: Tensor
    sketch: tuple[Tensor, Tensor]
    source: Tensor | None = None


class ContextTrunk(nn.Module):
    """What π2 and V2 see: the mosaic, the target, and the contexts picked for it so far.

    Each cell is joined by what the frame shows of the target. The target's cell, its sketch, the mean of the picked
    cells and the best that they show are laid under every cell, so that whether a frame shows what the target's hole
    hides, and what the picked ones leave hidden, can be seen place by place.
    """

    def __init__(self, config: AgentConfig) -> None:
        super().__init__()
        self.sketch = Sketch(config.sketch)
        common, vector = 2 * MAPS + 1 + config.sketch, 3 + 2 * config.sketch
        self.trunk = Trunk(MAPS + SIGHTS, CONTEXT_FLAGS, common, vector, config.mixed, config.widths)

    def glance(self, observation: Observation) -> Glance:
        """Look at a repair of which no context need be picked yet."""
        maps = torch.cat([stack_maps(observation), observation["sight"]], 2)
        return Glance(maps, self.trunk.mix_own(maps), self.sketch(observation["frame"]))

    def forward(self, observation: Observation, added: Tensor | None = None, glance: Glance | None = None) -> Tensor:
        """Features of every frame, (B, n, widths[0]).

        Args:
            observation: of the micro-step.
            added: (B, n) by ``added_sight`` where it is known.
            glance: at the same repair where there was one.
        """
        glance = self.glance(observation) if glance is None else glance
        maps, picked = glance.maps[:, :, :MAPS], observation["picked"]
        rows = torch.arange(maps.shape[0], device=maps.device)
        target = maps[rows, observation["target"]]
        weights = picked / picked.sum(1, keepdim=True).clamp(min=1)
        before = (maps * weights[..., None, None, None]).sum(1)
        sketch, vector = glance.sketch
        best, flags = best_picked(observation), context_flags(observation, added)
        # How much is missing, how much of it the picked ones show, and how much any frame could add.
        hole = target[:, 3]
        size = hole.mean((1, 2))
        shown = (hole * best[:, 0]).mean((1, 2)) / size.clamp(min=1e-9)
        vector = torch.cat([vector, torch.stack([size, shown, flags[:, :, -1].amax(1)], 1)], 1)
        common = [target, before, best, sketch]
        return self.trunk(glance.maps, flags, common, vector, glance.own)


class Critic(nn.Module):
    """V1 or V2: a value from the mean of all frames' features."""

    def __init__(self, trunk: nn.Module, width: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.worth = nn.Linear(width, 1)
        normalise(self.worth, 0.1)

    def value(self, observation: Observation) -> Tensor:
        """Expected return, (B,)."""
        return self.worth(self.trunk(observation).mean(1)).squeeze(1)


class Policy(Critic):
    """π1 or π2, with a value head on its trunk."""

    def __init__(self, trunk: nn.Module, width: int) -> None:
        super().__init__(trunk, width)
        self.score = nn.Linear(width, 1)
        # Untrained, every frame is about equally likely.
        normalise(self.score, 0.01)

    def logits(self, observation: Observation) -> Tensor:
        """Score of every frame, (B, n)."""
        return self.score(self.trunk(observation)).squeeze(2)


class FramePolicy(Policy):
    """π1. It starts from the order of time, drawn from softly, and learns what to do otherwise.

    Args:
        config: settings.
    """

    def __init__(self, config: AgentConfig) -> None:
        super().__init__(FrameTrunk(config), config.widths[0])
        self.rule = nn.Parameter(torch.tensor(config.rule))

    def logits(self, observation: Observation) -> Tensor:
        """Score of every frame, (B, n)."""
        return super().logits(observation) - self.rule * frame_flags(observation)[:, :, 0]


class ContextPolicy(Policy):
    """π2. It starts from the strategy ``sight``, drawn from softly, and learns what to do otherwise.

    It may differ in two ways: by the scores of the map, as π1 has them, and by what it makes of the evidence for each
    frame (:func:`rovr.mdp.mosaic.evidence`).

    Args:
        config: settings.
    """

    trunk: ContextTrunk

    def __init__(self, config: AgentConfig) -> None:
        super().__init__(ContextTrunk(config), config.widths[0])
        self.rule = nn.Parameter(torch.tensor(config.rule))
        self.evidence = nn.Linear(EVIDENCE, 1, bias=False)
        nn.init.zeros_(self.evidence.weight)

    def glance(self, observation: Observation) -> Glance:
        """Look at a repair of which no context need be picked yet."""
        return replace(self.trunk.glance(observation), source=sources(observation))

    def logits(self, observation: Observation, glance: Glance | None = None) -> Tensor:
        """Score of every frame, (B, n); ``glance`` by :meth:`glance`, if there was one at this repair."""
        told = evidence(observation, None if glance is None else glance.source)
        # The rule's own figure stands first.
        added = told[..., 0]
        scores = self.score(self.trunk(observation, added, glance)).squeeze(2)
        return scores + self.rule * added + WEIGHT * self.evidence(told).squeeze(2)
