from dataclasses import replace

import pytest
import torch
from toys import RankToy, TinyAgent, expert, score

from rovr.errors import UserError
from rovr.rl.choice import random_items
from rovr.rl.dqn import DQN, DQNConfig, margin_loss, q_values
from rovr.rl.replay import Replay, n_step
from rovr.rl.rollout import Rollout, collect, discounts

GAMMA = 0.9


def play(size=8, seed=0):
    env, chance = RankToy(size), torch.Generator().manual_seed(seed)
    return collect(env, env.reset(chance), lambda seen: (random_items(seen["mask"], chance), {}))


def numbered(episodes, first=0):
    """Episodes of three micro-steps, each showing and earning its own number."""
    numbers = first + torch.arange(3 * episodes).view(episodes, 3).T
    mask = torch.ones(3, episodes, 2, dtype=torch.bool)
    seen = {"mask": mask, "role": torch.zeros(3, episodes, dtype=torch.long), "number": numbers}
    return Rollout(seen, numbers % 2, numbers.float(), mask[..., 0], {})


def memory(capacity=100, alpha=0.5):
    return Replay(capacity, alpha, 1e-3, 1.0)


def test_n_step_returns_by_hand():
    rewards = torch.tensor([[1.0], [2.0], [4.0], [8.0]])
    factors = torch.tensor([[0.5], [1.0], [0.5], [0.0]])
    total, weight = n_step(rewards, factors, 2)
    assert total.flatten().tolist() == [1 + 0.5 * 2, 2 + 4, 4 + 0.5 * 8, 8]
    assert weight.flatten().tolist() == [0.5 * 1, 1 * 0.5, 0, 0]
    total, weight = n_step(rewards, factors, 9)
    assert total.flatten().tolist() == [1 + 0.5 * (2 + 4 + 0.5 * 8), 2 + 4 + 0.5 * 8, 8, 8]
    assert not weight.any()


def test_transitions_end_n_micro_steps_later_in_their_own_episode():
    rollout, replay = play(), memory(200)
    replay.add(rollout, 2, GAMMA)
    assert replay.size == int(rollout.alive.sum())
    sample = replay.sample(500, 0.5, torch.Generator())
    # The history of an observation tells the episode and the time.
    time, later = ((seen["history"] >= 0).sum(1) for seen in (sample.observation, sample.after))
    goes_on = sample.factors > 0
    assert torch.equal(later[goes_on], time[goes_on] + 2)
    shorter = sample.observation["history"][goes_on]
    assert torch.equal(torch.where(shorter >= 0, sample.after["history"][goes_on], -1), shorter)
    lengths = rollout.alive.sum(0)
    assert ((lengths[:, None] - time[~goes_on]) <= 2).any(0).all()
    factors = discounts(rollout.roles, GAMMA)
    assert set(sample.factors.unique().tolist()) == {0.0, *(factors[0] * factors[1]).tolist(), factors[2, 0].item()}


def test_a_full_memory_forgets_the_oldest_and_points_nowhere_wrong():
    replay = memory(20)
    for first in range(0, 90, 9):
        replay.add(numbered(3, first), 1, GAMMA)
    assert replay.size == 20
    assert sorted(replay.observations["number"].tolist()) == list(range(70, 90))
    sample = replay.sample(300, 0.5, torch.Generator())
    goes_on = sample.factors > 0
    assert torch.equal(sample.after["number"][goes_on], sample.observation["number"][goes_on] + 1)
    assert torch.equal(goes_on, sample.observation["number"] % 3 < 2)
    assert torch.equal(sample.rewards, sample.observation["number"].float())


def test_memory_takes_room_for_what_it_holds_only():
    """All of it at once may be more than the machine has."""
    replay = memory(10**15)
    for first in range(0, 90, 9):
        replay.add(numbered(3, first), 1, GAMMA)
    assert replay.size == 90
    assert replay.observations["number"][:90].tolist() == list(range(90))
    assert all(len(column) < 200 for column in replay.columns.values())


def test_demonstrations_stay_and_are_preferred():
    replay = memory(30, alpha=1.0)
    replay.add(numbered(4), 1, GAMMA, demo=True)
    for first in range(100, 190, 9):
        replay.add(numbered(3, first), 1, GAMMA)
    assert replay.size == 30
    assert replay.observations["number"][:12].tolist() == list(range(12))
    assert replay.columns["demo"].sum() == 12
    replay.surprise(torch.arange(30), torch.full((30,), 0.5))
    sample = replay.sample(20_000, 1.0, torch.Generator())
    expected = 12 * 1.5 / (12 * 1.5 + 18 * 0.501)
    assert sample.demo.float().mean().item() == pytest.approx(expected, abs=0.02)
    with pytest.raises(UserError, match="no room"):
        replay.add(numbered(6), 1, GAMMA)


def test_surprise_decides_and_weights_undo_it():
    replay = memory(alpha=0.5)
    replay.add(numbered(2), 1, GAMMA)
    errors = torch.tensor([0.1, 0.2, 0.4, 0.8, 1.6, -3.2])
    replay.surprise(torch.arange(6), errors)
    sample = replay.sample(50_000, 1.0, torch.Generator())
    share = sample.slots.bincount(minlength=6) / 50_000
    wanted = (errors.abs() + 1e-3).sqrt()
    assert torch.allclose(share, wanted / wanted.sum(), atol=0.01)
    total = torch.zeros(6).index_add(0, sample.slots, sample.weights)
    assert torch.allclose(total / total.mean(), torch.ones(6), atol=0.06)
    replay.add(numbered(1), 1, GAMMA)
    assert replay.columns["errors"][6:9].tolist() == pytest.approx([3.2] * 3)


class Fixed(torch.nn.Module):
    """Says what it is told."""

    def __init__(self, logits, value):
        super().__init__()
        self.logits, self.worth = torch.nn.Parameter(torch.tensor(logits)), value

    def policy(self, observation):
        return self.logits.expand(len(observation["mask"]), -1)

    def auxiliary(self, observation):
        return torch.full((len(observation["mask"]),), self.worth)

    def actor_parameters(self):
        return [self.logits]


def test_values_are_dueling_over_valid_items():
    mask = torch.tensor([[True, True, False], [True, True, True]])
    values = q_values(Fixed([1.0, 3.0, 8.0], 10.0), {"mask": mask})
    assert values.tolist() == [[9, 11, -torch.inf], [7, 9, 14]]


def test_targets_are_double_and_masked():
    """The learner picks the item, the older Q' values it, and neither sees a masked one."""
    one = torch.ones(1, 1)
    mask = torch.tensor([[True, False, False], [True, True, False]])[:, None]
    seen = {"mask": mask, "role": torch.zeros(2, 1, dtype=torch.long)}
    rollout = Rollout(seen, torch.zeros(2, 1, dtype=torch.long), torch.cat([one, 0 * one]), torch.ones(2, 1) > 0, {})
    learner = DQN(Fixed([0.0, 1.0, 9.0], 0.0), DQNConfig(gamma=0.5, n=1, minibatch=64, target_every=10**6))
    learner.replay.add(rollout, 1, 0.5)
    learner.updates = 1  # keeps Q' as it is set here
    learner.target = Fixed([6.0, 2.0, 0.0], 0.0)
    learner.update(1)
    # Online, item 1 of the second state is best; Q' has it at 2 − (6 + 2) / 2 = −2, so the target is 1 − 0.5 · 2 = 0.
    # The only item of the first state is worth 0 by the mean over valid ones; nothing is left to learn there.
    assert learner.replay.columns["errors"][0].item() == pytest.approx(0, abs=1e-6)
    assert learner.replay.columns["errors"][1].item() == pytest.approx(0.5)  # Q(s, 0) = −0.5, and the end is worth 0


def test_the_older_values_are_renewed_at_times():
    learner = DQN(TinyAgent(RankToy), DQNConfig(target_every=3))
    learner.replay.add(play(), 1, GAMMA)
    renewed = []
    for _ in range(7):
        before = learner.agent.score.weight.detach().clone()
        learner.update(1)
        renewed.append(torch.equal(learner.target.score.weight, before))
    assert renewed == [True, False, False, True, False, False, True]


def test_the_margin_is_demanded_of_valid_items_only():
    values = torch.tensor([[1.0, 2.0, -torch.inf], [1.0, 2.0, -torch.inf]], requires_grad=True)
    loss = margin_loss(values, torch.tensor([0, 1]), 0.8)
    assert loss.tolist() == pytest.approx([1.8, 0.0])
    loss.sum().backward()
    assert values.grad.isfinite().all()


def test_old_rewards_are_scaled_like_new_ones():
    found = []
    for unit in (1.0, 1e-3):
        learner = DQN(TinyAgent(RankToy), DQNConfig(n=1))
        rollout = replace(play(), rewards=unit * play().rewards)
        learner.replay.add(rollout, 1, GAMMA)
        learner.scale.observe(rollout, GAMMA)
        found.append(learner.update(2)["td_loss"])
        assert learner.replay.columns["rewards"].max() == rollout.rewards.max()
    assert found[0] == pytest.approx(found[1], rel=1e-3)


def test_demonstrations_alone_teach_the_task():
    agent = TinyAgent(RankToy)
    config = DQNConfig(demo_batches=4, pretrain=150, updates=1, lr=5e-3, minibatch=128)
    learner = DQN(agent, config, expert)
    figures = learner.iterate(RankToy())
    assert learner.replay.demos == learner.replay.columns["demo"].sum() > 0
    assert figures["exploration"] == config.epsilon
    assert score(RankToy(512), agent) > 3.2
    with pytest.raises(UserError, match="needs an expert"):
        DQN(agent, config)


def test_no_two_demonstrations_are_the_same():
    """An expert does the same at the same start, however often the learner's own starts are repeated."""

    class Repeating(RankToy):
        def reset(self, generator):
            return self.reset_group(generator, 8)

    learner = DQN(TinyAgent(RankToy), DQNConfig(demo_batches=1, pretrain=0, updates=1, minibatch=8), expert)
    learner.iterate(Repeating(16))
    held = {name: tensor[: learner.replay.demos] for name, tensor in learner.replay.observations.items()}
    starts = held["items"][(held["history"] < 0).all(1)]
    assert len(starts.flatten(1).unique(dim=0)) == 16


def test_exploration_falls_to_its_floor():
    learner = DQN(TinyAgent(RankToy), replace(DQNConfig(), epsilon=0.1, epsilon_iterations=10))
    seen = []
    for learner.iteration in (0, 5, 10, 50):
        seen.append(learner.exploration)
    assert seen == pytest.approx([1, 0.55, 0.1, 0.1])
    taught = DQN(TinyAgent(RankToy), replace(learner.config, demo_batches=1), expert)
    assert taught.exploration == pytest.approx(0.1)
