from pathlib import Path

import pytest
import torch
from made_up import observe, rows

from rovr.agents import Agent, AgentConfig
from rovr.editor.loading import build_editor, read_card, write_weights
from rovr.errors import UserError
from rovr.mdp.mosaic import added_sight

ANSWERS = ("policy", "value", "auxiliary")


@pytest.fixture(scope="module")
def agent():
    """With heads that say something, as after training."""
    agent = Agent()
    for network in (agent.frame_policy, agent.context_policy):
        torch.nn.init.normal_(network.score.weight, generator=torch.Generator().manual_seed(0))
    return agent


@pytest.mark.parametrize("count", [2, 10, 25])
def test_any_number_of_frames(agent, count):
    contexts = min(2, count - 1)
    seen = observe([0, *range(1, contexts + 1)], count, contexts)
    assert agent.policy(seen).shape == (1 + contexts, count)
    assert agent.value(seen).shape == agent.auxiliary(seen).shape == (1 + contexts,)
    assert all(getattr(agent, answer)(seen).isfinite().all() for answer in ANSWERS)


@pytest.mark.parametrize("answer", ANSWERS)
def test_mixed_roles_are_answered_as_if_apart(agent, answer):
    seen = observe([1, 0, 2, 0, 0, 1])
    ask = getattr(agent, answer)
    together = ask(seen)
    for row in range(6):
        assert torch.allclose(together[row], ask(rows(seen, slice(row, row + 1)))[0], atol=1e-4)
    assert torch.equal(together, ask(seen))


def test_a_network_that_no_row_needs_is_left_alone(agent, monkeypatch):
    def fail(observation):
        raise AssertionError("asked for nothing")

    monkeypatch.setattr(agent.context_policy, "logits", fail)
    agent.policy(observe([0, 0]))
    monkeypatch.undo()
    monkeypatch.setattr(agent.frame_policy, "logits", fail)
    agent.policy(observe([1, 2]))


def changed(agent, seen, name, value):
    before, after = agent.policy(seen), agent.policy({**seen, name: value})
    return (before - after).abs().amax(1) > 1e-5


def test_each_policy_sees_what_the_poster_gives_it(agent):
    seen = observe([0, 1, 2])
    other = observe([1, 1, 1], seed=1)
    for name in ("cells", "cover"):
        assert changed(agent, seen, name, other[name]).all()
    for name in ("edited", "pending"):
        assert changed(agent, seen, name, ~seen[name]).all()
    assert changed(agent, seen, "history", other["history"]).tolist() == [True, False, False]
    assert changed(agent, seen, "frame", other["frame"]).tolist() == [False, True, True]
    assert changed(agent, seen, "target", (seen["target"] + 1) % 10).tolist() == [False, True, True]
    assert changed(agent, seen, "picked", seen["picked"].roll(1, 1)).tolist() == [False, False, True]
    assert not changed(agent, seen, "mask", ~seen["mask"]).any()


def test_the_target_may_be_shown_at_any_size(agent):
    seen = observe([1, 2])
    large = seen["frame"].repeat_interleave(4, 2).repeat_interleave(2, 3)
    assert large.shape == (2, 4, 256, 128)
    assert torch.allclose(agent.policy(seen), agent.policy({**seen, "frame": large}), atol=1e-4)


def test_an_untrained_context_policy_prefers_what_shows_most():
    seen = observe([1, 2, 2], count=25, seed=1)
    # In made-up pictures all frames show about the same: the rule has to speak up.
    logits = Agent(AgentConfig(rule=200.0)).policy(seen).masked_fill(~seen["mask"] | seen["picked"], -torch.inf)
    added = added_sight(seen)
    assert (logits.argmax(1) == added.argmax(1)).all()
    # Places that a picked context shows as well add nothing.
    hole = seen["cover"][torch.arange(3), seen["target"]]
    worth = seen["sight"][:, :, 1]
    best = (worth * seen["picked"][..., None, None]).amax(1, keepdim=True)
    by_hand = ((worth - best).clamp(min=0) * hole[:, None]).sum((2, 3)) / hole.sum((1, 2))[:, None]
    assert torch.allclose(added, by_hand, atol=1e-6)


def test_an_untrained_frame_policy_takes_what_comes_first():
    seen = observe([0, 0, 0], count=25)
    logits = Agent().policy(seen).masked_fill(~seen["mask"], -torch.inf)
    assert (logits.argmax(1) == seen["mask"].int().argmax(1)).all()
    assert logits.softmax(1).amax(1).max() < 0.95  # softly, or nothing else would ever be tried


def test_untrained_policies_are_about_uniform():
    logits = Agent(AgentConfig(rule=0.0)).policy(observe([0, 1, 2], count=25))
    assert (logits.softmax(1) * 25 - 1).abs().max() < 0.1


def test_gradients_reach_every_parameter():
    agent = Agent()
    seen = observe([0, 1, 2, 0])
    (agent.policy(seen).square().sum() + agent.auxiliary(seen).sum()).backward()
    reached = {name for name, p in agent.named_parameters() if p.grad is not None and p.grad.any()}
    assert reached == {name for name, _ in agent.named_parameters() if "policy" in name}
    agent.value(seen).sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in agent.parameters())


def test_parameters_belong_to_actor_or_critic():
    agent = Agent()
    actor, critic = ({id(p) for p in group} for group in (agent.actor_parameters(), agent.critic_parameters()))
    assert not actor & critic
    assert actor | critic == {id(p) for p in agent.parameters()}


def test_one_trunk_may_serve_both():
    agent = Agent(AgentConfig(shared=True))
    seen = observe([0, 1])
    assert torch.equal(agent.value(seen), agent.auxiliary(seen))
    assert [id(p) for p in agent.actor_parameters()] == [id(p) for p in agent.critic_parameters()]
    assert {id(p) for p in agent.actor_parameters()} == {id(p) for p in agent.parameters()}


def test_the_seed_alone_decides_the_untrained_weights():
    before = torch.get_rng_state()
    first, again, other = Agent(), Agent(), Agent(AgentConfig(seed=1))
    assert torch.equal(torch.get_rng_state(), before)
    seen = observe([0, 1])
    assert torch.equal(first.policy(seen), again.policy(seen))
    assert not torch.equal(first.policy(seen), other.policy(seen))


@pytest.mark.parametrize("shared", [False, True])
def test_a_saved_agent_comes_back(tmp_path: Path, shared: bool):
    agent = Agent(AgentConfig(widths=(16, 24), mixed=8, memory=8, sketch=8, contexts=3, shared=shared, seed=5))
    seen = observe([0, 3], contexts=3)
    agent.save(tmp_path / "a.safetensors", {"iterations": 7})
    agent.save(tmp_path / "half.safetensors", half=True)
    loaded, half = (Agent.load(tmp_path / name) for name in ("a.safetensors", "half.safetensors"))
    assert loaded.config == half.config == agent.config
    assert read_card(tmp_path / "a.safetensors")["iterations"] == 7
    for answer in ANSWERS:
        ours = getattr(agent, answer)(seen)
        assert torch.equal(getattr(loaded, answer)(seen), ours)
        assert torch.allclose(getattr(half, answer)(seen), ours, atol=0.02)
    sizes = [(tmp_path / name).stat().st_size for name in ("half.safetensors", "a.safetensors")]
    assert sizes[0] < 0.7 * sizes[1]


def test_mistakes_are_named(tmp_path: Path):
    with pytest.raises(UserError, match="does not exist"):
        Agent.load(tmp_path / "no.safetensors")
    write_weights(tmp_path / "editor.safetensors", build_editor("concat").net.state_dict(), {})
    write_weights(tmp_path / "newer.safetensors", {}, {"agent": {"widths": [8], "wings": 2}})
    write_weights(tmp_path / "other.safetensors", {}, {"agent": {"widths": [8]}})
    for name in ("editor", "newer", "other"):
        with pytest.raises(UserError, match="not those of an agent"):
            Agent.load(tmp_path / f"{name}.safetensors")
