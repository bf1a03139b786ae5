"""What all learners are: they play whole episodes, improve their agent, and can stop and go on exactly."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from rovr.errors import UserError
from rovr.rl.agent import Agent
from rovr.rl.env import BatchEnv, Expert


class Seeded(Protocol):
    """What every learner's settings have."""

    @property
    def seed(self) -> int:
        """Decides everything that is drawn."""
        ...


class Stateful(Protocol):
    """What can be saved and continued: agents, optimisers, running statistics, memories."""

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on."""
        ...

    def load_state_dict(self, state: Any, /) -> Any:
        """Go on from a state."""
        ...


class Learner(ABC):
    """Improves an agent, one :meth:`iterate` at a time.

    Args:
        agent: what is improved, in place.
        config: settings of the type ``Config`` of the learner's class.
        expert: whom to learn from; only some learners ask it.

    Attributes:
        iteration: number of iterations done.
    """

    name: ClassVar[str]
    Config: ClassVar[type]

    def __init__(self, agent: Agent, config: Seeded, expert: Expert | None = None) -> None:
        self.agent, self.expert = agent, expert
        device = next(iter(agent.parameters())).device
        self.generator = torch.Generator(device).manual_seed(config.seed)
        self.iteration = 0

    def iterate(self, env: BatchEnv) -> dict[str, float]:
        """Play one batch of episodes and learn from it; returns figures for the log."""
        figures = self._iterate(env)
        self.iteration += 1
        return figures

    @abstractmethod
    def _iterate(self, env: BatchEnv) -> dict[str, float]: ...

    @abstractmethod
    def parts(self) -> dict[str, Stateful]:
        """Everything that changes while learning, by name."""

    def state_dict(self) -> dict[str, Any]:
        """For exact resume between two iterations; tensors and plain types only."""
        states = {name: part.state_dict() for name, part in self.parts().items()}
        return {**states, "iteration": self.iteration, "generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state.

        Raises:
            UserError: chance was drawn on a GPU there and is drawn on the CPU here, or the other way round.
        """
        chance = state["generator"].cpu()
        if len(chance) != len(self.generator.get_state()):
            raise UserError("chance of a GPU does not go on on a CPU, nor the other way round; give the first --device")
        for name, part in self.parts().items():
            part.load_state_dict(state[name])
        self.iteration = state["iteration"]
        self.generator.set_state(chance)


class Figures:
    """Means of named figures over minibatches."""

    def __init__(self) -> None:
        self._values: dict[str, list[Tensor]] = {}

    def add(self, figures: Mapping[str, Tensor]) -> None:
        """Count a minibatch."""
        for name, value in figures.items():
            self._values.setdefault(name, []).append(value.detach())

    def means(self) -> dict[str, float]:
        """Over what was counted."""
        return {name: float(torch.stack(values).mean()) for name, values in self._values.items()}


@contextmanager
def unlocked(agent: Agent) -> Iterator[None]:
    """While both policies learn although one of them is held still."""
    held = [parameter for parameter in agent.actor_parameters() if not parameter.requires_grad]
    for parameter in held:
        parameter.requires_grad_(True)
    try:
        yield
    finally:
        for parameter in held:
            parameter.requires_grad_(False)


def minibatches(items: Tensor, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Shuffle (N,) indices and deal them into parts of nearly equal size; no part is a small rest."""
    order = torch.randperm(len(items), generator=generator, device=generator.device)
    if len(items):
        yield from items[order].tensor_split(max(1, round(len(items) / size)))


def weighted(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """The loss: the sum of those terms that have a weight."""
    return torch.stack([weights[name] * term for name, term in terms.items() if name in weights]).sum()


def descend(loss: Tensor, optimisers: Mapping[str, torch.optim.Optimizer], max_norm: float) -> dict[str, Tensor]:
    """One step of every optimiser, the gradient of each clipped to a norm by itself; returns the norms.

    Parameters that the loss does not touch stay as they are, their optimiser's averages too.
    """
    for optimiser in optimisers.values():
        optimiser.zero_grad(set_to_none=True)
    if loss.requires_grad:  # not where all of a minibatch is of the policy that is held still
        loss.backward()
    norms = {}
    for name, optimiser in optimisers.items():
        parameters = [p for group in optimiser.param_groups for p in group["params"]]
        norms[f"{name}_gradient"] = nn.utils.clip_grad_norm_(parameters, max_norm)
        optimiser.step()
    return norms
