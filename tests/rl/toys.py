"""Small worlds whose best policy is known, and a small agent that can learn it."""

import torch
from torch import Tensor, nn

from rovr.rl import BatchEnv, Observation
from rovr.rl.rollout import collect, greedy


class Toy:
    """What both worlds share: ``edits`` repairs of one frame with ``contexts`` contexts among ``items`` items.

    Item features: pending, the target, picked as a context, first target of the episode, two that show what the item is
    like, and how much of the episode is over.
    """

    items = 5
    contexts = 2
    edits = 3
    features = 7

    def __init__(self, size: int = 64) -> None:
        self.size = size
        self.rows = torch.arange(size)

    def reset(self, generator: torch.Generator) -> Observation:
        return self.reset_group(generator, 1)

    def reset_group(self, generator: torch.Generator, group: int) -> Observation:
        self.kind = self.draw(self.size // group, generator).repeat_interleave(group, 0)
        self.pending = self.start(self.size // group, generator).repeat_interleave(group, 0)
        self.role = torch.zeros(self.size, dtype=torch.long)
        self.edit = torch.zeros(self.size, dtype=torch.long)
        self.target = torch.full((self.size,), -1)
        self.first = torch.full((self.size,), -1)
        self.picked = torch.zeros(self.size, self.items, dtype=torch.bool)
        self.gain = torch.zeros(self.size)
        self.done = torch.zeros(self.size, dtype=torch.bool)
        self.history = torch.full((self.size, self.edits * (self.contexts + 1)), -1)
        self.time = 0
        return self.observe()

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """What items are like, (count, n, 2)."""
        raise NotImplementedError

    def start(self, count: int, generator: torch.Generator) -> Tensor:
        """Items pending at first, (count, n) bool."""
        raise NotImplementedError

    def worth(self, actions: Tensor) -> Tensor:
        """What a pick adds to the reward of its edit, (B,)."""
        raise NotImplementedError

    def visible(self) -> Tensor:
        """What is shown of items, (B, n, 2)."""
        return self.kind

    def mask(self) -> Tensor:
        others = torch.ones(self.size, self.items, dtype=torch.bool) & ~self.picked
        others[self.rows, self.target] = False
        mask = torch.where((self.role == 0)[:, None], self.pending, others)
        only_first = torch.arange(self.items) == 0
        return torch.where(self.done[:, None], only_first, mask)

    def observe(self) -> Observation:
        def one(index: Tensor) -> Tensor:
            return index[:, None] == torch.arange(self.items)

        flags = torch.stack(
            [self.pending, one(self.target) & (self.role > 0)[:, None], self.picked, one(self.first)], 2
        )
        past = (self.edit / self.edits)[:, None, None].expand(-1, self.items, 1)
        seen = torch.cat([flags.float(), self.visible(), past], 2)
        return {"mask": self.mask(), "role": self.role.clone(), "items": seen, "history": self.history.clone()}

    def step(self, actions: Tensor) -> tuple[Observation, Tensor, Tensor]:
        assert self.mask()[self.rows, actions].all(), "an item that the mask forbids"
        alive, frame = ~self.done, self.role == 0
        self.target = torch.where(alive & frame, actions, self.target)
        self.first = torch.where(alive & (self.first < 0), actions, self.first)
        self.gain = torch.where(alive, self.gain + self.worth(actions), 0.0)
        self.pending[self.rows, self.target] = False
        self.picked[self.rows, actions] |= alive & ~frame
        self.history[:, self.time] = torch.where(alive, actions, -1)
        self.time += 1
        last = alive & (self.role == self.contexts)
        reward = torch.where(last, self.gain, 0.0)
        self.gain = torch.where(last, 0.0, self.gain)
        self.picked = self.picked & ~last[:, None]
        self.edit = self.edit + last
        self.role = torch.where(alive, (self.role + 1) % (self.contexts + 1), self.role)
        self.done = self.done | (last & ~(self.pending.any(1) & (self.edit < self.edits)))
        return self.observe(), reward, self.done.clone()

    def best(self) -> Tensor:
        """The best pick now, (B,) long."""
        raise NotImplementedError


class RankToy(Toy):
    """Repair the best first, each with the help of the two nearest.

    The target of edit t is worth its score times 1, 0.3, 0; each of the two contexts nearest to it is worth 0.5.
    One to three items are pending, so that episodes differ in length, and the last target is forced.
    """

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        score = 2 * torch.rand(count, self.items, generator=generator)
        return torch.stack([score, torch.rand(count, self.items, generator=generator)], 2)

    def start(self, count: int, generator: torch.Generator) -> Tensor:
        order = torch.rand(count, self.items, generator=generator).argsort(1)
        return order < torch.randint(1, self.edits + 1, (count, 1), generator=generator)

    def distance(self) -> Tensor:
        place = self.kind[..., 1]
        return (place - place[self.rows, self.target][:, None]).abs()

    def visible(self) -> Tensor:
        distance = torch.where((self.role > 0)[:, None], self.distance(), 0.0)
        return torch.stack([self.kind[..., 0], distance], 2)

    def worth(self, actions: Tensor) -> Tensor:
        weight = torch.tensor([1.0, 0.3, 0.0, 0.0])[self.edit]
        nearest = self.distance().argsort(1)[:, 1:3]  # the first is the target itself
        near = 0.5 * (nearest == actions[:, None]).any(1)
        return torch.where(self.role == 0, weight * self.kind[self.rows, actions, 0], near)

    def best(self) -> Tensor:
        score = torch.where((self.role == 0)[:, None], self.kind[..., 0], -self.distance())
        return score.masked_fill(~self.mask(), -torch.inf).argmax(1)

    def optimum(self) -> float:
        """Mean best return over the episodes just started."""
        scores = self.kind[..., 0].masked_fill(~self.pending, 0.0).sort(1, descending=True).values
        return float((scores[:, 0] + 0.3 * scores[:, 1] + self.pending.sum(1)).mean())


class DelayToy(Toy):
    """Take the key, not the bait: greed is punished at the end.

    Among four items are one bait and one key. Of the targets only the first matters: the bait is worth 0.5 with its own
    edit, the key 1.0 with the last edit. A context that is neither is worth 0.1.
    """

    items = 4
    contexts = 1
    best_return, greedy_return = 1.3, 0.8

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        order = torch.rand(count, self.items, generator=generator).argsort(1)
        return torch.stack([order == 0, order == 1], 2).float()

    def start(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.ones(count, self.items, dtype=torch.bool)

    def worth(self, actions: Tensor) -> Tensor:
        bait, key = self.kind[self.rows, actions].unbind(1)
        frame = 0.5 * bait * (self.edit == 0)
        late = self.kind[self.rows, self.first, 1] * (self.edit == self.edits - 1)
        return torch.where(self.role == 0, frame, 0.1 * (1 - bait - key) + late)

    def best(self) -> Tensor:
        bait, key = self.kind.unbind(2)
        # Bait and key are the later targets, so that plain items are left for contexts; any order would do.
        score = torch.where((self.role == 0)[:, None], 2 * key + bait, -key - bait)
        return score.masked_fill(~self.mask(), -torch.inf).argmax(1)

    def optimum(self) -> float:
        return self.best_return


class Body(nn.Module):
    """Every item by itself, then once more beside the mean of all."""

    def __init__(self, features: int, roles: int, width: int) -> None:
        super().__init__()
        self.roles = roles
        self.alone = nn.Sequential(nn.Linear(features + roles, width), nn.Tanh())
        self.beside = nn.Sequential(nn.Linear(2 * width, width), nn.Tanh())

    def forward(self, observation: Observation) -> Tensor:
        """(B, n, width)."""
        items = observation["items"]
        role = nn.functional.one_hot(observation["role"], self.roles)[:, None].expand(-1, items.shape[1], -1)
        x = self.alone(torch.cat([items, role], 2))
        return self.beside(torch.cat([x, x.mean(1, keepdim=True).expand_as(x)], 2))


class TinyAgent(nn.Module):
    def __init__(self, toy: Toy, width: int = 32, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.trunk, self.critic = (Body(toy.features, toy.contexts + 1, width) for _ in range(2))
        self.score = nn.Linear(width, 1)
        self.worth, self.critic_worth = nn.Linear(width, 2), nn.Linear(width, 2)
        nn.init.normal_(self.score.weight, std=0.01)

    def policy(self, observation: Observation) -> Tensor:
        return self.score(self.trunk(observation)).squeeze(2)

    def auxiliary(self, observation: Observation) -> Tensor:
        return self._by_role(self.worth(self.trunk(observation).mean(1)), observation)

    def value(self, observation: Observation) -> Tensor:
        return self._by_role(self.critic_worth(self.critic(observation).mean(1)), observation)

    def _by_role(self, both: Tensor, observation: Observation) -> Tensor:
        frames, contexts = both.unbind(1)
        return torch.where(observation["role"] == 0, frames, contexts)

    def actor_parameters(self):
        return [*self.trunk.parameters(), *self.score.parameters(), *self.worth.parameters()]

    def critic_parameters(self):
        return [*self.critic.parameters(), *self.critic_worth.parameters()]


class LinearAgent(TinyAgent):
    """Computes row by row, so that the answer about a row is the same to the last bit in any batch."""

    def policy(self, observation: Observation) -> Tensor:
        return (observation["items"] * self.score.weight[0, : observation["items"].shape[2]]).sum(2)


def expert(env: BatchEnv, observation: Observation) -> Tensor:
    assert isinstance(env, Toy)
    return env.best()


def score(env: Toy, agent, seed: int = 1000) -> float:
    """Mean return of the greedy policy over fixed starts."""
    start = env.reset(torch.Generator().manual_seed(seed))
    return collect(env, start, greedy(agent)).figures()["return"]
