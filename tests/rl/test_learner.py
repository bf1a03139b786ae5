import pytest
import torch

from rovr.rl.learner import Figures, descend, minibatches, weighted


def test_minibatches_deal_everything_once_into_equal_parts():
    items = torch.arange(100, 203)
    parts = list(minibatches(items, 10, torch.Generator().manual_seed(0)))
    assert sorted(torch.cat(parts).tolist()) == items.tolist()
    assert {len(part) for part in parts} == {10, 11}
    assert not torch.equal(torch.cat(parts), items)
    assert [len(part) for part in minibatches(items, 1000, torch.Generator())] == [103]


def test_only_terms_with_a_weight_make_the_loss():
    terms = {"policy_loss": torch.tensor(2.0), "kl": torch.tensor(100.0), "entropy": torch.tensor(3.0)}
    assert weighted(terms, {"policy_loss": 1.0, "entropy": -0.5, "value_loss": 7.0}).item() == 0.5


def test_each_optimiser_clips_its_own_gradient_and_rests_without_one():
    large, small, other = (torch.nn.Parameter(torch.zeros(2)) for _ in range(3))
    optimisers = {name: torch.optim.SGD([p], 1.0) for name, p in (("a", large), ("b", small), ("c", other))}
    norms = descend(30 * large[0] + 40 * large[1] + 0.5 * small[0], optimisers, 1.0)
    assert large.tolist() == pytest.approx([-0.6, -0.8])
    assert small.tolist() == pytest.approx([-0.5, 0])
    assert other.tolist() == [0, 0]
    assert {name: norm.item() for name, norm in norms.items()} == pytest.approx(
        {"a_gradient": 50, "b_gradient": 0.5, "c_gradient": 0}
    )
    optimiser = torch.optim.Adam([other], 1.0)
    descend(other.sum(), {"c": optimiser}, 1.0)
    rested = other.detach().clone()
    descend(small.sum(), {"b": optimisers["b"], "c": optimiser}, 1.0)
    assert torch.equal(other, rested)


def test_figures_are_means_over_the_minibatches_that_had_them():
    figures = Figures()
    figures.add({"loss": torch.tensor(1.0), "kl": torch.tensor(5.0)})
    figures.add({"loss": torch.tensor(3.0)})
    assert figures.means() == {"loss": 2.0, "kl": 5.0}


def test_no_items_make_no_minibatch():
    assert list(minibatches(torch.arange(0), 4, torch.Generator())) == []


def test_a_loss_that_nobody_may_learn_from_changes_nothing():
    weight = torch.nn.Parameter(torch.ones(3))
    optimiser = torch.optim.Adam([weight])
    norms = descend(torch.tensor(2.0), {"actor": optimiser}, 1.0)
    assert float(norms["actor_gradient"]) == 0
    assert weight.tolist() == [1, 1, 1]
