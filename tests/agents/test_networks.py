import pytest
import torch
from made_up import observe
from torch.nn import functional as F

from rovr.agents.config import AgentConfig
from rovr.agents.networks import MAPS, ContextPolicy, ContextTrunk, FrameTrunk, Memory, Policy
from rovr.agents.trunk import Trunk, normalise
from rovr.mdp.mosaic import mosaic_side, pool_cells, to_mosaic


def build(flags=3, common=2, vector=5):
    torch.manual_seed(0)
    trunk = Trunk(MAPS, flags, common, vector, mixed=16, widths=(32, 48, 64))
    for parameter in trunk.parameters():  # biases too, which start at zero
        torch.nn.init.normal_(parameter, std=0.1)
    return trunk


def caught(module, run):
    """What a module was given, and what it made of it."""
    seen = []
    handle = module.register_forward_hook(lambda _, given, made: seen.append((given[0], made)))
    run()
    handle.remove()
    return seen[0]


def test_the_first_layers_are_the_same_on_cells_as_on_the_mosaic():
    trunk = build()
    maps, flags, common = torch.rand(2, 9, MAPS, 16, 16), torch.rand(2, 9, 3), torch.rand(2, 2, 16, 16)
    laid, _ = caught(trunk.unet.stem, lambda: trunk(maps, flags, [common], torch.rand(2, 5)))
    everywhere = torch.cat([maps.mean(1), common], 1)[:, None].expand(-1, 9, -1, -1, -1)
    spread = flags[..., None, None].expand(-1, -1, -1, 16, 16)
    mixed = trunk.own(to_mosaic(maps)) + trunk.common(to_mosaic(everywhere))
    mixed = mixed + F.conv2d(to_mosaic(spread), trunk.flags.weight[:, :, None, None])
    assert mixed.shape == (2, 16, 48, 48)
    patches = F.leaky_relu(trunk.patches(F.leaky_relu(mixed, 0.1)), 0.1)
    assert torch.allclose(laid[:, :-1], patches, atol=1e-5)
    assert laid[:, -1].eq(1).all()


@pytest.mark.parametrize("count", [2, 10, 25])
def test_empty_places_hold_nothing_and_are_flagged(count):
    trunk = build()
    given = (torch.rand(1, count, MAPS, 16, 16), torch.rand(1, count, 3), [torch.rand(1, 2, 16, 16)], torch.rand(1, 5))
    laid, _ = caught(trunk.unet.stem, lambda: trunk(*given))
    side = mosaic_side(count)
    assert laid.shape == (1, 33, 4 * side, 4 * side)
    empty = to_mosaic(torch.ones(1, count, 1, 4, 4))[0, 0] == 0
    assert empty.sum() == (side**2 - count) * 16
    assert not laid[:, :, empty].any()
    assert laid[:, -1][:, ~empty].eq(1).all()


def test_features_neither_vanish_nor_grow():
    config = AgentConfig()
    for trunk, role in ((FrameTrunk(config), 0), (ContextTrunk(config), 1)):
        size = trunk(observe([role] * 4, count=25)).square().mean().sqrt()
        assert 0.3 < size < 5


def test_units_start_at_their_norm():
    layers = torch.nn.Sequential(torch.nn.Conv2d(3, 5, 3), torch.nn.Linear(4, 6))
    normalise(layers, 0.5)
    for layer in layers:
        assert torch.allclose(layer.weight.flatten(1).norm(dim=1), torch.tensor(0.5))
        assert not layer.bias.any()


def test_logits_are_the_cells_means_of_a_map_of_scores():
    policy = Policy(FrameTrunk(AgentConfig()), AgentConfig().widths[0])
    seen = observe([0, 0], count=10)
    decode = policy.trunk.trunk.unet.decode
    maps = []
    policy.trunk.trunk.unet.decode = lambda scales: maps.append(decode(scales)) or maps[0]
    logits = policy.logits(seen)
    scores = F.conv2d(maps[0], policy.score.weight[:, :, None, None], policy.score.bias)
    assert scores.shape == (2, 1, 16, 16)
    assert torch.allclose(pool_cells(scores, 10).squeeze(2), logits, atol=1e-6)


def test_histories_of_different_lengths_are_read_as_if_alone():
    memory = Memory(2, 16)
    history, length = torch.randint(10, (4, 10, 3)), torch.tensor([0, 1, 5, 10])
    together = memory(history, length, 10)
    for row, end in enumerate(length.tolist()):
        alone = memory(history[row : row + 1, :end], length[row : row + 1], 10)
        assert torch.allclose(together[row], alone[0], atol=1e-6)
    assert not together[0].any()
    # What lies beyond the end has no say.
    history[1:3, 5:] = -1
    assert torch.equal(together[1:3], memory(history, length, 10)[1:3])


def test_the_past_is_read_by_time_and_distance():
    memory = Memory(2, 16)
    once = memory(torch.tensor([[[2, 1, 3]]]), torch.tensor([1]), 5)
    # Frame 7 of 15 is at the same time as frame 2 of 5, and 3 of 15 as far as 1 of 5.
    assert torch.allclose(once, memory(torch.tensor([[[7, 4, 10]]]), torch.tensor([1]), 15), atol=1e-6)
    assert not torch.allclose(once, memory(torch.tensor([[[2, 3, 1]]]), torch.tensor([1]), 5), atol=1e-3)
    missing = memory(torch.tensor([[[2, 1, -1]]]), torch.tensor([1]), 5)
    assert torch.allclose(missing, memory(torch.tensor([[[2, 1]]]), torch.tensor([1]), 5))
    assert not torch.allclose(missing, once, atol=1e-3)


def test_one_glance_at_a_repair_serves_for_all_of_its_contexts():
    policy = ContextPolicy(AgentConfig())
    before, after = observe([1, 1]), observe([2, 2])
    # The same repair, when nothing was picked yet.
    before = {**after, "role": before["role"], "picked": torch.zeros_like(after["picked"])}
    assert after["picked"].any()
    glance = policy.glance(before)
    assert torch.equal(policy.logits(before, glance), policy.logits(before))
    assert torch.equal(policy.logits(after, glance), policy.logits(after))
    assert not torch.allclose(policy.logits(after), policy.logits(before))
    # It is looked at, not looked past.
    other = policy.glance(observe([1, 1], seed=1))
    assert not torch.allclose(policy.logits(after, other), policy.logits(after))
