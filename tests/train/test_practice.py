"""Weights of evidence, learned from tries whose worth is known."""

import copy
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_map

sys.path.insert(0, str(Path(__file__).parents[1] / "agents"))
from made_up import observe
from pretended_gpu import GPU, gpu, send

from rovr.agents import Agent, AgentConfig
from rovr.mdp.mosaic import EVIDENCE, evidence
from rovr.train.practice import Practice, PracticeConfig, Sums

TRIES, CLIPS, COUNT = 4, 2, 7


class Drill:
    """One repair an episode; what its two picks are worth is linear in the evidence, and chance has a say.

    Args:
        weights: (F,).
        noise: of rewards.
    """

    size = TRIES * CLIPS

    def __init__(self, weights: Tensor, noise: float = 0.0) -> None:
        self.weights, self.noise = weights, noise

    def reset(self, generator: torch.Generator) -> dict[str, Tensor]:
        self.seed = int(torch.randint(2**31, (1,), generator=generator))
        self.role, self.worth = 0, torch.zeros(self.size)
        self.chance = torch.Generator().manual_seed(self.seed)
        self.picked = torch.zeros(self.size, COUNT, dtype=torch.bool)
        return self.seen()

    def seen(self) -> dict[str, Tensor]:
        clips = observe([min(self.role, 1)] * CLIPS, COUNT, seed=self.seed)
        told = {name: tensor.repeat_interleave(TRIES, 0) for name, tensor in clips.items()}
        told["target"] = torch.full((self.size,), 3 if self.role else -1)
        told["role"] = torch.full((self.size,), self.role)
        told["picked"] = self.picked.clone()
        told["mask"] = ~self.picked & (torch.arange(COUNT) != 3)
        return told

    def step(self, actions: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        rewards, done = torch.zeros(self.size), torch.zeros(self.size, dtype=torch.bool)
        if self.role:
            rows = torch.arange(self.size)
            self.worth = self.worth + evidence(self.seen())[rows, actions] @ self.weights
            self.picked[rows, actions] = True
        if self.role == 2:
            # The clip's own ease, which the same tries share, says nothing about them.
            luck = self.noise * torch.randn(self.size, generator=self.chance)
            rewards, done = self.worth + luck + 100 * self.seed / 2**31, ~done
        self.role += not bool(done.all())
        return self.seen(), rewards, done


def wanted() -> Tensor:
    return torch.linspace(-1, 1, EVIDENCE)


def test_weights_are_found_and_better_picks_foreseen() -> None:
    agent = Agent(AgentConfig(rule=0.0, seed=1))
    learner = Practice(agent, PracticeConfig(tries=TRIES, hold=1e-6))
    first = learner.iterate(Drill(wanted()))
    last = [learner.iterate(Drill(wanted())) for _ in range(15)][-1]
    learned = learner.logits * learner.sums.usual / learner.config.heed
    # The cells' own cover is the same in all tries only by chance; every figure differs, so every weight is found.
    assert torch.allclose(learned, wanted(), atol=0.02)
    assert abs(first["explained"]) < 0.2  # knew nothing yet
    assert last["explained"] > 0.99
    assert last["foreseen"] == pytest.approx(last["best"], rel=0.02)


def test_noise_averages_out() -> None:
    """Noise three times as strong as what can be foreseen hides it from a few tries, and not from many."""
    found, chance = [], torch.Generator().manual_seed(0)
    sums = Sums()
    for count in (20, 20_000):
        facts = torch.randn(count, EVIDENCE, generator=chance)
        told = facts @ wanted()
        sums.add(facts, told + 3 * told.std() * torch.randn(count, generator=chance))
        found.append(float((sums.fit(torch.zeros(EVIDENCE), 1.0) - wanted()).norm()))
    assert found[0] > 1
    assert found[1] < 0.3


def test_it_starts_from_the_rule_and_changes_nothing_else() -> None:
    agent = Agent(AgentConfig(rule=20.0))
    before = copy.deepcopy(agent.state_dict())
    learner = Practice(agent, PracticeConfig(tries=TRIES, hold=1e9))
    assert learner.logits.tolist() == [20.0, *[0.0] * (EVIDENCE - 1)]
    learner.iterate(Drill(wanted()))
    assert torch.allclose(learner.logits, torch.tensor([20.0, *[0.0] * (EVIDENCE - 1)]), atol=1e-3)  # held fast
    loose = Practice(agent, PracticeConfig(tries=TRIES))
    loose.iterate(Drill(wanted()))
    changed = {name for name, tensor in agent.state_dict().items() if not torch.allclose(tensor, before[name])}
    assert changed == {"context_policy.evidence.weight"}


def test_it_goes_on_exactly() -> None:
    whole, parts = (Practice(Agent(AgentConfig(seed=2)), PracticeConfig(tries=TRIES)) for _ in range(2))
    for _ in range(4):
        told = whole.iterate(Drill(wanted(), noise=0.1))
    for _ in range(2):
        parts.iterate(Drill(wanted(), noise=0.1))
    later = Practice(Agent(AgentConfig(seed=5)), PracticeConfig(seed=9, tries=TRIES))
    later.load_state_dict(copy.deepcopy(parts.state_dict()))
    for _ in range(2):
        again = later.iterate(Drill(wanted(), noise=0.1))
    assert again == told
    assert torch.equal(later.logits, whole.logits)


def test_least_squares_are_held_to_what_was_before() -> None:
    sums, held = Sums(), torch.arange(EVIDENCE).float()
    assert torch.equal(sums.fit(held, 1.0), held)
    sums.add(torch.eye(EVIDENCE), torch.zeros(EVIDENCE))
    # One try of each figure alone that was worth nothing, against a hold as strong.
    assert torch.allclose(sums.fit(held, 1.0), held / 2)


class DrillThere:
    """A drill as it shows itself from a GPU."""

    def __init__(self, drill: Drill) -> None:
        self.drill, self.size = drill, drill.size

    def reset(self, generator: torch.Generator) -> dict[str, Tensor]:
        return tree_map(sent, self.drill.reset(generator))

    def step(self, actions: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        return tree_map(sent, self.drill.step(actions.cpu()))


def sent(value: object) -> object:
    return value.to(GPU) if isinstance(value, Tensor) else value


def test_it_goes_on_exactly_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a checkpoint brings is on the GPU, wherever it was; sums and weights of before belong on the CPU."""
    chance = torch.Generator
    monkeypatch.setattr("torch.Generator", lambda device=None: chance())

    def learner(seed: int) -> Practice:
        agent = Agent(AgentConfig(seed=seed))
        send(agent)
        return Practice(agent, PracticeConfig(seed=seed, tries=TRIES))

    def drill() -> DrillThere:
        return DrillThere(Drill(wanted(), noise=0.1))

    with gpu():
        whole, parts, later = learner(2), learner(2), learner(5)
        told = [whole.iterate(drill()) for _ in range(4)][-1]
        for _ in range(2):
            parts.iterate(drill())
        later.load_state_dict(tree_map(sent, parts.state_dict()))
        again = [later.iterate(drill()) for _ in range(2)][-1]
        assert again == told
        assert torch.equal(later.logits, whole.logits)
