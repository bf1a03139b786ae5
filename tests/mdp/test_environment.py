from pathlib import Path

import numpy as np
import pytest
import random_weights
import torch
from safetensors.torch import save_file
from torch import Tensor

from rovr.data.cases import Case
from rovr.data.corrupt import damage, make_masks
from rovr.editor.aligned import AlignedEditor
from rovr.flow import DIS
from rovr.mdp.drill import DrillEnv
from rovr.mdp.encoder import EditorEncoder
from rovr.mdp.environment import RepairEnv
from rovr.mdp.reward import Reward
from rovr.mdp.state import RepairState
from rovr.metrics import hole_error
from rovr.perceptual import PerceptualLoss
from rovr.repair import Repairer
from rovr.select.base import Selector
from rovr.types import Edit

LENGTH, SIDE = 5, 48


def make(chance: np.random.Generator) -> Case:
    """A panning texture; some frames are whole."""
    wall = torch.from_numpy(chance.random((1, 3, SIDE + 8, SIDE + 8 + 3 * LENGTH)).astype(np.float32))
    wall = torch.nn.functional.avg_pool2d(wall, 9, stride=1)
    wall = (wall - wall.min()) / (wall.max() - wall.min()) * 255
    truth = torch.stack([wall[0, :, :, 3 * k : 3 * k + SIDE] for k in range(LENGTH)]).to(torch.uint8)
    masks = make_masks("shift", LENGTH, SIDE, SIDE, int(chance.integers(2**31)))
    masks[int(chance.integers(LENGTH))] = False
    if chance.random() < 0.5:
        masks[0] = False
    return Case(truth, damage(truth, masks), masks)


def env(size: int = 3, reward: Reward | None = None) -> RepairEnv:
    editor = AlignedEditor()
    editor.bf16 = False
    return RepairEnv(editor, EditorEncoder(), make, reward or Reward(), size)


def any_valid(observation: dict[str, Tensor], chance: torch.Generator) -> Tensor:
    return torch.multinomial(observation["mask"].float(), 1, generator=chance)[:, 0]


def play(world: RepairEnv, observation: dict[str, Tensor], seed: int = 0) -> Tensor:
    """Rewards (steps, B) of random picks."""
    chance, rewards, done = torch.Generator().manual_seed(seed), [], torch.tensor([False])
    while not done.all():
        observation, reward, done = world.step(any_valid(observation, chance))
        rewards.append(reward)
    return torch.stack(rewards)


def test_masks_roles_and_waiting() -> None:
    world, chance = env(4), torch.Generator().manual_seed(1)
    observation = world.reset(torch.Generator().manual_seed(5))
    holes = world.pending.sum(1)
    assert len(set(holes.tolist())) > 1, "the test wants episodes of different lengths"
    for step in range(3 * int(holes.max())):
        mask, role = observation["mask"], step % 3
        assert (observation["role"] == role).all()
        alive = step < 3 * holes
        assert torch.equal(mask[~alive], torch.eye(LENGTH)[:1].bool().expand(int((~alive).sum()), -1))
        if role == 0:
            assert torch.equal(mask[alive], observation["pending"][alive])
            assert (observation["target"] == -1).all()
        else:
            assert not mask[alive].gather(1, observation["target"][alive, None]).any()
            assert (mask[alive].sum(1) == LENGTH - role).all()
            assert (observation["picked"][alive].sum(1) == role - 1).all()
        observation, rewards, done = world.step(any_valid(observation, chance))
        assert torch.equal(done, step + 1 >= 3 * holes)
        assert (rewards[~alive] == 0).all()
        assert role == 2 or (rewards == 0).all()
        assert torch.equal(observation["length"], torch.minimum(torch.tensor((step + 1) // 3), holes))
    assert torch.equal(observation["edited"], world.masks.flatten(2).any(2))


def test_rewards_add_up_to_the_loss_that_was_repaired() -> None:
    world = env()
    total = play(world, world.reset(torch.Generator().manual_seed(0))).sum(0)
    for row in range(world.size):
        holed = world.masks[row].flatten(1).any(1)
        before, after = (
            hole_error(frames[holed] / 255, world.truth[row][holed] / 255, world.masks[row][holed].float()).sum()
            for frames in (world.damaged[row], world.repaired(row))
        )
        assert total[row] == pytest.approx(float(before - after), abs=2e-3)
        assert torch.equal(
            world.repaired(row)[~world.masks[row].expand(-1, 3, -1, -1)],
            world.truth[row][~world.masks[row].expand(-1, 3, -1, -1)],
        )


def test_the_flow_is_rewarded_at_the_end_only() -> None:
    plain, flowing = env(), env(reward=Reward(flow=DIS(), flow_weight=1.0))
    results = []
    for world in (plain, flowing):
        results.append(play(world, world.reset(torch.Generator().manual_seed(0))))
    gain = results[1] - results[0]
    last = 3 * plain.masks.flatten(2).any(2).sum(1) - 1
    assert torch.equal(gain != 0, torch.nn.functional.one_hot(last, len(gain)).T.bool())
    assert 0.2 < gain.max() <= 1


def test_features_are_rewarded_beside_the_error(tmp_path: Path) -> None:
    """λ · perceptual + (1 − λ) · error, by weights from a file; over an episode they telescope."""
    save_file(random_weights.vgg16(), tmp_path / "vgg.safetensors")
    perceptual = PerceptualLoss.load(tmp_path / "vgg.safetensors")
    world = env(2, Reward(perceptual, perceptual_weight=0.75))
    total = play(world, world.reset(torch.Generator().manual_seed(0))).sum(0)
    features, errors = torch.zeros(2, 2), torch.zeros(2, 2)
    for row in range(2):
        holed = world.masks[row].flatten(1).any(1)
        truth, masks = world.truth[row][holed] / 255, world.masks[row][holed].float()
        for when, frames in enumerate((world.damaged[row], world.repaired(row))):
            features[row, when] = perceptual(frames[holed] / 255, truth, masks).sum()
            errors[row, when] = hole_error(frames[holed] / 255, truth, masks).sum()
    gains = [both[:, 0] - both[:, 1] for both in (features, errors)]
    assert torch.allclose(total, 0.75 * gains[0] + 0.25 * gains[1], atol=0.01)
    assert (gains[0] > 0.1).all(), "repairs bring features nearer, or the test tells nothing"


def test_it_repairs_as_the_repairer_does() -> None:
    world = env(1)
    observation = world.reset(torch.Generator().manual_seed(3))
    damaged, masks = world.damaged[0].clone(), world.masks[0]
    chance, edits, done = torch.Generator().manual_seed(0), [], torch.tensor([False])
    while not done.all():
        picks = []
        for _ in range(3):
            picks.append(int(any_valid(observation, chance)))
            observation, _, done = world.step(torch.tensor(picks[-1:]))
        edits.append(Edit(picks[0], (picks[1], picks[2])))

    class Replay(Selector):
        name = "replay"

        def select(self, state: RepairState) -> Edit:
            return edits[len(state.edits)]

    state = RepairState.begin(damaged, masks)
    Repairer(world.editor, Replay()).run(state, torch.Generator())
    assert (state.frames.float() - world.repaired(0).float()).abs().mean() < 0.5


def test_a_seed_starts_the_same_and_groups_share_their_start() -> None:
    first, second = (env().reset(torch.Generator().manual_seed(7)) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    world = env(4)
    observation = world.reset_group(torch.Generator().manual_seed(7), 2)
    for tensor in observation.values():
        assert torch.equal(tensor[0], tensor[1])
    assert not torch.equal(observation["cells"][1], observation["cells"][2])
    with pytest.raises(ValueError, match="groups of 3"):
        world.reset_group(torch.Generator(), 3)


def test_a_preview_promises_what_the_repair_then_gives() -> None:
    world = env(2)
    observation = world.reset(torch.Generator().manual_seed(2))
    chance, actions = torch.Generator().manual_seed(0), []
    cells = observation["cells"].clone()
    for k in range(3):
        actions.append(any_valid(observation, chance))
        if k == 2:
            promised = world.preview(torch.arange(2), torch.stack(actions, 1))
            assert torch.equal(world.cells, cells)
        observation, rewards, _ = world.step(actions[-1])
    assert torch.allclose(promised, rewards, atol=1e-5)
    changed = (observation["cells"] != cells).flatten(2).any(2)
    assert torch.equal(changed, observation["edited"])


def test_in_decibels_halving_an_error_is_worth_the_same_everywhere() -> None:
    reward = Reward(decibels=True)
    gains = reward.gain(torch.tensor([0.1, 0.01, 0.01, 1e-7]), torch.tensor([0.05, 0.005, 0.02, 1e-9]))
    assert gains.tolist() == pytest.approx([3.0103, 3.0103, -3.0103, 0], abs=1e-3)


def test_measured_against_a_rule_every_policy_loses_the_same() -> None:
    worlds = [env(2), env(2)]
    worlds[1].relative = True
    shift = []
    for seed in (0, 1):
        totals = []
        for world in worlds:
            observation = world.reset(torch.Generator().manual_seed(3))
            totals.append(play(world, observation, seed).sum(0))
        shift.append(totals[0] - totals[1])
    assert torch.allclose(shift[0], shift[1], atol=1e-5)
    assert (shift[0] > 0).all()


def test_in_a_drill_copies_stay_together_and_are_compared() -> None:
    editor = AlignedEditor()
    editor.bf16 = False
    world = DrillEnv(editor, EditorEncoder(), make, Reward(), 6, group=3)
    observation, chance = world.reset(torch.Generator().manual_seed(2)), torch.Generator().manual_seed(0)
    orders, different = [], 0
    while world.pending.any():
        alive = world.pending.any(1)
        assert (observation["mask"].sum(1) == 1).all()
        orders.append(observation["mask"].int().argmax(1))
        assert (orders[-1].view(2, 3) == orders[-1].view(2, 3)[:, :1]).all()
        assert world.pending[alive, orders[-1][alive]].all()
        for role in range(3):
            assert int(observation["role"][0]) == role
            picks = any_valid(observation, chance)
            before = world.frames.clone()
            if role == 2:
                tried = world.preview(
                    torch.arange(6)[alive], torch.cat([world.action[:, :2], picks[:, None]], 1)[alive]
                )
            observation, reward, _ = world.step(picks)
        tried = tried.view(-1, 3)
        assert torch.allclose(reward[alive].view(-1, 3), tried - tried.mean(1, keepdim=True), atol=1e-5)
        different += int(reward.abs().max() > 1e-6)
        frames = world.frames.unflatten(0, (2, 3))
        assert torch.equal(frames, frames[:, :1].expand_as(frames))
        assert not torch.equal(world.frames, before)
        history = world.history.unflatten(0, (2, 3))
        assert torch.equal(history, history[:, :1].expand_as(history))
    assert different > 1
    again = world.reset(torch.Generator().manual_seed(2))
    assert torch.equal(again["mask"].int().argmax(1), orders[0])
