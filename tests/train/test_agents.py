import csv
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import random_weights
import torch
from safetensors.torch import save_file

from rovr.agents import Agent, AgentConfig
from rovr.data.cases import Case, make_case
from rovr.editor.aligned import AlignedEditor
from rovr.editor.aligned_net import AlignNet
from rovr.editor.motion import MotionNet
from rovr.errors import UserError
from rovr.mdp.encoder import load_encoder
from rovr.mdp.environment import RepairEnv
from rovr.mdp.reward import Reward
from rovr.mdp.state import RepairState
from rovr.repair import Repairer
from rovr.rl import PartneredEnv, load_learner
from rovr.rl.rollout import collect
from rovr.select import load_selector
from rovr.train.config import PRESETS, AgentTrainConfig, settle
from rovr.train.experts import Oracle, coverage, easiest, sequential, sight
from rovr.train.run import expert_act, score, train_agents
from rovr.train.trainer import AgentTrainer, Stage

LENGTH, SIDE = 5, 48


def clip(chance: np.random.Generator, length: int = LENGTH) -> torch.Tensor:
    wall = torch.from_numpy(chance.random((1, 3, SIDE + 8, SIDE + 8 + 3 * length)).astype(np.float32))
    wall = torch.nn.functional.avg_pool2d(wall, 9, stride=1)
    wall = (wall - wall.min()) / (wall.max() - wall.min()) * 255
    return torch.stack([wall[0, :, :, 3 * k : 3 * k + SIDE] for k in range(length)]).to(torch.uint8)


def make(chance: np.random.Generator) -> Case:
    return make_case(clip(chance), "shift", int(chance.integers(2**31)))


def untaught() -> AlignedEditor:
    """The rule that an editor is before any training. Its networks add nothing yet: narrow ones do, and are quick."""
    net = AlignNet((4, 4, 4), (4, 4, 4, 4))
    net.motion = MotionNet((4, 4, 4, 4))
    editor = AlignedEditor(net)
    editor.bf16 = False
    return editor


def world(size: int = 2) -> RepairEnv:
    return RepairEnv(untaught(), load_encoder("editor"), make, Reward(), size)


def test_the_expert_does_what_the_selector_does() -> None:
    """From the first edit to the last, repairs that it looks at later included."""
    for seed in range(4):
        case = make(np.random.default_rng(seed))
        env = world(1)
        rollout = collect(env, env.begin([case]), expert_act(env, coverage))
        state = RepairState.begin(case.frames.clone(), case.masks)
        Repairer(env.editor, load_selector("coverage", cells=16)).run(state, torch.Generator())
        assert len(state.edits) > 2
        assert rollout.actions[:, 0].view(-1, 3).tolist() == [[edit.frame, *edit.contexts] for edit in state.edits]


def test_looking_ahead_is_worth_it() -> None:
    env = world()
    cases = [make(np.random.default_rng(seed)) for seed in range(4)]
    rule, ahead = (score(env, cases, expert_act(env, expert)) for expert in (coverage, Oracle(at_once=8)))
    assert ahead["return"] > rule["return"]
    assert ahead["psnr"] > rule["psnr"]


def stages(agent: Agent, turns: int = 0) -> list[Stage]:
    ppg = load_learner("ppg", agent, policy_iterations=2, aux_epochs=1)
    return [
        Stage("imitate", load_learner("imitation", agent, coverage), 2, world()),
        Stage("ppg", ppg, 3, world(), turns),
    ]


def figures(folder: Path) -> list[tuple[str, ...]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return [(row["step"], row["name"], row["value"]) for row in csv.DictReader(file)]


def test_a_killed_run_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole, parts = (tmp_path / name for name in ("whole", "parts"))

    def trainer(out: Path) -> AgentTrainer:
        agent = Agent()
        return AgentTrainer(out, agent, stages(agent), {})

    trainer(whole).run()
    for stop in (1, 2, 4, None):
        trainer(parts).run(stop)
    assert figures(whole) == figures(parts)
    a, b = (Agent.load(folder / "agent.safetensors").state_dict() for folder in (whole, parts))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_run_of_a_gpu_goes_on_without_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = Agent()
    with monkeypatch.context() as patch:
        # What a file says of tensors that lay on a GPU.
        patch.setattr("torch.serialization.location_tag", lambda storage: "cuda:0")
        AgentTrainer(tmp_path, agent, stages(agent), {}).run(1)
    other = Agent()
    trainer = AgentTrainer(tmp_path, other, stages(other), {})
    trainer.run(1)
    assert trainer.iteration == 1
    assert all(torch.equal(a, b) for a, b in zip(agent.parameters(), other.parameters(), strict=True))
    # A GPU draws by another rule, whose state is shorter.
    state = trainer.stages[0].learner.state_dict()
    with pytest.raises(UserError, match="--device"):
        trainer.stages[0].learner.load_state_dict({**state, "generator": state["generator"][:16]})


@pytest.mark.parametrize("frames", [True, False])
def test_who_has_a_partner_learns_alone(frames: bool) -> None:
    agent = Agent()
    learning, expert = (agent.frame_policy, agent.context_policy)[:: 1 if frames else -1]
    before = [p.clone() for p in expert.parameters()], [p.clone() for p in learning.parameters()]
    load_learner("ppo", agent).iterate(PartneredEnv(world(), easiest, frames))
    assert all(torch.equal(a, b) for a, b in zip(before[0], expert.parameters(), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(before[1], learning.parameters(), strict=True))


def test_who_is_held_still_does_not_change(tmp_path: Path) -> None:
    agent = Agent()
    stage = stages(agent, turns=1)[1]
    for iteration, (moving, still) in enumerate(
        [(agent.frame_policy, agent.context_policy), (agent.context_policy, agent.frame_policy)]
    ):
        before = [p.clone() for p in still.parameters()], [p.clone() for p in moving.parameters()]
        stage.hold(agent, iteration)
        stage.learner.iterate(world())
        assert all(torch.equal(a, b) for a, b in zip(before[0], still.parameters(), strict=True))
        assert any(not torch.equal(a, b) for a, b in zip(before[1], moving.parameters(), strict=True))


def test_demonstrations_teach_both_before_dqn_trains_in_turns() -> None:
    agent = Agent()
    options = {"demo_batches": 1, "pretrain": 2, "updates": 2, "minibatch": 8}
    stage = Stage("dqn", load_learner("dqn", agent, sight, **options), 2, world(), turns=1)
    policies, update = (agent.frame_policy, agent.context_policy), stage.learner.update
    moved: list[tuple[bool, ...]] = []

    def watched(count: int) -> dict[str, float]:
        before = [[p.clone() for p in policy.parameters()] for policy in policies]
        told = update(count)
        now = [list(policy.parameters()) for policy in policies]
        moved.append(tuple(not all(map(torch.equal, *both)) for both in zip(before, now, strict=True)))
        return told

    stage.learner.update = watched  # type: ignore[method-assign]
    for iteration in range(2):
        stage.hold(agent, iteration)
        stage.learner.iterate(stage.env)
    # From what the expert plays both learn at once, and only after it does one of them wait for its turn.
    assert moved == [(True, True), (True, False), (False, True)]
    assert not any(p.requires_grad for p in agent.frame_policy.parameters())


def films(folder: Path, count: int = 2) -> Path:
    for k in range(count):
        for i, frame in enumerate(clip(np.random.default_rng(k))):
            (folder / f"film{k}").mkdir(parents=True, exist_ok=True)
            image = cv2.cvtColor(frame.permute(1, 2, 0).numpy(), cv2.COLOR_RGB2BGR)
            cv2.imwrite(str(folder / f"film{k}" / f"{i:05d}.png"), image)
    return folder


@pytest.mark.parametrize("algorithm", ["ppg", "ppo", "grpo", "dqn", "imitation"])
def test_every_algorithm_trains_from_the_command(tmp_path: Path, algorithm: str) -> None:
    data = films(tmp_path / "data")
    config = AgentTrainConfig(
        (data,),
        tmp_path / "run",
        data,
        algorithm=algorithm,
        preset="tiny",
        iterations=1,
        episodes=2,  # type: ignore
        length=LENGTH,
        size=SIDE,
        imitate=1,
        drill=1,
        threads=1,
    )
    said: list[str] = []
    path = train_agents(config, said.append)
    agent = Agent.load(path)
    assert agent.config.contexts == 2
    names = {name for _, name, _ in figures(tmp_path / "run")}
    assert {"val/return", "val/psnr", "val/sight_psnr"} <= names
    assert any("'sight'" in line for line in said)
    if algorithm == "dqn":
        trained = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["dqn"]
        assert 0 < trained["replay"]["demos"] < trained["replay"]["size"]
    assert agent.config.rule == (0 if algorithm == "dqn" else AgentConfig.rule)


@pytest.mark.parametrize("preset", PRESETS)
def test_dqn_has_demonstrations_and_values_that_start_from_nothing(preset: str) -> None:
    config = AgentTrainConfig((), Path(), algorithm="dqn", preset=preset)  # type: ignore[arg-type]
    settled = settle(config)
    assert settled.options["demo_batches"] > 0
    assert settled.rule == 0
    assert settle(replace(config, rule=2.0)).rule == 2
    learner = load_learner("dqn", Agent(), sight, **settled.options)
    micro_steps = settled.episodes * settled.length * (1 + config.contexts)
    # The demonstrations stay for good; most of the memory is for what comes after them.
    assert settled.options["demo_batches"] * micro_steps < learner.config.capacity / 2


def test_weights_of_vgg_from_a_file_change_what_repairs_are_worth(tmp_path: Path) -> None:
    save_file(random_weights.vgg16(), tmp_path / "vgg.safetensors")
    told = {}
    for perceptual in ("none", str(tmp_path / "vgg.safetensors")):
        run, said = tmp_path / Path(perceptual).stem, list[str]()
        sizes = {"iterations": 1, "episodes": 1, "group": 1, "length": LENGTH, "size": SIDE, "imitate": 0, "drill": 0}
        config = AgentTrainConfig((films(tmp_path / "data"),), run, preset="tiny", threads=1, **sizes)  # type: ignore
        train_agents(replace(config, perceptual=perceptual, flow="none"), said.append)
        assert ("VGG-16" in said[0]) == (perceptual != "none")
        told[run.name] = {name: float(value) for _, name, value in figures(run)}
    # The same clip and the same picks, and another return.
    assert told["vgg"]["ppg/length"] == told["none"]["ppg/length"]
    assert abs(told["vgg"]["ppg/return"] - told["none"]["ppg/return"]) > 0.02


def test_experts_are_the_strategies_of_their_names() -> None:
    case = make(np.random.default_rng(3))
    env = world(1)
    rollout = collect(env, env.begin([case]), expert_act(env, sight))
    state = RepairState.begin(case.frames.clone(), case.masks)
    Repairer(untaught(), load_selector("sight")).run(state, torch.Generator())
    expert = rollout.actions[:, 0].view(-1, 3)
    chosen = torch.tensor([[edit.frame, *edit.contexts] for edit in state.edits])
    assert torch.equal(expert[:, 0], chosen[:, 0])
    # The environment weighs on cells half as fine, so that near ties may fall otherwise.
    assert (expert[:, 1:].sort(1).values == chosen[:, 1:].sort(1).values).float().mean() > 0.7


def test_the_easiest_frame_is_the_one_whose_hole_others_show() -> None:
    cover = torch.zeros(2, 4, 16, 16)
    cover[:, :, :8] = 1
    seen = {
        "mask": torch.tensor([[True, True, True, True], [True, False, False, False]]),
        "role": torch.zeros(2, dtype=torch.long),
        "cover": cover,
        "edited": torch.zeros(2, 4, dtype=torch.bool),
        "history": torch.full((2, 4, 3), -1),
    }

    def first(pending: list[int], edited: list[int]) -> int:
        for name, frames in (("mask", pending), ("edited", edited)):
            seen[name][0] = torch.zeros(4).bool().index_fill(0, torch.tensor(frames, dtype=torch.long), True)
        found = easiest(None, seen).tolist()  # type: ignore[arg-type]
        assert found[1] == 0  # who has finished waits
        return int(found[0])

    # All have the same hole: only what was repaired shows anything of it, and most from near by.
    assert first([0, 1, 2], edited=[3]) == 2
    assert first([0, 2, 3], edited=[1]) == 0
    # Frame 2 misses other places, more of which others show, than it shows of theirs.
    cover[:, 2, 6:8], cover[:, 2, 8:] = 0, 1
    assert first([0, 1, 2, 3], edited=[]) == 2
    assert first([0, 3], edited=[2]) == 3


def test_the_expert_easiest_repairs_all_and_looks_where_sight_does() -> None:
    env = world()
    agrees: list[bool] = []

    def act(seen: dict[str, torch.Tensor]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        actions = easiest(env, seen)
        if int(seen["role"][0]):
            agrees.append(torch.equal(actions, sight(env, seen)))
        return actions, {}

    rollout = collect(env, env.begin([make(np.random.default_rng(seed)) for seed in range(2)]), act)
    assert agrees
    assert all(agrees)
    assert not env.pending.any()
    assert not torch.equal(rollout.actions[::3, 0], torch.arange(LENGTH))


def test_settings_that_cannot_work_are_refused() -> None:
    config = AgentTrainConfig((), Path())
    assert settle(replace(config, size=64)).size == 64
    assert settle(config).length == 25
    assert settle(replace(config, size=288)).size == 288
    for wrong in ({"size": 63}, {"size": 290}, {"length": 2}, {"shared": True}, {"group": 3}):
        with pytest.raises(UserError):
            settle(replace(config, **wrong))  # type: ignore[arg-type]
    least = {"episodes": 1, "group": 1, "contexts": 1, "threads": 1, "validate_every": 1, "iterations": 0, "turns": 0}
    for name, number in {**least, "lr": 0, "rule": 0, "flow_weight": 0, "save_minutes": 0}.items():
        for value in (number - 1, float("nan"), float("inf")):
            with pytest.raises(UserError, match=f"--{name.replace('_', '-')} {value}: give at least {number}"):
                settle(replace(config, **{name: value}))  # type: ignore[arg-type]


def test_clips_that_nothing_can_be_compared_with_are_refused() -> None:
    """A drill of single copies would take its time and teach nothing."""
    config = AgentTrainConfig((), Path(), preset="tiny", episodes=3)
    with pytest.raises(UserError, match="--episodes 3 leaves --drill 2 no two copies"):
        settle(config)
    assert settle(replace(config, drill=0)).episodes == 3
    assert settle(replace(config, algorithm="dqn")).episodes == 3  # which has no drill
    assert settle(replace(config, episodes=6)).drill == 2
    grpo = replace(config, algorithm="grpo", drill=0)
    for options in ((), ("group=2",), ("group=1",)):
        with pytest.raises(UserError, match="--episodes 3 cannot be split into groups of"):
            settle(replace(grpo, options=options))
    assert settle(replace(grpo, options=("group=3",))).options["group"] == 3


def test_the_expert_sequential_looks_at_the_frames_before_and_at_the_start_at_those_after():
    """As the selector of that name does."""
    mask = torch.ones(3, 6, dtype=torch.bool)
    targets, first = torch.tensor([0, 1, 4]), torch.tensor([1, 0, 3])
    mask[torch.arange(3), targets] = False
    observation = {"mask": mask, "target": targets, "role": torch.full((3,), 1)}
    assert sequential(None, observation).tolist() == first.tolist()
    mask[torch.arange(3), first] = False
    assert sequential(None, {**observation, "role": torch.full((3,), 2)}).tolist() == [2, 2, 2]
    observation = {"mask": torch.tensor([[False, True, True]]), "target": torch.tensor([-1]), "role": torch.tensor([0])}
    assert sequential(None, observation).tolist() == [1]
