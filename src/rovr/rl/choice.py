"""Pick one of n items under a mask: the one kind of action that policies and learners share.

Masked items get the logit −∞, which is a differentiable function of the state and hence leaves the policy gradient
exact (Huang and Ontañón 2020, arXiv 2006.14171). Contexts that are picked together follow the Plackett-Luce law:
one pick after the other, each among the items not yet picked, all from the same logits.
"""

import torch
from torch import Tensor


class MaskedChoice:
    """A categorical distribution over the valid ones of n items, in fp32 whatever the network computed in.

    Args:
        logits: (..., n).
        mask: (..., n) bool, True = may be picked; at least one item of every row.

    Attributes:
        log_probs: (..., n), −∞ where masked.
        safe_log_probs: the same with 0 where masked, for sums weighted by a probability that is 0 there.
    """

    def __init__(self, logits: Tensor, mask: Tensor) -> None:
        assert logits.shape == mask.shape, f"logits {tuple(logits.shape)} and mask {tuple(mask.shape)} differ"
        assert bool(mask.any(-1).all()), "a row of the mask allows no item at all"
        self.mask = mask
        self.log_probs = logits.float().masked_fill(~mask, -torch.inf).log_softmax(-1)
        self.safe_log_probs = self.log_probs.masked_fill(~mask, 0.0)

    @property
    def count(self) -> Tensor:
        """Number of valid items, (...) long."""
        return self.mask.sum(-1)

    def sample(self, generator: torch.Generator) -> Tensor:
        """Draw an item: (...) long."""
        return (self.log_probs + _gumbel(self.log_probs, generator)).argmax(-1)

    def greedy(self) -> Tensor:
        """Most likely item: (...) long."""
        return self.log_probs.argmax(-1)

    def log_prob(self, items: Tensor) -> Tensor:
        """(...) long → (...); −∞ for a masked item."""
        return self.log_probs.gather(-1, items.unsqueeze(-1)).squeeze(-1)

    def entropy(self) -> Tensor:
        """In nats, (...)."""
        return -(self.log_probs.exp() * self.safe_log_probs).sum(-1)

    def normalised_entropy(self) -> Tensor:
        """Entropy over its maximum, log(number of valid items), in [0, 1]; 0 where only one item is valid.

        The maximum falls while items are used up; divided by it, one coefficient means the same all through an episode.
        """
        count = self.count
        return torch.where(count > 1, self.entropy() / count.clamp(min=2).log(), 0.0)

    def kl(self, other: "MaskedChoice") -> Tensor:
        """KL(self ‖ other) under the same mask, (...)."""
        assert torch.equal(self.mask, other.mask), "the two choices have different masks"
        return (self.log_probs.exp() * (self.safe_log_probs - other.safe_log_probs)).sum(-1)


def random_items(mask: Tensor, generator: torch.Generator) -> Tensor:
    """Draw valid items, all equally likely: (..., n) bool → (...) long."""
    return MaskedChoice(torch.zeros_like(mask, dtype=torch.float32), mask).sample(generator)


def ordered_sample(logits: Tensor, mask: Tensor, k: int, generator: torch.Generator) -> Tensor:
    """Draw k different items in order by Gumbel-top-k, which is Plackett-Luce exactly (arXiv 1903.06059).

    Args:
        logits: (..., n).
        mask: (..., n) bool, at least k items of every row.
        k: number of picks.
        generator: source of chance.

    Returns:
        (..., k) long.
    """
    choice = MaskedChoice(logits, mask)
    assert bool((choice.count >= k).all()), f"a row of the mask allows fewer than {k} items"
    return (choice.log_probs + _gumbel(choice.log_probs, generator)).topk(k, dim=-1).indices


def ordered_log_prob(logits: Tensor, mask: Tensor, picks: Tensor) -> Tensor:
    """Log-probability of picks in their order: Σ_j [ℓ_{c_j} − logsumexp of ℓ over the items not yet picked].

    Args:
        logits: (..., n).
        mask: (..., n) bool.
        picks: (..., k) long, different items.

    Returns:
        (...).
    """
    total = torch.zeros(picks.shape[:-1], device=logits.device)
    for pick in picks.unbind(-1):
        total = total + MaskedChoice(logits, mask).log_prob(pick)
        mask = mask.scatter(-1, pick.unsqueeze(-1), False)
    return total


def pair_entropy(logits: Tensor, mask: Tensor) -> Tensor:
    """Exact entropy of two ordered picks: H(p) + Σ_a p(a) · H(p without a).

    Args:
        logits: (..., n).
        mask: (..., n) bool, at least two items of every row.

    Returns:
        (...), in nats.
    """
    first = MaskedChoice(logits, mask)
    n = mask.shape[-1]
    rest = mask.unsqueeze(-2) & ~torch.eye(n, dtype=torch.bool, device=mask.device)
    second = MaskedChoice(logits.unsqueeze(-2).expand(rest.shape), rest)
    return first.entropy() + (first.log_probs.exp() * second.entropy()).sum(-1)


def _gumbel(like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard Gumbel noise."""
    # An exponential draw of exactly 0 would give +∞, and NaN beside a masked item's −∞.
    waiting = torch.empty_like(like).exponential_(generator=generator).clamp_(min=torch.finfo(like.dtype).tiny)
    return -waiting.log()
