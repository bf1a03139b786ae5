"""The decision process on a GPU that is not there: nothing of it may be left behind on the CPU."""

from collections.abc import Iterator

import numpy as np
import pytest
import random_weights
import torch
from pretended_gpu import gpu, send
from test_environment import make

from rovr.agents import Agent
from rovr.editor.aligned import AlignedEditor
from rovr.flow import DIS
from rovr.mdp.drill import DrillEnv
from rovr.mdp.encoder import EditorEncoder
from rovr.mdp.environment import RepairEnv
from rovr.mdp.gymnasium import VideoReconstructionEnv
from rovr.mdp.reward import Reward
from rovr.perceptual import PerceptualLoss
from rovr.rl.rollout import collect, greedy, sampling
from rovr.train.experts import Oracle
from rovr.train.practice import tries
from rovr.train.run import expert_act, score


@pytest.fixture
def editor() -> Iterator[AlignedEditor]:
    """On the GPU, which is there for as long as the test takes."""
    with gpu() as device:
        editor = AlignedEditor()
        editor.bf16 = False
        send(editor.net)
        editor.device = device
        yield editor


def test_it_refuses_what_a_gpu_refuses() -> None:
    with gpu() as device:
        there, here = torch.ones(3).to(device), torch.ones(3)
        assert {x.device for x in (there + 1, torch.zeros(2, device=device), there[torch.tensor([0])])} == {device}
        assert there.cpu().device == here.device == torch.device("cpu")
        for mistake in (
            lambda: there + here,
            lambda: here[there > 0],
            lambda: torch.stack([there, here]),
            lambda: there.numpy(),
        ):
            with pytest.raises(RuntimeError):
                mistake()


def test_episodes_with_every_reward(editor: AlignedEditor) -> None:
    perceptual, agent = PerceptualLoss(random_weights.vgg16()), Agent()
    for module in (perceptual, agent):
        send(module)
    reward = Reward(perceptual, flow=DIS(), flow_weight=1.0)
    env = RepairEnv(editor, EditorEncoder(), make, reward, 2, group=2, relative=True)
    start = env.reset(torch.Generator().manual_seed(0))
    rollout = collect(env, start, sampling(agent, torch.Generator()))
    for tensor in (rollout.rewards, rollout.notes["values"], *rollout.observations.values()):
        assert tensor.device == editor.device
    ends = rollout.rewards[rollout.alive.sum(0) - 1, torch.arange(2)]
    assert (ends.abs() > 0.05).all(), "the flow has to be rewarded"


def test_a_drill(editor: AlignedEditor) -> None:
    agent = Agent()
    send(agent)
    env = DrillEnv(editor, EditorEncoder(), make, Reward(flow=DIS()), 4, group=2)
    rollout = collect(env, env.reset(torch.Generator().manual_seed(0)), sampling(agent, torch.Generator(), False))
    facts, rewards = tries(rollout, 2)
    assert {x.device.type for x in (facts, rewards)} == {"cpu"}  # where the sums are


def test_validation(editor: AlignedEditor) -> None:
    agent = Agent()
    send(agent)
    env, case = RepairEnv(editor, EditorEncoder(), make, Reward(flow=DIS()), 1), make(np.random.default_rng(0))
    figures = [score(env, [case], act) for act in (greedy(agent), expert_act(env, Oracle()))]
    assert all(np.isfinite([*each.values()]).all() for each in figures)


def test_the_gymnasium_environment(editor: AlignedEditor) -> None:
    env = VideoReconstructionEnv(length=3, size=48, editor=editor)
    env.reset(seed=0)
    for _ in range(3):
        _, reward, *_ = env.step(np.flatnonzero(env.action_masks())[0])
    assert reward != 0
    assert env.render().shape == (48, 3 * 48, 3)
