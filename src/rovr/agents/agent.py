"""π1 and π2 with their critics, as one module: who answers is told by the role of each row of an observation."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import safe_open
from torch import Tensor, nn

from rovr.agents.config import AgentConfig
from rovr.agents.networks import ContextPolicy, ContextTrunk, Critic, FramePolicy, FrameTrunk, Observation
from rovr.editor.loading import read_card, read_weights, write_weights
from rovr.errors import UserError
from rovr.mdp.encoder import Encoder, ResNetEncoder, load_encoder

PREFIX = "encoder."
"""Begins the names of φ's weights in an agent's file."""


class Agent(nn.Module):
    """Chooses frames to repair and contexts to look at.

    Without normalisation layers, dropout or a state of its own, it always gives the same answer to the same row.
    """

    def __init__(self, config: AgentConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or AgentConfig()
        width = config.widths[0]
        # Initial weights come from the global source of chance, which is left as it was found.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.frame_policy = FramePolicy(config)
            self.context_policy = ContextPolicy(config)
            if not config.shared:
                self.frame_critic = Critic(FrameTrunk(config), width)
                self.context_critic = Critic(ContextTrunk(config), width)

    def policy(self, observation: Observation) -> Tensor:
        """Logits over the frames, (B, n), of those too that the mask forbids."""
        return by_role(observation, self.frame_policy.logits, self.context_policy.logits)

    def value(self, observation: Observation) -> Tensor:
        """Expected return, (B,), by V1 or V2."""
        if self.config.shared:
            return self.auxiliary(observation)
        return by_role(observation, self.frame_critic.value, self.context_critic.value)

    def auxiliary(self, observation: Observation) -> Tensor:
        """Expected return, (B,), by the value head on the policy's trunk."""
        return by_role(observation, self.frame_policy.value, self.context_policy.value)

    def actor_parameters(self) -> list[nn.Parameter]:
        """Of π1 and π2, auxiliary value heads included."""
        return [*self.frame_policy.parameters(), *self.context_policy.parameters()]

    def critic_parameters(self) -> list[nn.Parameter]:
        """Of V1 and V2, which may be the same as those of the policies."""
        if self.config.shared:
            return self.actor_parameters()
        return [*self.frame_critic.parameters(), *self.context_critic.parameters()]

    def save(
        self,
        path: Path | str,
        card: Mapping[str, Any] | None = None,
        half: bool = False,
        encoder: Encoder | None = None,
    ) -> None:
        """Write weights and settings.

        Args:
            path: safetensors file.
            card: what else is to be said of them, anything that JSON can hold.
            half: whether to store half the precision in half the space.
            encoder: φ, whose weights go with them where it has any: the agent is blind with others.
        """
        held = {} if encoder is None else {PREFIX + name: tensor for name, tensor in encoder.state_dict().items()}
        write_weights(Path(path), {**self.state_dict(), **held}, {**(card or {}), "agent": asdict(self.config)}, half)

    @classmethod
    def load(cls, path: Path | str, device: torch.device | str = "cpu") -> Self:
        """Read an agent that was saved.

        Raises:
            UserError: where the file is missing, damaged, or holds something else.
        """
        state = {name: tensor for name, tensor in read_weights(Path(path)).items() if not name.startswith(PREFIX)}
        try:
            config = AgentConfig.of(read_card(Path(path))["agent"])
            with torch.device("meta"):
                # Takes no memory, whatever sizes the file claims.
                shapes = {name: tensor.shape for name, tensor in cls(config).state_dict().items()}
            if shapes != {name: tensor.shape for name, tensor in state.items()}:
                raise ValueError("other sizes than the settings say")
            agent = cls(config)
            agent.load_state_dict(state)
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, OverflowError) as error:
            raise UserError(f"the weights in {path} are not those of an agent of this version") from error
        return agent.to(device)


def load_seeing(path: Path | str, device: torch.device | str = "cpu") -> tuple[Agent, Encoder]:
    """Read an agent together with φ, whose cells it reads.

    Raises:
        UserError: as for :meth:`Agent.load`; or φ's weights are neither in the file nor to be had.
    """
    agent = Agent.load(path, device)
    with safe_open(path, framework="pt") as file:
        held = [name for name in file.keys() if name.startswith(PREFIX)]  # noqa: SIM118 - no mapping
        state = {name.removeprefix(PREFIX): file.get_tensor(name).float() for name in held}
    name = agent.config.encoder
    return agent, load_encoder(name, device, **({"state": state} if state and name == ResNetEncoder.name else {}))


def by_role(
    observation: Observation, frames: Callable[[Observation], Tensor], contexts: Callable[[Observation], Tensor]
) -> Tensor:
    """Have rows of role 0 answered by one network and the others by another; none runs for nothing."""
    first = observation["role"] == 0
    if bool(first.all()):
        return frames(observation)
    if not bool(first.any()):
        return contexts(observation)
    rows = torch.cat([first.nonzero(), (~first).nonzero()]).squeeze(1)
    parts = [
        network({name: tensor[chosen] for name, tensor in observation.items()})
        for network, chosen in ((frames, first), (contexts, ~first))
    ]
    return torch.cat(parts)[rows.argsort()]
