import math
from dataclasses import replace

import pytest
import torch
from toys import RankToy, TinyAgent, expert

from rovr.errors import UserError
from rovr.rl.choice import MaskedChoice
from rovr.rl.imitation import Imitation, ImitationConfig, smoothed_cross_entropy


def test_labels_are_smoothed_over_valid_items():
    choice = MaskedChoice(torch.log(torch.tensor([[1.0, 3.0, 9.0]])), torch.tensor([[True, True, False]]))
    loss = smoothed_cross_entropy(choice, torch.tensor([1]), 0.2)
    assert loss.item() == pytest.approx(-0.9 * math.log(0.75) - 0.1 * math.log(0.25))
    # The best answer is the label itself with its doubt.
    logits = torch.zeros(1, 3, requires_grad=True)
    optimiser = torch.optim.SGD([logits], 1.0)
    for _ in range(200):
        optimiser.zero_grad()
        choice = MaskedChoice(logits, torch.tensor([[True, True, False]]))
        smoothed_cross_entropy(choice, torch.tensor([1]), 0.2).sum().backward()
        optimiser.step()
    assert choice.log_probs.exp()[0].tolist() == pytest.approx([0.1, 0.9, 0], abs=1e-3)


@pytest.mark.parametrize(("beta", "expected"), [(1.0, [1, 1, 1]), (0.0, [1, 0, 0]), (0.5, [1, 0.5, 0.25])])
def test_the_expert_leads_ever_less(beta, expected):
    """DAgger's schedule: how often the expert's item is taken by an untrained learner beyond what chance gives."""
    agent = TinyAgent(RankToy)
    torch.nn.init.zeros_(agent.score.weight)
    learner = Imitation(agent, ImitationConfig(beta=beta), expert)
    for learner.iteration, share in enumerate(expected):
        rollout = learner._play(RankToy(512))
        free = rollout.free
        took = (rollout.actions == rollout.notes["labels"])[free].float()
        by_chance = 1 / rollout.observations["mask"][free].sum(-1)
        assert took.mean().item() == pytest.approx((share + (1 - share) * by_chance).mean().item(), abs=0.03)


def test_what_is_labelled_is_where_the_learner_went():
    learner = Imitation(TinyAgent(RankToy), ImitationConfig(beta=0.0), expert)
    learner.iteration = 1
    rollout = learner._play(RankToy(64))
    env = RankToy(64)
    env.reset(torch.Generator().manual_seed(0))
    for t, actions in enumerate(rollout.actions):
        assert torch.equal(rollout.notes["labels"][t], env.best())
        env.step(actions)


def test_labels_add_up_and_the_oldest_go():
    config = ImitationConfig(memory=150, epochs=1)
    learner = Imitation(TinyAgent(RankToy), config, expert)
    counts = [learner.iterate(RankToy(16))["labelled"] for _ in range(4)]
    assert counts[0] < counts[1] <= 150
    assert counts[2:] == [150] * 2
    assert len(learner.observations["items"]) == 150
    assert (learner.observations["mask"].sum(1) > 1).all()


def test_an_iteration_takes_no_more_steps_however_much_there_is_to_learn_from(monkeypatch):
    learner = Imitation(TinyAgent(RankToy), ImitationConfig(minibatch=8, epochs=2, steps=9), expert)
    taken = []
    step = learner.optimiser.step
    monkeypatch.setattr(learner.optimiser, "step", lambda: taken.append(step()))
    counts = []
    for _ in range(3):
        taken.clear()
        labelled = learner.iterate(RankToy(16))["labelled"]
        counts.append((labelled, len(taken)))
    assert counts[0][0] < counts[1][0] < counts[2][0]
    assert [steps for _, steps in counts[1:]] == [18, 18]


def test_agreement_is_measured_before_learning():
    agent = TinyAgent(RankToy)
    learner = Imitation(agent, replace(ImitationConfig(), lr=5e-3), expert)
    agreement = [learner.iterate(RankToy())["agreement"] for _ in range(6)]
    assert agreement[0] < 0.6
    assert agreement[-1] > 0.85


def test_it_needs_an_expert():
    with pytest.raises(UserError, match="expert"):
        Imitation(TinyAgent(RankToy), ImitationConfig())
