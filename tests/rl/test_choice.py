import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Categorical, kl_divergence

from rovr.rl.choice import MaskedChoice, ordered_log_prob, ordered_sample, pair_entropy, random_items


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def masks(count, n, least, seed):
    """Masks that allow at least so many items each."""
    order = torch.rand(count, n, generator=chance(seed)).argsort(1)
    return order < torch.randint(least, n + 1, (count, 1), generator=chance(seed + 1))


def test_probabilities_are_those_of_the_valid_items():
    choice = MaskedChoice(torch.log(torch.tensor([[1.0, 3.0, 100.0]])), torch.tensor([[True, True, False]]))
    assert torch.allclose(choice.log_probs.exp(), torch.tensor([[0.25, 0.75, 0.0]]))
    assert choice.log_prob(torch.tensor([2])).item() == -math.inf
    assert choice.greedy().item() == 1
    entropy = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert choice.entropy().item() == pytest.approx(entropy)
    assert choice.normalised_entropy().item() == pytest.approx(entropy / math.log(2))


def test_normalised_entropy_runs_from_certain_to_anything_however_many_items_are_valid():
    mask = torch.tensor([[True] * 5, [True, True, False, False, False], [False, True, False, False, False]])
    assert MaskedChoice(torch.zeros(3, 5), mask).normalised_entropy().tolist() == pytest.approx([1, 1, 0])
    sure = MaskedChoice(torch.tensor([[90.0, 0, 0, 0, 0]] * 3), mask)
    assert sure.normalised_entropy().tolist() == pytest.approx([0, 0, 0])


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 9), st.integers(0, 999))
def test_it_agrees_with_torch_and_never_leaves_the_mask(n, seed):
    mask = masks(20, n, 1, seed)
    ours, theirs = (3 * torch.randn(2, 20, n, generator=chance(seed))).unbind()
    p, q = MaskedChoice(ours, mask), MaskedChoice(theirs, mask)
    dist, other = (Categorical(logits=logits.masked_fill(~mask, -torch.inf)) for logits in (ours, theirs))
    assert torch.allclose(p.entropy(), dist.entropy(), atol=1e-5)
    assert torch.allclose(p.kl(q), kl_divergence(dist, other), atol=1e-5)
    for items in (p.sample(chance(seed)), p.greedy(), random_items(mask, chance(seed))):
        assert mask.gather(1, items[:, None]).all()
        assert torch.allclose(p.log_prob(items), dist.log_prob(items), atol=1e-5)


def test_samples_follow_the_probabilities_and_the_generator_alone():
    logits = torch.log(torch.tensor([0.1, 0.2, 0.3, 0.4])).expand(100_000, 4)
    choice = MaskedChoice(logits, torch.ones(100_000, 4, dtype=torch.bool))
    items = choice.sample(chance(3))
    share = items.bincount(minlength=4) / len(items)
    assert torch.allclose(share, torch.tensor([0.1, 0.2, 0.3, 0.4]), atol=6e-3)
    torch.manual_seed(99)
    assert torch.equal(items, choice.sample(chance(3)))


@pytest.mark.parametrize("what", ["entropy", "normalised_entropy", "kl", "log_prob"])
def test_gradients_are_finite_and_zero_where_masked(what):
    logits = torch.randn(6, 5, generator=chance(), requires_grad=True)
    mask = masks(6, 5, 1, 4)
    choice = MaskedChoice(logits, mask)
    given = {"kl": [MaskedChoice(torch.randn(6, 5, generator=chance(1)), mask)], "log_prob": [choice.greedy()]}
    getattr(choice, what)(*given.get(what, [])).sum().backward()
    assert logits.grad.isfinite().all()
    assert not logits.grad[~mask].any()


def test_half_precision_logits_are_computed_with_in_single():
    logits = torch.randn(4, 6, generator=chance()).to(torch.bfloat16)
    choice = MaskedChoice(logits, torch.ones(4, 6, dtype=torch.bool))
    assert choice.log_probs.dtype == torch.float32
    assert torch.allclose(choice.log_probs.exp().sum(-1), torch.ones(4))


def test_a_row_without_a_valid_item_is_a_mistake():
    with pytest.raises(AssertionError, match="allows no item"):
        MaskedChoice(torch.zeros(2, 3), torch.tensor([[True, False, True], [False] * 3]))


def test_divergence_needs_equal_masks():
    logits = torch.zeros(1, 2)
    with pytest.raises(AssertionError, match="different masks"):
        MaskedChoice(logits, torch.tensor([[True, True]])).kl(MaskedChoice(logits, torch.tensor([[True, False]])))


@pytest.mark.parametrize("k", [1, 2, 3])
def test_ordered_picks_are_a_distribution_that_gumbel_noise_draws(k):
    logits = torch.tensor([0.3, -1.0, 2.0, 0.5, 1.0])
    mask = torch.tensor([True, True, True, False, True])
    orders = torch.tensor(list(itertools.permutations([0, 1, 2, 4], k)))
    chances = ordered_log_prob(logits.expand(len(orders), 5), mask.expand(len(orders), 5), orders).exp()
    assert chances.sum().item() == pytest.approx(1, abs=1e-5)
    count = 100_000
    drawn = ordered_sample(logits.expand(count, 5), mask.expand(count, 5), k, chance())
    share = torch.stack([(drawn == order).all(1).float().mean() for order in orders])
    assert torch.allclose(share, chances, atol=6e-3)


def test_ordered_log_prob_by_hand():
    logits = torch.log(torch.tensor([[1.0, 2.0, 5.0]]))
    picks = torch.tensor([[2, 0]])
    assert ordered_log_prob(logits, torch.ones(1, 3, dtype=torch.bool), picks).item() == pytest.approx(
        math.log(5 / 8) + math.log(1 / 3)
    )


def test_entropy_of_a_pair_is_the_sum_over_all_pairs():
    logits, mask = torch.randn(7, 5, generator=chance()), masks(7, 5, 2, 2)
    exact = pair_entropy(logits, mask)
    for row in range(7):
        orders = torch.tensor(list(itertools.permutations(mask[row].nonzero().flatten().tolist(), 2)))
        log_probs = ordered_log_prob(logits[row].expand(len(orders), 5), mask[row].expand(len(orders), 5), orders)
        assert exact[row].item() == pytest.approx(-(log_probs.exp() * log_probs).sum().item(), abs=1e-5)
