from dataclasses import replace

import pytest
import torch
from toys import LinearAgent, RankToy, TinyAgent

from rovr.errors import UserError
from rovr.rl.choice import MaskedChoice
from rovr.rl.grpo import GRPO, GRPOConfig, group_advantages
from rovr.rl.rollout import collect, sampling


def test_episodes_are_compared_with_their_group():
    returns = torch.tensor([1.0, 2.0, 3.0, 100.0, 100.0, 100.0])
    assert group_advantages(returns, 3).tolist() == pytest.approx([-1, 0, 1, 0, 0, 0], abs=1e-4)
    assert torch.allclose(group_advantages(50 + 7 * returns, 3), group_advantages(returns, 3), atol=1e-4)


def test_what_the_better_episodes_of_a_group_did_gains_on_the_rest():
    agent, env = TinyAgent(RankToy), RankToy(16)
    rollout = collect(env, env.reset_group(torch.Generator(), 2), sampling(agent, torch.Generator(), values=False))
    won = torch.arange(16) % 2 == 0
    rewards = torch.zeros_like(rollout.rewards)
    rewards[0, won] = 1.0
    learner = GRPO(agent, GRPOConfig(group=2, lr=1e-2, epochs=40, entropy=0.0))
    learner.update(replace(rollout, rewards=rewards))
    with torch.no_grad():
        seen = rollout.at(torch.arange(rollout.actions.numel()))
        now = MaskedChoice(agent.policy(seen), seen["mask"]).log_prob(rollout.actions.flatten())
    gain = (now.view(rollout.actions.shape) - rollout.notes["log_probs"]).sum(0)
    assert gain[won].mean() > gain[~won].mean() + 0.3


def test_critics_are_neither_asked_nor_changed():
    agent = TinyAgent(RankToy)
    before = [p.detach().clone() for p in agent.critic_parameters()]
    agent.value = None
    learner = GRPO(agent, GRPOConfig())
    learner.iterate(RankToy(32))
    assert all(torch.equal(a, b) for a, b in zip(before, agent.critic_parameters(), strict=True))


def test_before_the_first_step_the_policy_is_the_one_that_acted():
    agent = LinearAgent(RankToy)
    figures = GRPO(agent, GRPOConfig(epochs=1, minibatch=10**6)).iterate(RankToy(32))
    assert figures["ratio_error"] == 0
    assert figures["kl"] == 0


def test_the_reference_holds_the_policy():
    moved = []
    for price in (1e-9, 3.0):
        agent = TinyAgent(RankToy)
        learner = GRPO(agent, replace(GRPOConfig(), lr=5e-3, reference=price))
        for _ in range(8):
            figures = learner.iterate(RankToy(32))
        moved.append(figures["reference_kl"])
        env = RankToy(32)
        rollout = collect(env, env.reset(torch.Generator()), sampling(learner.reference, torch.Generator()))
        seen = rollout.at(torch.arange(32))
        with torch.no_grad():
            untrained = MaskedChoice(TinyAgent(RankToy).policy(seen), seen["mask"])
            assert untrained.kl(MaskedChoice(learner.reference.policy(seen), seen["mask"])).max() < 1e-6
    assert moved[0] > 10 * moved[1]


def test_groups_must_fit():
    with pytest.raises(UserError, match="must divide"):
        GRPO(TinyAgent(RankToy), GRPOConfig(group=5)).iterate(RankToy(32))
    with pytest.raises(UserError, match="at least 2"):
        GRPO(TinyAgent(RankToy), GRPOConfig(group=1))


def test_equal_returns_say_nothing_whatever_their_mean_is_rounded_to():
    for value in torch.linspace(80, 100, 300):
        assert not group_advantages(torch.full((16,), float(value)), 8).any()
