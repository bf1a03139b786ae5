from dataclasses import replace

import pytest
import torch
from toys import DelayToy, LinearAgent, RankToy, TinyAgent, score

from rovr.errors import UserError
from rovr.rl import SharedAgent
from rovr.rl.choice import MaskedChoice
from rovr.rl.ppo import PPO, PPOConfig, explained_variance, policy_terms, value_loss
from rovr.rl.rollout import collect, discounts, gae, sampling

ONCE = PPOConfig(epochs=1, value_epochs=1, minibatch=10**6)


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def play(agent, toy=RankToy, size=32):
    env = toy(size)
    return collect(env, env.reset(chance()), sampling(agent, chance(1)))


def weights(parameters):
    return [p.detach().clone() for p in parameters]


def same(before, parameters):
    return all(torch.equal(a, b) for a, b in zip(before, parameters, strict=True))


def lottery(count=50, n=4, seed=0):
    """Logits, masks and what was done by a slightly different policy."""
    generator = chance(seed)
    logits, before = torch.randn(2, count, n, generator=generator).unbind()
    mask = torch.rand(count, n, generator=generator) < 0.6
    mask[:, 0] = True
    mask[:, 1] = True
    old = MaskedChoice(logits + 0.5 * before, mask)
    actions = old.sample(generator)
    return logits.requires_grad_(), mask, actions, old.log_prob(actions), torch.randn(count, generator=generator)


def test_before_the_first_step_the_policy_is_the_one_that_acted():
    agent = LinearAgent(RankToy)
    figures = PPO(agent, ONCE).update(play(agent))
    assert figures["first_ratio_error"] == 0
    assert figures["kl"] == 0
    assert figures["clip_fraction"] == 0
    # Matrix products may round otherwise in batches of other sizes.
    agent = TinyAgent(RankToy)
    figures = PPO(agent, ONCE).update(play(agent))
    assert figures["first_ratio_error"] < 1e-5
    assert abs(figures["kl"]) < 1e-6


def test_a_policy_that_depends_on_chance_is_noticed():
    agent = TinyAgent(RankToy)
    agent.trunk = torch.nn.Sequential(agent.trunk, torch.nn.Dropout(0.3))
    assert PPO(agent, ONCE).update(play(agent))["first_ratio_error"] > 1e-3


@pytest.mark.parametrize(
    ("advantage", "ratio", "gradient"),
    [(1, 1.0, -1.0), (-1, 1.0, 1.0), (1, 1.3, 0.0), (1, 0.7, -0.7), (-1, 0.7, 0.0), (-1, 1.3, 1.3)],
)
def test_the_gradient_of_the_surrogate_stops_where_a_step_was_large_enough(advantage, ratio, gradient):
    """Descending makes good actions likelier and bad ones rarer, until the ratio has left 1 ± ε."""
    choice = MaskedChoice(torch.zeros(1, 2), torch.ones(1, 2, dtype=torch.bool))
    log_prob = torch.tensor([0.0], requires_grad=True)
    choice.log_prob = lambda _: log_prob
    old = -torch.log(torch.tensor([ratio]))
    policy_terms(choice, torch.tensor([0]), old, torch.tensor([float(advantage)]), 0.2)["policy_loss"].backward()
    assert log_prob.grad.item() == pytest.approx(gradient, abs=1e-6)


def test_figures_of_the_policy():
    logits, mask, actions, old, advantages = lottery()
    choice = MaskedChoice(logits, mask)
    terms = policy_terms(choice, actions, old, advantages, 0.2)
    ratio = (choice.log_prob(actions) - old).exp()
    assert terms["kl"].item() == pytest.approx((ratio - 1 - ratio.log()).mean().item(), rel=1e-4)
    assert terms["kl"] > 0
    assert terms["clip_fraction"].item() == pytest.approx(((ratio - 1).abs() > 0.2).float().mean().item())
    assert terms["ratio_error"].item() == pytest.approx((ratio - 1).abs().max().item())


def test_forced_steps_do_not_count():
    logits, mask, actions, old, advantages = lottery()
    wanted = policy_terms(MaskedChoice(logits, mask), actions, old, advantages, 0.2)
    forced = torch.tensor([[True, False, False, False]])
    choice = MaskedChoice(torch.cat([logits, torch.ones(1, 4)]), torch.cat([mask, forced]))
    more = policy_terms(choice, *(torch.cat([x, x.new_zeros(1)]) for x in (actions, old, advantages + 9)), 0.2)
    again = policy_terms(MaskedChoice(logits, mask), actions, old, advantages + 9, 0.2)
    assert more["policy_loss"].item() == pytest.approx(again["policy_loss"].item(), rel=1e-5)
    assert more["entropy"].item() == pytest.approx(wanted["entropy"].item(), rel=1e-5)


def test_a_clipped_value_loss_is_the_worse_of_two():
    values, targets, old = torch.tensor([2.0, 0.5]), torch.tensor([3.0, 0.0]), torch.tensor([0.0, 0.6])
    assert value_loss(values, targets, old, None).item() == pytest.approx((1 + 0.25) / 4)
    assert value_loss(values, targets, old, 0.2).item() == pytest.approx((2.8**2 + 0.25) / 4)


def test_explained_variance():
    targets = torch.tensor([1.0, 2.0, 3.0])
    assert explained_variance(targets + 5, targets) == pytest.approx(1)
    assert explained_variance(torch.zeros(3), targets) == pytest.approx(0)
    assert explained_variance(-targets, targets) == pytest.approx(-3)
    assert explained_variance(targets, torch.ones(3)) == 0


def test_policies_and_critics_have_optimisers_of_their_own():
    agent = TinyAgent(RankToy)
    learner = PPO(agent, PPOConfig(epochs=0, value_epochs=1))
    actor, critic = weights(agent.actor_parameters()), weights(agent.critic_parameters())
    learner.update(play(agent))
    assert same(actor, agent.actor_parameters())
    assert not same(critic, agent.critic_parameters())
    learner = PPO(agent, PPOConfig(epochs=1, value_epochs=0))
    critic = weights(agent.critic_parameters())
    learner.update(play(agent))
    assert not same(actor, agent.actor_parameters())
    assert same(critic, agent.critic_parameters())


def test_shared_parameters_have_one_optimiser():
    agent = SharedAgent(TinyAgent(RankToy))
    learner = PPO(agent, PPOConfig())
    assert list(learner.optimisers) == ["agent"]
    head = weights(agent.agent.worth.parameters())
    learner.update(play(agent))
    assert not same(head, agent.agent.worth.parameters())
    with pytest.raises(UserError, match="must be equal"):
        PPO(agent, PPOConfig(epochs=1, value_epochs=3))


@pytest.mark.parametrize("shared", [False, True])
def test_a_policy_that_moved_far_enough_is_left_alone(shared):
    agent = TinyAgent(RankToy)
    agent = SharedAgent(agent) if shared else agent
    eager = PPOConfig(epochs=40, value_epochs=40, minibatch=10**6, lr=1e-2, value_weight=0.01)
    moved = []
    for target in (None, 0.003):
        agent.load_state_dict((SharedAgent(TinyAgent(RankToy)) if shared else TinyAgent(RankToy)).state_dict())
        rollout = play(agent)
        PPO(agent, PPOConfig(**{**vars(eager), "target_kl": target})).update(rollout)
        steps = rollout.free.flatten().nonzero().squeeze(1)
        seen = rollout.at(steps)
        with torch.no_grad():
            choice = MaskedChoice(agent.policy(seen), seen["mask"])
        old = rollout.notes["log_probs"].flatten()[steps]
        terms = policy_terms(choice, rollout.actions.flatten()[steps], old, torch.zeros(len(steps)), 0.2)
        moved.append(terms["kl"].item())
    assert moved[0] > 0.02
    assert 0.003 < moved[1] < moved[0] / 2


def test_without_a_view_beyond_the_edit_the_bait_is_taken():
    """The world with a delayed reward does test the credit for it."""
    agent = TinyAgent(DelayToy)
    learner = PPO(agent, PPOConfig(gamma=0.0, lr=5e-3, value_lr=5e-3))
    for _ in range(20):
        learner.iterate(DelayToy())
    assert score(DelayToy(512), agent) == pytest.approx(DelayToy.greedy_return, abs=0.05)


def test_the_bonus_for_entropy_raises_it():
    entropies = []
    for bonus in (0.0, 1.0):
        agent = TinyAgent(RankToy)
        torch.nn.init.normal_(agent.score.weight, std=2.0)
        learner = PPO(agent, PPOConfig(entropy=bonus, lr=5e-3))
        for _ in range(6):
            figures = learner.iterate(RankToy(32))
        entropies.append(figures["entropy"])
    assert entropies[1] > entropies[0] + 0.2


def test_the_unit_of_rewards_does_not_matter():
    agent = TinyAgent(RankToy)
    rollout = play(agent)
    found = []
    for unit in (1.0, 1e-3):
        earned = replace(rollout, rewards=unit * rollout.rewards)
        learner = PPO(agent, PPOConfig())
        found += learner.estimate(earned)
    assert torch.allclose(found[0], found[2], atol=1e-4)
    assert torch.allclose(found[1], found[3], atol=1e-4)
    plain = PPO(agent, PPOConfig(scale_rewards=False)).estimate(replace(rollout, rewards=100 * rollout.rewards))[1]
    assert plain.max() > 50


def test_critics_learn_to_foresee_both_roles():
    agent = TinyAgent(RankToy)
    learner = PPO(agent, PPOConfig(epochs=0, value_lr=5e-3))
    for _ in range(30):
        figures = learner.iterate(RankToy())
    assert figures["explained_frames"] > 0.6
    assert figures["explained_contexts"] > 0.6


def test_policy_loss_agrees_with_torchrl():
    torchrl = pytest.importorskip("torchrl.objectives")
    from tensordict import TensorDict
    from tensordict.nn import ProbabilisticTensorDictModule, ProbabilisticTensorDictSequential, TensorDictModule
    from torchrl.modules import MaskedCategorical

    logits, mask, actions, old, advantages = lottery()
    head = torch.nn.Linear(4, 4, bias=False)
    with torch.no_grad():
        head.weight.copy_(torch.eye(4))

    actor = ProbabilisticTensorDictSequential(
        TensorDictModule(head, in_keys=["seen"], out_keys=["logits"]),
        ProbabilisticTensorDictModule(
            in_keys=["logits", "mask"], out_keys=["action"], distribution_class=MaskedCategorical, return_log_prob=True
        ),
    )
    loss = torchrl.ClipPPOLoss(actor, None, clip_epsilon=0.2, entropy_bonus=False)
    batch = {"seen": logits.detach(), "mask": mask, "action": actions, "advantage": advantages[:, None]}
    theirs = loss(TensorDict({**batch, "action_log_prob": old}, batch_size=[len(actions)]))
    theirs["loss_objective"].backward()
    wanted = next(iter(loss.parameters())).grad

    again = torch.eye(4, requires_grad=True)
    ours = policy_terms(MaskedChoice(logits.detach() @ again.T, mask), actions, old, advantages, 0.2)
    ours["policy_loss"].backward()
    assert ours["policy_loss"].item() == pytest.approx(theirs["loss_objective"].item(), rel=1e-5)
    assert ours["clip_fraction"].item() == pytest.approx(theirs["clip_fraction"].item())
    assert torch.allclose(again.grad, wanted, atol=1e-6)


def test_advantages_agree_with_torchrl():
    functional = pytest.importorskip("torchrl.objectives.value.functional")
    generator = chance()
    rewards, values = torch.randn(2, 12, 7, generator=generator).unbind()
    alive = torch.arange(12)[:, None] < torch.randint(1, 13, (7,), generator=generator)
    roles = torch.zeros(12, 7, dtype=torch.long)
    done = alive & ~torch.cat([alive[1:], torch.zeros(1, 7, dtype=torch.bool)])
    after = torch.cat([values[1:], torch.zeros(1, 7)])
    columns = (x.T.unsqueeze(-1) for x in (values, after, rewards, done))
    theirs, targets = functional.generalized_advantage_estimate(0.9, 0.8, *columns)
    ours = gae(rewards, values, alive, discounts(roles, 0.9), 0.8)
    assert torch.allclose(ours[alive], theirs.squeeze(-1).T[alive], atol=1e-5)
    assert torch.allclose((ours + values)[alive], targets.squeeze(-1).T[alive], atol=1e-5)
