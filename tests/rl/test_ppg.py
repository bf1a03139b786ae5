from dataclasses import replace

import pytest
import torch
from toys import RankToy, TinyAgent

from rovr.errors import UserError
from rovr.rl import SharedAgent
from rovr.rl.choice import MaskedChoice
from rovr.rl.ppg import PPG, PPGConfig, split_episodes
from rovr.rl.ppo import PPO, PPOConfig, explained_variance
from rovr.rl.rollout import collect, sampling

QUICK = PPGConfig(policy_iterations=2, aux_episodes=8, lr=3e-3, value_lr=3e-3, aux_lr=3e-3)


def play(agent, size=32):
    env = RankToy(size)
    return collect(env, env.reset(torch.Generator()), sampling(agent, torch.Generator().manual_seed(1)))


def test_episodes_are_whole_and_without_padding():
    rollout = play(TinyAgent(RankToy))
    targets = torch.arange(9.0)[:, None].expand(9, 32)
    episodes = split_episodes(rollout, targets)
    assert [len(e.targets) for e in episodes] == rollout.alive.sum(0).tolist()
    for column, episode in enumerate(episodes):
        length = len(episode.targets)
        assert torch.equal(episode.observations["items"], rollout.observations["items"][:length, column])
        assert torch.equal(episode.targets, torch.arange(float(length)))


def test_an_auxiliary_phase_follows_every_n_policy_iterations():
    learner = PPG(TinyAgent(RankToy), QUICK)
    had = ["aux_loss" in learner.iterate(RankToy(16)) for _ in range(5)]
    assert had == [False, True, False, True, False]
    assert len(learner.buffer) == 1


def test_without_auxiliary_phases_it_is_ppo_on_separate_networks():
    policies = []
    for learner in (
        PPG(TinyAgent(RankToy), replace(QUICK, aux_epochs=0)),
        PPO(TinyAgent(RankToy), PPOConfig(epochs=1, value_epochs=1, lr=3e-3, value_lr=3e-3)),
    ):
        for _ in range(4):
            learner.iterate(RankToy(16))
        policies.append(learner.agent.state_dict())
    assert all(torch.equal(policies[0][name], policies[1][name]) for name in policies[0])


def phase(clone, agent=None, **options):
    """One auxiliary phase: how far the policy moved, the figures, and what both values explain afterwards."""
    agent = agent or TinyAgent(RankToy)
    torch.nn.init.normal_(agent.score.weight, std=1.0)
    learner = PPG(agent, replace(QUICK, aux_epochs=20, clone=clone, **options))
    rollout = play(agent)
    _, targets = learner.estimate(rollout)
    seen = rollout.at(rollout.alive.flatten().nonzero().squeeze(1))
    with torch.no_grad():
        before = MaskedChoice(agent.policy(seen), seen["mask"])
    figures = learner.auxiliary_phase(split_episodes(rollout, targets))
    with torch.no_grad():
        after = MaskedChoice(agent.policy(seen), seen["mask"])
        wanted = targets[rollout.alive]
        explained = [explained_variance(value, wanted) for value in (agent.auxiliary(seen), agent.value(seen))]
    return before.kl(after).mean().item(), figures, explained


def test_an_auxiliary_phase_teaches_values_and_leaves_the_policy():
    free, _, _ = phase(clone=0.0)
    held, figures, (auxiliary, critic) = phase(clone=10.0)
    assert held < 0.01 < 5 * held + 0.01 < free
    assert auxiliary > 0.5
    assert critic > 0.5
    assert figures["aux_clone"] < 0.02


def test_the_policy_held_to_is_the_one_at_the_beginning_of_the_phase():
    """Not those that acted: with nothing to learn, nothing moves, whatever acted before."""
    agent = TinyAgent(RankToy)
    rollout = play(agent)
    with torch.no_grad():
        for p in agent.trunk.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=torch.Generator().manual_seed(2)))
        value = agent.auxiliary(rollout.at(torch.arange(rollout.actions.numel()))).view(rollout.actions.shape)
    before = {
        name: tensor.clone() for name, tensor in agent.state_dict().items() if name.startswith(("trunk", "score"))
    }
    learner = PPG(agent, replace(QUICK, aux_epochs=1, aux_episodes=32, aux_lr=1e-3))
    figures = learner.auxiliary_phase(split_episodes(rollout, value))
    assert figures["aux_clone"] < 1e-6
    assert figures["aux_loss"] < 1e-6
    moved = max((agent.state_dict()[name] - tensor).abs().max().item() for name, tensor in before.items())
    assert moved < 5e-4


def test_it_needs_separate_parameters():
    with pytest.raises(UserError, match="use ppo"):
        PPG(SharedAgent(TinyAgent(RankToy)), PPGConfig())
