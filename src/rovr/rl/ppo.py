"""PPO: many small steps on one batch that together may not change the policy much.

Schulman et al. 2017, arXiv 1707.06347:

    L_policy = −E[min(ρ A, clip(ρ, 1 − ε, 1 + ε) A)],    ρ = π(a|s) / π_old(a|s),    A by GAE

The poster's policy loss has V − r for A, with which the minimum no longer bounds the step; here A is return minus
baseline, and good actions become likelier.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from rovr.errors import UserError
from rovr.rl.agent import Agent
from rovr.rl.choice import MaskedChoice
from rovr.rl.env import BatchEnv, Expert
from rovr.rl.learner import Figures, Learner, Stateful, descend, minibatches, weighted
from rovr.rl.rollout import Rollout, collect, discounts, gae, normalise_advantages, sampling
from rovr.rl.scale import RewardScale


@dataclass(frozen=True)
class PPOConfig:
    """Proximal policy optimisation."""

    seed: int = 0
    """Decides everything that is drawn."""
    gamma: float = 0.99
    """γ, discount from one repair to the next."""
    lam: float = 0.95
    """λ of the advantage estimate, per micro-step."""
    clip: float = 0.2
    """ε, how far the probability ratio may leave 1."""
    epochs: int = 4
    """E_π, passes over a batch for the policies."""
    value_epochs: int = 4
    """E_V, passes over a batch for the critics; the same as ``epochs`` where they share parameters."""
    minibatch: int = 256
    """Micro-steps per gradient step."""
    lr: float = 3e-4
    """Learning rate of the policies, and of the critics too where they share parameters."""
    value_lr: float = 3e-4
    """Learning rate of the critics."""
    entropy: float = 0.01
    """Bonus for the normalised entropy."""
    value_weight: float = 0.5
    """Weight of the value loss; matters where policies and critics share parameters."""
    value_clip: float | None = None
    """Largest step of a value that is rewarded, in units of the scaled return; by default no limit."""
    max_norm: float = 0.5
    """Largest norm of a gradient."""
    target_kl: float | None = None
    """Stop improving the policies on a batch once they moved 1.5 times this far; by default never."""
    scale_rewards: bool = True
    """Divide rewards by the running deviation of the discounted return."""


def policy_terms(
    choice: MaskedChoice, actions: Tensor, old_log_probs: Tensor, advantages: Tensor, clip: float
) -> dict[str, Tensor]:
    """The clipped surrogate and what to watch, means over the micro-steps that had a choice.

    Args:
        choice: the policy now, (N, n).
        actions: (N,) long, what was done.
        old_log_probs: (N,), by the policy that did it.
        advantages: (N,).
        clip: ε.

    Returns:
        ``policy_loss``, ``entropy`` (normalised), ``kl`` (the non-negative estimator ρ − 1 − log ρ of
        KL(old ‖ now)), ``clip_fraction``, and ``ratio_error``, the largest |ρ − 1|.
    """
    free = choice.count > 1
    log_ratio = choice.log_prob(actions) - old_log_probs
    ratio = log_ratio.exp()
    surrogate = torch.min(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages)
    each = {
        "policy_loss": -surrogate,
        "entropy": choice.normalised_entropy(),
        "kl": (ratio - 1 - log_ratio).detach(),
        "clip_fraction": ((ratio - 1).abs() > clip).float(),
    }
    terms = {name: (value * free).sum() / free.sum().clamp(min=1) for name, value in each.items()}
    return {**terms, "ratio_error": (ratio - 1).abs().max().detach()}


def value_loss(values: Tensor, targets: Tensor, old: Tensor, clip: float | None) -> Tensor:
    """Half the mean squared error, optionally the worse of it and that of values kept near the old ones; all (N,)."""
    error = (values - targets).square()
    if clip is not None:
        kept = old + (values - old).clamp(-clip, clip)
        error = torch.max(error, (kept - targets).square())
    return error.mean() / 2


def explained_variance(values: Tensor, targets: Tensor) -> float:
    """1 − Var(target − value) / Var(target): 1 = foreseen, 0 = no better than a constant, or nothing to foresee."""
    if len(targets) < 2 or float(targets.var()) == 0:
        return 0.0
    return float(1 - (targets - values).var() / targets.var())


class PPO(Learner):
    """Learns with separate optimisers for policies and critics, or one where they share parameters."""

    name = "ppo"
    Config = PPOConfig

    def __init__(self, agent: Agent, config: PPOConfig, expert: Expert | None = None) -> None:
        super().__init__(agent, config, expert)
        self.config = config
        self.scale = RewardScale()
        actor, critic = list(agent.actor_parameters()), list(agent.critic_parameters())
        ours = {id(p) for p in actor}
        apart = [p for p in critic if id(p) not in ours]
        self.shared = len(apart) < len(critic)
        if self.shared and config.epochs != config.value_epochs:
            raise UserError("policies and critics share parameters: options epochs and value_epochs must be equal")
        groups = {"agent": (actor + apart, config.lr)}
        if not self.shared:
            groups = {"actor": (actor, config.lr), "critic": (critic, config.value_lr)}
        self.optimisers = {name: torch.optim.Adam(group, lr, eps=1e-5) for name, (group, lr) in groups.items()}

    def parts(self) -> dict[str, Stateful]:
        """Agent, optimisers and the scale of rewards."""
        optimisers = {f"{name}_optimiser": optimiser for name, optimiser in self.optimisers.items()}
        return {"model": self.agent, "scale": self.scale, **optimisers}

    def _iterate(self, env: BatchEnv) -> dict[str, float]:
        rollout = collect(env, env.reset(self.generator), sampling(self.agent, self.generator))
        return {**rollout.figures(), **self.update(rollout)}

    def update(self, rollout: Rollout) -> dict[str, float]:
        """Improve policies and critics on a batch of episodes."""
        return self.improve(rollout, *self.estimate(rollout))

    def estimate(self, rollout: Rollout) -> tuple[Tensor, Tensor]:
        """Advantages and the critics' targets, both (L, B), in scaled units."""
        config, rewards = self.config, rollout.rewards
        if config.scale_rewards:
            self.scale.observe(rollout, config.gamma)
            rewards = self.scale(rewards)
        values, factors = rollout.notes["values"], discounts(rollout.roles, config.gamma)
        advantages = gae(rewards, values, rollout.alive, factors, config.lam)
        return advantages, advantages + values

    def improve(self, rollout: Rollout, advantages: Tensor, targets: Tensor) -> dict[str, float]:
        """Descend on policy and value loss.

        Args:
            rollout: with ``log_probs`` and ``values``.
            advantages: (L, B).
            targets: (L, B), of the critics.
        """
        config, agent, figures = self.config, self.agent, Figures()
        # Normalised over the whole batch: a minibatch is a noisy judge of what is better than usual.
        flat_advantages = normalise_advantages(advantages, rollout.roles, rollout.free).flatten()
        flat_targets, old_values = targets.flatten(), rollout.notes["values"].flatten()
        old_log_probs, actions = rollout.notes["log_probs"].flatten(), rollout.actions.flatten()
        weights = {"policy_loss": 1.0, "entropy": -config.entropy, "value_loss": config.value_weight}
        stopped, first_error = False, 0.0
        for number, (epoch, steps) in enumerate(self._passes(rollout)):
            observation, terms = rollout.at(steps), dict[str, Tensor]()
            if epoch < config.epochs and not stopped:
                choice = MaskedChoice(agent.policy(observation), observation["mask"])
                terms = policy_terms(choice, actions[steps], old_log_probs[steps], flat_advantages[steps], config.clip)
                ratio_error = terms.pop("ratio_error")
                if number == 0:
                    first_error = float(ratio_error)
                if config.target_kl is not None and float(terms["kl"]) > 1.5 * config.target_kl:
                    stopped, terms = True, {}
            if epoch < config.value_epochs and not (stopped and self.shared):
                values = agent.value(observation).float()
                terms["value_loss"] = value_loss(values, flat_targets[steps], old_values[steps], config.value_clip)
            if not terms:
                break
            figures.add({**terms, **descend(weighted(terms, weights), self.optimisers, config.max_norm)})
        groups = {"frames": rollout.alive & (rollout.roles == 0), "contexts": rollout.alive & (rollout.roles > 0)}
        return {
            **figures.means(),
            # 0 unless what judges here is not what acted: another mask, dropout, a forgotten state.
            "first_ratio_error": first_error,
            # Beside an expert only one role is the learner's, and of the other there is nothing to say.
            **{
                f"explained_{name}": explained_variance(rollout.notes["values"][group], targets[group])
                for name, group in groups.items()
                if bool(group.any())
            },
            "reward_scale": self.scale.deviation,
        }

    def _passes(self, rollout: Rollout) -> Iterator[tuple[int, Tensor]]:
        """(epoch, flat indices of micro-steps); forced ones have something to teach to critics only."""
        alive = (rollout.alive if self.config.value_epochs else rollout.free).flatten().nonzero().squeeze(1)
        for epoch in range(max(self.config.epochs, self.config.value_epochs)):
            for steps in minibatches(alive, self.config.minibatch, self.generator):
                yield epoch, steps
