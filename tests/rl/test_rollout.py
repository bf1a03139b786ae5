import pytest
import torch
from toys import DelayToy, RankToy, TinyAgent

from rovr.rl.choice import random_items
from rovr.rl.rollout import (
    collect,
    discounts,
    gae,
    greedy,
    normalise_advantages,
    returns,
    sampling,
)
from rovr.rl.scale import RewardScale

TOYS = [RankToy, DelayToy]


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def play(toy, size=32, seed=0):
    env, generator = toy(size), chance(seed)
    return collect(env, env.reset(generator), lambda seen: (random_items(seen["mask"], generator), {}))


def column(*numbers):
    return torch.tensor(numbers, dtype=torch.float32)[:, None]


@pytest.mark.parametrize("toy", TOYS)
def test_environments_keep_their_contract(toy):
    env = toy(16)
    start = env.reset(chance(1))
    again = toy(16).reset(chance(1))
    assert all(torch.equal(start[name], again[name]) for name in start)
    assert start["mask"].dtype == torch.bool
    assert start["role"].dtype == torch.long
    grouped = env.reset_group(chance(1), 4)
    for name, tensor in grouped.items():
        groups = tensor.unflatten(0, (4, 4))
        assert torch.equal(groups, groups[:, :1].expand_as(groups)), name
    assert not torch.equal(grouped["items"][0], grouped["items"][4])

    rollout = play(toy)
    only_first = torch.arange(env.items) == 0
    over = ~rollout.alive
    assert torch.equal(rollout.observations["mask"][over], only_first.expand(int(over.sum()), -1))
    assert not rollout.rewards[over].any()
    assert rollout.observations["mask"].any(-1).all()


def test_a_rollout_holds_whole_episodes_and_pads_the_short_ones():
    rollout = play(RankToy, size=64)
    lengths = rollout.alive.sum(0)
    assert set(lengths.tolist()) == {3, 6, 9}
    steps = torch.arange(9)[:, None]
    assert torch.equal(rollout.alive, steps < lengths)
    assert torch.equal(rollout.roles[rollout.alive], (steps % 3).expand(-1, 64)[rollout.alive])
    forced = rollout.alive & ~rollout.free
    assert torch.equal(forced, steps == lengths - 3)  # nothing but the last target
    # The history says what was done before.
    assert torch.equal(rollout.observations["history"][-1, lengths == 9, :8].T, rollout.actions[:8, lengths == 9])
    figures = rollout.figures()
    assert figures["length"] == pytest.approx(lengths.float().mean().item())
    assert figures["return"] == pytest.approx(rollout.rewards.sum(0).mean().item())
    # Three micro-steps a repair; padding counts for nothing.
    assert figures["reward_per_repair"] == pytest.approx(float(rollout.rewards.sum() / (lengths.sum() / 3)))


def test_stored_micro_steps_can_be_judged_again():
    agent, env = TinyAgent(RankToy), RankToy(32)
    rollout = collect(env, env.reset(chance()), sampling(agent, chance(1)))
    steps = torch.tensor([5, 40, 200])
    seen = rollout.at(steps)
    t, b = steps // 32, steps % 32
    assert torch.equal(seen["items"], rollout.observations["items"][t, b])
    with torch.no_grad():
        assert torch.allclose(agent.value(seen), rollout.notes["values"][t, b], atol=1e-6)


def test_sampling_depends_on_its_generator_alone():
    agent, env = TinyAgent(RankToy), RankToy(32)
    first = collect(env, env.reset(chance()), sampling(agent, chance(1)))
    torch.manual_seed(77)
    second = collect(env, env.reset(chance()), sampling(agent, chance(1)))
    assert torch.equal(first.actions, second.actions)
    assert torch.equal(first.notes["log_probs"], second.notes["log_probs"])
    best = [collect(env, env.reset(chance()), greedy(agent)).actions for _ in range(2)]
    assert torch.equal(*best)


def test_time_passes_between_edits_only():
    roles = torch.tensor([[0], [1], [2], [0], [1], [2]])
    assert discounts(roles, 0.5)[:-1].flatten().tolist() == [1, 1, 0.5, 1, 1]
    # Who picks only the contexts, or only one of them, lives through as many edits.
    assert discounts(roles[roles > 0][:, None], 0.5)[:-1].flatten().tolist() == [1, 0.5, 1]
    assert discounts(roles[roles == 1][:, None], 0.5)[:-1].flatten().tolist() == [0.5]


def test_advantages_over_the_interleaved_chain_by_hand():
    # Two edits of a frame and a context. γ = 0.5 counts once, between them; λ = 0.8 at every micro-step.
    rewards, values = column(0, 1, 0, 4), column(1, 2, 3, 5)
    factors = discounts(torch.tensor([[0], [1], [0], [1]]), 0.5)
    d3 = 4 - 5
    d2 = 0 + 5 - 3
    d1 = 1 + 0.5 * 3 - 2
    d0 = 0 + 2 - 1
    a2 = d2 + 0.8 * d3
    a1 = d1 + 0.5 * 0.8 * a2
    advantages = gae(rewards, values, torch.ones(4, 1, dtype=torch.bool), factors, 0.8)
    assert advantages.flatten().tolist() == pytest.approx([d0 + 0.8 * a1, a1, a2, d3])
    # One step: the frame is credited with the situation that it hands on.
    one_step = gae(rewards, values, torch.ones(4, 1, dtype=torch.bool), factors, 0.0)
    assert one_step.flatten().tolist() == pytest.approx([d0, d1, d2, d3])


def test_advantages_of_a_reward_at_every_step_in_closed_form():
    # One reward a step for ever, as far as L goes: V = 0 gives A_t = Σ (γλ)^k.
    steps, gamma, lam = 30, 0.9, 0.7
    ones = torch.ones(steps, 1)
    roles = torch.zeros(steps, 1, dtype=torch.long)
    advantages = gae(ones, torch.zeros(steps, 1), ones.bool(), discounts(roles, gamma), lam).flatten()
    left = torch.arange(steps, 0, -1)
    assert torch.allclose(advantages, (1 - (gamma * lam) ** left) / (1 - gamma * lam), atol=1e-5)


def test_the_true_values_leave_no_advantage():
    rollout = play(RankToy)
    factors = discounts(rollout.roles, 0.9)
    values = returns(rollout.rewards, rollout.alive, factors)
    for lam in (0.0, 0.6, 1.0):
        assert gae(rollout.rewards, values, rollout.alive, factors, lam).abs().max() < 1e-5


def test_nothing_flows_back_from_beyond_the_end():
    rewards, values = torch.tensor([[1.0, 1.0], [7.0, 7.0]]), torch.tensor([[0.5, 0.5], [9.0, 9.0]])
    alive = torch.tensor([[True, True], [False, True]])
    advantages = gae(rewards, values, alive, torch.full((2, 2), 0.9), 1.0)
    assert torch.allclose(advantages, torch.tensor([[0.5, 1 + 0.9 * 7 - 0.5], [0.0, -2.0]]))


def test_frames_and_contexts_are_normalised_apart_and_without_forced_steps():
    advantages = torch.tensor([[1.0, 3.0], [100.0, 300.0], [999.0, 5.0]])
    roles = torch.tensor([[0, 0], [1, 2], [0, 0]])
    free = torch.tensor([[True, True], [True, True], [False, True]])
    result = normalise_advantages(advantages, roles, free)
    frames, contexts = result[[0, 0, 2], [0, 1, 1]], result[1]
    assert frames.tolist() == pytest.approx([-1, 0, 1])
    assert contexts.tolist() == pytest.approx([-(0.5**0.5), 0.5**0.5])
    alone = normalise_advantages(advantages, roles, torch.tensor([[True, False], [False, False], [False, False]]))
    assert torch.equal(alone, advantages)


def test_rewards_are_scaled_by_the_deviation_of_all_returns_seen():
    scale, seen = RewardScale(), []
    assert scale(torch.tensor([3.0])).item() == 3
    for seed in range(3):
        rollout = play(RankToy, seed=seed)
        scale.observe(rollout, 0.5)
        seen.append(returns(rollout.rewards, rollout.alive, discounts(rollout.roles, 0.5))[rollout.alive])
    deviation = torch.cat(seen).std().item()
    assert scale.deviation == pytest.approx(deviation, rel=1e-4)
    assert scale(torch.tensor([deviation, -1e9])).tolist() == pytest.approx([1, -10], rel=1e-4)
    again = RewardScale()
    again.load_state_dict(scale.state_dict())
    assert again.deviation == scale.deviation
