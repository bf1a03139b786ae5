import warnings
from pathlib import Path

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium", reason="needs the extra 'gym'")

from gymnasium.utils.env_checker import check_env  # noqa: E402

from rovr.errors import UserError  # noqa: E402
from rovr.mdp.gymnasium import ID  # noqa: E402

SMALL = {"length": 4, "size": 48}


def test_gymnasium_finds_nothing_to_complain_about() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make(ID, **SMALL, render_mode="rgb_array").unwrapped)


def test_forbidden_picks_change_nothing() -> None:
    env = gymnasium.make(ID, **SMALL)
    observation, info = env.reset(seed=1)
    first = int(info["action_mask"].argmax())
    observation, _, _, _, info = env.step(first)
    assert observation["role"] == 1
    again, reward, ended, cut, info = env.step(first)  # a frame is no context of itself
    assert reward == 0
    assert not ended
    assert not cut
    assert all(np.array_equal(again[name], observation[name]) for name in again)


def test_an_episode_ends_when_all_is_repaired() -> None:
    env = gymnasium.make(ID, **SMALL, render_mode="rgb_array")
    observation, info = env.reset(seed=2)
    total, ended, steps = 0.0, False, 0
    before = env.render()
    while not ended:
        observation, reward, ended, _, info = env.step(int(np.flatnonzero(info["action_mask"])[-1]))
        total, steps = total + float(reward), steps + 1
    assert steps == 3 * observation["length"]
    assert not observation["pending"].any()
    assert total > 0
    assert before.shape == (48, 4 * 48, 3)
    assert (env.render() != before).any()


def test_a_learner_of_others_trains_on_it_unchanged() -> None:
    contrib = pytest.importorskip("sb3_contrib", reason="needs sb3-contrib")
    env = gymnasium.make(ID, **SMALL)
    learner = contrib.MaskablePPO("MultiInputPolicy", env, n_steps=24, batch_size=12, n_epochs=2, seed=0, device="cpu")
    before = [p.detach().clone() for p in learner.policy.parameters()]
    learner.learn(24)
    assert any(not (a == b).all() for a, b in zip(before, learner.policy.parameters(), strict=True))
    observation, info = env.reset(seed=3)
    action, _ = learner.predict(observation, action_masks=info["action_mask"], deterministic=True)
    assert info["action_mask"][int(action)]


def test_whoever_picks_nothing_allowed_is_stopped_and_what_has_ended_stays_ended() -> None:
    env = gymnasium.make(ID, **SMALL).unwrapped
    observation, info = env.reset(seed=2)
    observation["mask"][:] = 0  # one's own, to do with as one likes
    assert info["action_mask"].any()
    assert env.action_masks().any()
    first, cut, picks = int(info["action_mask"].argmax()), False, 1
    env.step(first)
    while not cut:
        _, _, ended, cut, _ = env.step(first)
        picks += 1
        assert not ended
    assert picks == 10 * 3 * SMALL["length"]
    _, info = env.reset(seed=2)
    while not ended:
        _, _, ended, _, info = env.step(int(info["action_mask"].argmax()))
    forbidden = int((~info["action_mask"]).argmax())
    assert env.step(forbidden)[2]


@pytest.mark.parametrize("action", [-1, 4, np.int64(99)])
def test_a_frame_that_the_clip_does_not_have_is_refused_and_changes_nothing(action: int) -> None:
    env = gymnasium.make(ID, **SMALL).unwrapped
    observation, _ = env.reset(seed=1)
    with pytest.raises(UserError, match=f"action {action}: give one of 0 to 3"):
        env.step(action)
    assert env.inner.role == observation["role"] == 0


@pytest.mark.parametrize("device", ["cuda:99", "abacus"])
def test_a_device_that_is_not_there_is_refused(device: str) -> None:
    with pytest.raises(UserError, match=device):
        gymnasium.make(ID, **SMALL, device=device)


@pytest.mark.parametrize("wrong", [{"length": 2}, {"contexts": 0}, {"size": 47}, {"size": 290}])
def test_what_cannot_be_played_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UserError, match=f"{next(iter(wrong))}={next(iter(wrong.values()))}"):
        gymnasium.make(ID, **{**SMALL, **wrong})


def test_one_folder_may_be_given_by_its_name(tmp_path: Path) -> None:
    # Its letters are no folders; the first would be the root of the file system, searched for hours.
    with pytest.raises(UserError, match=f"{tmp_path} holds no videos"):
        gymnasium.make(ID, **SMALL, data=str(tmp_path))


def test_an_empty_list_of_folders_is_not_taken_for_the_clip_that_ships() -> None:
    with pytest.raises(UserError, match="no folder of clips"):
        gymnasium.make(ID, **SMALL, data=[])


@pytest.mark.parametrize("damage", ["shift", ["shift", "shift+photometric"]])
def test_kinds_of_damage_are_given_by_name(damage: str | list[str]) -> None:
    assert gymnasium.make(ID, **SMALL, damage=damage).reset(seed=4)[0]["pending"].all()
    with pytest.raises(UserError, match="rust"):
        gymnasium.make(ID, **SMALL, damage="rust")
