"""One role is learned beside an expert who plays the other, then the other role, then both."""

import pytest
import torch
from toys import DelayToy, RankToy, TinyAgent, expert, score

from rovr.rl import PartneredEnv, load_learner
from rovr.rl.choice import random_items
from rovr.rl.rollout import collect, discounts, greedy, returns

TOYS = [RankToy, DelayToy]

SEED = 1
"""Of an agent that knows neither role by luck."""


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def anything(generator):
    return lambda seen: (random_items(seen["mask"], generator), {})


def partnered(toy, frames, size=64):
    return PartneredEnv(toy(size), expert, frames)


@pytest.mark.parametrize("toy", TOYS)
@pytest.mark.parametrize("frames", [True, False])
def test_only_the_learners_micro_steps_are_shown_and_nothing_that_they_bring_is_lost(toy, frames):
    env = partnered(toy, frames)
    assert env.size == 64
    rollout = collect(env, env.reset(chance()), anything(chance(1)))
    roles = set(rollout.roles[rollout.alive].tolist())
    assert roles == ({0} if frames else set(range(1, 1 + toy.contexts)))
    whole = toy(64)
    whole.reset(chance())
    edits = rollout.alive.sum(0) // (1 if frames else toy.contexts)
    assert torch.equal(edits, whole.pending.sum(1).clamp(max=toy.edits))
    worth = float(rollout.rewards.sum() / edits.sum())
    assert rollout.figures()["reward_per_repair"] == pytest.approx(worth)
    # Two experts together are worth what the best is worth, mean by mean.
    both = collect(env, env.reset(chance()), lambda seen: (expert(env.env, seen), {}))
    assert both.figures()["return"] == pytest.approx(whole.optimum(), abs=1e-4)
    assert rollout.figures()["return"] < whole.optimum() - 0.1


def test_groups_start_alike():
    seen = partnered(RankToy, False, 16).reset_group(chance(), 4)
    groups = seen["items"].unflatten(0, (4, 4))
    assert torch.equal(groups, groups[:, :1].expand_as(groups))
    assert (seen["role"] == 1).all()


@pytest.mark.parametrize(
    ("frames", "roles", "factors"),
    [(True, [0, 0, 0], [0.5, 0.5]), (False, [1, 2, 1, 2, 1, 2], [1, 0.5, 1, 0.5, 1])],
)
def test_time_passes_between_the_edits_of_one_role_too(frames, roles, factors):
    env = partnered(RankToy, frames)
    rollout = collect(env, env.reset(chance()), anything(chance(1)))
    longest = int(rollout.alive.sum(0).argmax())
    assert rollout.roles[:, longest].tolist() == roles
    found = discounts(rollout.roles, 0.5)
    assert found[:-1, longest].tolist() == factors
    # A reward at the end of each of three edits, as seen from the first.
    worth = returns(rollout.rewards, rollout.alive, found)[0, longest]
    paid = rollout.rewards[:, longest]
    last = paid if frames else paid[1::2]
    assert worth.item() == pytest.approx(last[0] + 0.5 * last[1] + 0.25 * last[2])


def test_each_phase_teaches_its_role_and_all_together_the_task():
    """Among ranks the contexts make up three quarters of what is to be learned, and the frames the rest."""
    agent, toy = TinyAgent(RankToy, seed=SEED), RankToy(512)
    options = {"lr": 5e-3, "value_lr": 5e-3}

    def left(frames):
        """Share of what can be lost beside an expert, from a policy of chance to the best, that the agent loses."""
        env = partnered(RankToy, frames, 512)
        found = [
            collect(env, env.reset(chance(1000)), act).figures()["return"]
            for act in (anything(chance()), greedy(agent))
        ]
        return (toy.optimum() - found[1]) / (toy.optimum() - found[0])

    toy.reset(chance(1000))
    for frames, iterations in ((True, 8), (False, 28)):
        assert left(frames) > 0.6
        learner = load_learner("ppo", agent, **options)
        for _ in range(iterations):
            learner.iterate(partnered(RankToy, frames))
        assert left(frames) < 0.3
    learner = load_learner("ppo", agent, **options)
    for _ in range(8):
        learner.iterate(RankToy())
    assert score(RankToy(512), agent) > 0.9 * toy.optimum()


@pytest.mark.parametrize("frames", [True, False])
def test_nothing_is_said_of_the_critic_whose_role_the_expert_plays(frames):
    figures = load_learner("ppo", TinyAgent(RankToy)).iterate(partnered(RankToy, frames, 8))
    explained = {name for name in figures if name.startswith("explained")}
    assert explained == {"explained_frames" if frames else "explained_contexts"}


@pytest.mark.parametrize("name", ["ppg", "grpo", "dqn"])
def test_any_learner_learns_beside_an_expert(name):
    options = {"dqn": {"lr": 3e-3, "updates": 40, "epsilon_iterations": 6, "target_every": 50}}
    agent = TinyAgent(RankToy)
    env = partnered(RankToy, False, 512)
    before = collect(env, env.reset(chance(1000)), greedy(agent)).figures()["return"]
    learner = load_learner(name, agent, **{"lr": 5e-3, **options.get(name, {})})
    for _ in range(12):
        learner.iterate(partnered(RankToy, False))
    after = collect(env, env.reset(chance(1000)), greedy(agent)).figures()["return"]
    assert after > before + 0.5 * (env.env.optimum() - before)
