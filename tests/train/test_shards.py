"""Who plays a shard does not matter; the cluster itself is in test_train_ray.py."""

import copy
from collections.abc import Sequence
from functools import cache

import pytest
import torch
from test_agents import LENGTH, make, world
from torch import Tensor

from rovr.agents import Agent
from rovr.data.cases import Case
from rovr.mdp.drill import DrillEnv
from rovr.mdp.environment import RepairEnv
from rovr.rl import LEARNERS, load_learner
from rovr.rl.rollout import Rollout, collect, sampling
from rovr.train.experts import sight
from rovr.train.rooms import DRILL, WHOLE
from rovr.train.shards import Answer, Player, ShardedEnv, Start


@cache
def rooms() -> dict[str, RepairEnv]:
    """Shared by all players, who play in copies of them."""
    env = world()
    return {WHOLE: env, DRILL: DrillEnv(env.editor, env.encoder, env.make, env.reward, env.size)}


class Forgetful:
    """A crew of many, of whom somebody else is asked every time, and somebody is new now and then."""

    def __init__(self, seed: int = 0) -> None:
        self.chance, self.players = torch.Generator().manual_seed(seed), [Player(rooms()) for _ in range(2)]
        self.replaced = 0

    def draw(self, limit: int) -> int:
        return int(torch.randint(limit, (), generator=self.chance))

    def play(self, starts: Sequence[Start], past: Sequence[Tensor]) -> list[Answer]:
        answers = []
        for number in reversed(range(len(starts))):
            if self.draw(4) == 0:
                self.players[self.draw(2)], self.replaced = Player(rooms()), self.replaced + 1
            answers.append(self.players[self.draw(2)].turn(number, starts[number], past[number]))
        return answers[::-1]


def played(env: RepairEnv | ShardedEnv, seed: int = 0) -> Rollout:
    generator = torch.Generator().manual_seed(seed)
    return collect(env, env.reset(generator), sampling(Agent(), generator))


def assert_same(a: Rollout, b: Rollout) -> None:
    for name in ("actions", "rewards", "alive"):
        assert torch.equal(getattr(a, name), getattr(b, name)), name
    for left, right in ((a.observations, b.observations), (a.notes, b.notes)):
        assert all(torch.equal(left[name], right[name]) for name in left)


def test_one_shard_is_the_environment_itself() -> None:
    env = copy.copy(rooms()[WHOLE])
    env.size = 3
    assert_same(played(env), played(ShardedEnv(Player(rooms()), WHOLE, 3, 1, 3)))


@pytest.mark.parametrize("room", [WHOLE, DRILL])
@pytest.mark.parametrize(("size", "group", "shard"), [(5, 1, 2), (4, 2, 1)])
def test_it_does_not_matter_who_plays_a_shard(room: str, size: int, group: int, shard: int) -> None:
    crew = Forgetful()
    rollout = played(ShardedEnv(crew, room, size, group, shard))
    assert crew.replaced > 3
    assert_same(played(ShardedEnv(Player(rooms()), room, size, group, shard)), rollout)


def test_a_shard_plays_the_same_whatever_the_others_are() -> None:
    """Each of three shards alone gives its part of the three together."""
    generator = torch.Generator().manual_seed(0)
    together = ShardedEnv(Player(rooms()), WHOLE, 3, 1, 1)
    rollout = collect(together, together.reset(generator), lambda seen: (sight(together, seen), {}))
    for column, start in enumerate(together.starts):
        alone = Player(rooms())
        steps = int(rollout.alive[:, column].sum())
        for t in range(steps + 1):
            seen, rewards, finished = alone.play([start], [rollout.actions[:t, column, None]])[0]
            if t:
                assert torch.equal(rewards, rollout.rewards[t - 1, column, None])
            if t < len(rollout.actions):
                assert all(torch.equal(seen[n][0], rollout.observations[n][t, column]) for n in seen)
        assert bool(finished.all())


def test_a_shard_that_is_over_waits_for_the_others() -> None:
    def short(chance) -> Case:
        """One damaged frame at even seeds, all of them at odd ones."""
        case = make(chance)
        masks = case.masks.clone()
        if chance.random() < 0.5:
            masks[1:] = False
        masks[0] |= ~masks.flatten(1).any()
        return Case(case.truth, case.frames, masks)

    env = copy.copy(rooms()[WHOLE])
    env.make = short
    lengths = set()
    for seed in range(2):
        batch = ShardedEnv(Player({WHOLE: env}), WHOLE, 4, 1, 1)
        rollout = played(batch, seed)
        counts = rollout.alive.sum(0)
        lengths |= set(counts.tolist())
        waiting = ~rollout.alive
        assert (rollout.rewards[waiting] == 0).all()
        assert (rollout.actions[waiting] == 0).all()
        assert (rollout.observations["mask"][waiting].nonzero()[:, 1] == 0).all()
        assert (rollout.roles == torch.arange(len(rollout.roles))[:, None] % 3).all()
    assert lengths == {3, 3 * LENGTH}


def test_copies_of_a_clip_stay_in_one_shard() -> None:
    env = ShardedEnv(Player(rooms()), WHOLE, 8, 1, 2)
    env.reset_group(torch.Generator().manual_seed(0), 4)
    assert [(len(start.seeds), start.group) for start in env.starts] == [(1, 4), (1, 4)]
    env.reset(torch.Generator().manual_seed(0))
    assert [start.size for start in env.starts] == [2, 2, 2, 2]
    with pytest.raises(ValueError, match="groups of 3"):
        env.reset_group(torch.Generator(), 3)


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_learns_the_same_from_any_crew(name: str) -> None:
    dqn = {"demo_batches": 1, "pretrain": 2, "updates": 2, "minibatch": 8}
    options = {"grpo": {"group": 2}, "dqn": dqn}.get(name, {})
    states = []
    for crew in (Player(rooms()), Forgetful()):
        agent = Agent()
        learner = load_learner(name, agent, sight, **options)
        learner.iterate(ShardedEnv(crew, WHOLE, 4, 1, 2))
        states.append(agent.state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert any(not torch.equal(states[0][key], tensor) for key, tensor in Agent().state_dict().items())
