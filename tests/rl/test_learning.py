"""Every learner learns what is known to be best, and stops and goes on exactly."""

import io
from dataclasses import fields

import pytest
import torch
import tyro
from toys import DelayToy, RankToy, TinyAgent, expert, score

from rovr.errors import UserError
from rovr.rl import LEARNERS, SharedAgent, load_learner
from rovr.rl.choice import random_items
from rovr.rl.rollout import collect

# Options, iterations in the worlds of ranks and of delay, and the share of the way from random to best that must be
# covered. Among ranks the contexts make up three quarters of the way, so that neither role can be left out.
LESSONS = {
    "ppo": ({"lr": 5e-3, "value_lr": 5e-3}, (32, 20), 0.85),
    "ppo-shared": ({"lr": 5e-3}, (36, 20), 0.85),
    "ppg": (
        {
            "lr": 5e-3,
            "value_lr": 5e-3,
            "epochs": 3,
            "value_epochs": 3,
            "policy_iterations": 6,
            "aux_epochs": 2,
            "aux_episodes": 64,
        },
        (36, 24),
        0.85,
    ),
    "grpo": ({"lr": 5e-3}, (36, 20), 0.85),
    "dqn": ({"lr": 3e-3, "updates": 40, "epsilon_iterations": 8, "target_every": 50}, (16, 20), 0.8),
    "imitation": ({"lr": 5e-3}, (8, 8), 0.85),
}


def make(name, toy, **options):
    agent = TinyAgent(toy)
    shared = SharedAgent(agent) if name == "ppo-shared" else agent
    return agent, load_learner(name.removesuffix("-shared"), shared, expert, **options)


def start(toy):
    env = toy(512)
    return env, env.reset(torch.Generator().manual_seed(1000))


def random_score(toy):
    chance = torch.Generator().manual_seed(0)
    return collect(*start(toy), lambda seen: (random_items(seen["mask"], chance), {})).figures()["return"]


def optimum(toy):
    return start(toy)[0].optimum()


@pytest.mark.parametrize("toy", [RankToy, DelayToy])
def test_the_expert_reaches_the_optimum(toy):
    env, seen = start(toy)
    reached = collect(env, seen, lambda seen: (expert(env, seen), {})).figures()["return"]
    assert reached == pytest.approx(optimum(toy), abs=1e-4)
    assert random_score(toy) < optimum(toy) - 0.7


@pytest.mark.parametrize("toy", [RankToy, DelayToy])
@pytest.mark.parametrize("name", LESSONS)
def test_every_learner_learns(name, toy):
    options, iterations, share = LESSONS[name]
    agent, learner = make(name, toy, **options)
    for _ in range(iterations[toy is DelayToy]):
        learner.iterate(toy())
    best, worst, got = optimum(toy), random_score(toy), score(toy(512), agent)
    assert got > worst + share * (best - worst)


@pytest.mark.parametrize("name", LESSONS)
def test_a_stopped_learner_goes_on_exactly(name):
    small = {
        "ppg": {"policy_iterations": 3, "aux_epochs": 1},
        "dqn": {"demo_batches": 1, "pretrain": 3, "updates": 5, "capacity": 300, "target_every": 7},
        "grpo": {"reference": 0.1},
        "imitation": {"memory": 300, "epochs": 1},
    }.get(name, {})
    agent, learner = make(name, RankToy, **small)
    torch.manual_seed(1)
    figures = [learner.iterate(RankToy(16)) for _ in range(5)]

    _, first = make(name, RankToy, **small)
    torch.manual_seed(2)  # nothing is drawn from the global generator
    resumed = [first.iterate(RankToy(16)) for _ in range(2)]
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    again, second = make(name, RankToy, **small)
    second.load_state_dict(torch.load(file, weights_only=True))
    resumed += [second.iterate(RankToy(16)) for _ in range(3)]
    assert resumed == figures
    ours, theirs = agent.state_dict(), again.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_has_a_command_line(name, capsys):
    config = LEARNERS[name].Config
    assert tyro.cli(config, args=["--seed", "5"]).seed == 5
    with pytest.raises(SystemExit):
        tyro.cli(config, args=["--help"], console_outputs=True)
    text = capsys.readouterr().out
    assert "Decides everything that is drawn" in text
    for field in fields(config):
        assert "--" + field.name.replace("_", "-") in text


def test_unknown_names_are_the_users_mistake():
    agent = TinyAgent(RankToy)
    with pytest.raises(UserError, match="choose from ppg, ppo"):
        load_learner("sarsa", agent)
    with pytest.raises(UserError, match="no option speed; it has seed"):
        load_learner("ppo", agent, speed=3)
