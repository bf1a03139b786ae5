"""What learners need of a set of networks: a policy, a critic, and a value head on the policy's trunk."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from torch import Tensor, nn

from rovr.rl.env import Observation


class Agent(Protocol):
    """π1 and π2 with their critics, as one ``nn.Module``; who is asked is told by ``observation["role"]``.

    Nothing in it may depend on the batch or on chance (batch normalisation, dropout): learners judge again what was
    done before and count on the same answer.
    """

    def policy(self, observation: Observation) -> Tensor:
        """Logits over the items, (B, n); the mask is applied by whoever asked."""
        ...

    def value(self, observation: Observation) -> Tensor:
        """Expected return by the critic of each row's role, (B,)."""
        ...

    def auxiliary(self, observation: Observation) -> Tensor:
        """The same, (B,), read from the trunk of the policy."""
        ...

    def actor_parameters(self) -> Iterable[nn.Parameter]:
        """Of the policies and their auxiliary value heads."""
        ...

    def critic_parameters(self) -> Iterable[nn.Parameter]:
        """Of the critics."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]:
        """All, as in ``nn.Module``."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """As in ``nn.Module``."""
        ...

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> Any:
        """As in ``nn.Module``."""
        ...


class SharedAgent(nn.Module):
    """Policy and critic on one trunk: an agent whose critic is its own auxiliary head.

    Args:
        agent: an ``nn.Module``; its critics are left alone.
    """

    def __init__(self, agent: Agent) -> None:
        super().__init__()
        self.agent = agent

    def policy(self, observation: Observation) -> Tensor:
        """As the agent's."""
        return self.agent.policy(observation)

    def value(self, observation: Observation) -> Tensor:
        """The agent's auxiliary value."""
        return self.agent.auxiliary(observation)

    def auxiliary(self, observation: Observation) -> Tensor:
        """As the agent's."""
        return self.agent.auxiliary(observation)

    def actor_parameters(self) -> Iterable[nn.Parameter]:
        """As the agent's."""
        return self.agent.actor_parameters()

    def critic_parameters(self) -> Iterable[nn.Parameter]:
        """The same as the actor's."""
        return self.agent.actor_parameters()
