"""``rovr train agents`` as it is typed."""

import csv
import re
import signal
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from test_agents import LENGTH, SIDE, films

from rovr.agents import Agent, AgentConfig
from rovr.cli import main
from rovr.editor.loading import shipped
from rovr.rl import LEARNERS
from rovr.train.options import APART, read_options


def typed(tmp_path: Path, *more: str) -> list[str]:
    """The smallest run that trains everything."""
    data = films(tmp_path / "data")
    size = ["--length", str(LENGTH), "--size", str(SIDE), "--episodes", "2", "--iterations", "1", "--threads", "1"]
    short = ["--preset", "tiny", "--imitate", "0", "--drill", "0", "--flow", "none", *size]
    return ["train", "agents", "--data", str(data), "--out", str(tmp_path / "run"), *short, *more]


def figures(run: Path) -> set[str]:
    with (run / "metrics.csv").open(newline="") as file:
        return {row["name"] for row in csv.DictReader(file)}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_training_says_that_it_goes_on(
    number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rovr.train.run.train_agents", lambda config: signal.raise_signal(number))
    with pytest.raises(SystemExit) as ended:
        main(typed(tmp_path))
    assert ended.value.code == 128 + number
    assert capsys.readouterr().err == "rovr: interrupted; the same command goes on from the last checkpoint.\n"


def test_partners_come_before_both_learn_together(tmp_path: Path) -> None:
    main(typed(tmp_path, "--partners", "1"))
    assert {"ppg-frames/return", "ppg-contexts/return", "ppg/return"} <= figures(tmp_path / "run")
    state = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    assert state["iteration"] == 3
    roles = [
        {int(role) for episodes in state[name]["buffer"] for e in episodes for role in e["observations"]["role"]}
        for name in ("ppg-frames", "ppg-contexts", "ppg")
    ]
    assert roles == [{0}, {1, 2}, {0, 1, 2}]


def test_partners_are_refused_where_an_expert_teaches_both_roles(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(typed(tmp_path, "--partners", "1", "--algorithm", "dqn")) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert "--partners is not for dqn" in said[0]


def test_options_reach_the_learner(tmp_path: Path) -> None:
    main(typed(tmp_path, "--options", "aux_epochs=0", "gamma=0.5", "target_kl=none", "lr=0"))
    trained = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["ppg"]
    # No auxiliary phase will come, and nothing is kept for one; without a rate nobody moves.
    assert trained["buffer"] == []
    untrained = Agent(AgentConfig()).frame_policy.state_dict()
    assert all(torch.equal(untrained[name], trained["model"][f"frame_policy.{name}"]) for name in untrained)


def test_options_of_each_learner_do_what_they_say(tmp_path: Path) -> None:
    main(typed(tmp_path / "a", "--algorithm", "dqn", "--options", "demo_batches=0", "updates=1"))
    assert torch.load(tmp_path / "a" / "run" / "checkpoint.pt", weights_only=True)["dqn"]["replay"]["demos"] == 0
    main(typed(tmp_path / "b", "--algorithm", "grpo", "--options", "group=2", "reference=0.1"))
    assert "reference" in torch.load(tmp_path / "b" / "run" / "checkpoint.pt", weights_only=True)["grpo"]


@pytest.mark.parametrize(
    ("option", "answer"),
    [
        ("speed=3", "ppg has gamma=0.5, lam=0.95"),
        ("gamma", "give NAME=VALUE"),
        ("seed=3", "ppg has"),
        ("gamma=2", "gamma is a number from 0 to 1"),
        ("gamma=nan", "gamma is a number from 0 to 1"),
        ("epochs=two", "epochs is a whole number of at least 0"),
        ("epochs=1.5", "epochs is a whole number of at least 0"),
        ("minibatch=0", "minibatch is a whole number of at least 1"),
        ("lr=-1", "lr is a number of at least 0"),
        ("scale_rewards=maybe", "scale_rewards is true or false"),
        ("target_kl=soon", "target_kl is a number of at least 0 or none"),
    ],
)
def test_options_that_there_are_not_are_told_in_one_line(
    capsys: pytest.CaptureFixture[str], option: str, answer: str
) -> None:
    assert main(["train", "agents", "--data", "nowhere", "--out", "nowhere", "--options", option]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert f"--options {option}" in said[0]
    assert answer in said[0]


def test_every_option_reads_its_own_default_and_stands_in_the_documents() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "train-agents.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| .+ \|$", text.split("## Settings of the learners")[1], re.M)
    documented = {(name, learner) for name, learners in rows for learner in re.findall(r"`(\w+)`", learners)}
    there = set()
    for algorithm, learner in LEARNERS.items():
        for field in fields(learner.Config):
            if field.name not in APART:
                told = [f"{field.name}={str(field.default).lower()}"]
                assert read_options(algorithm, told, {}) == {field.name: field.default}
                there.add((field.name, algorithm))
    assert documented == there


def test_damage_in_the_folder_of_a_run_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    run.mkdir()
    films(tmp_path / "data")
    (run / "checkpoint.pt").write_bytes(b"0123456789" * 20)
    assert main(typed(tmp_path)) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert f"{run / 'checkpoint.pt'} is damaged" in said[0]
    assert "to begin anew" in said[0]


def test_a_run_with_other_settings_in_the_folder_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(typed(tmp_path)) == 0
    kept = (tmp_path / "run" / "agent.safetensors").read_bytes()
    others = {
        "--algorithm ppo": "algorithm was ppg, now ppo",
        "--contexts 3": "contexts was 2, now 3",
        "--lr 0.5": "lr was 0.0001, now 0.5",
        "--options epochs=3": "epochs was",
        "--flow dis": "flow was none, now dis",
        f"--editor {shipped('aligned')}": "editor was the one that ships, now aligned.safetensors",
    }
    for other, told in others.items():
        capsys.readouterr()
        assert main(typed(tmp_path, *other.split())) == 2
        said = capsys.readouterr().err.strip().splitlines()
        assert len(said) == 1
        assert "checkpoint.pt is of a run with other settings" in said[0]
        assert told in said[0]
    assert (tmp_path / "run" / "agent.safetensors").read_bytes() == kept


def test_validation_on_clips_that_are_trained_on_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = films(tmp_path / "other", 1)
    (other / "film0").rename(other / "unseen")
    for val, told in ((other, False), (tmp_path / "data", True)):
        assert main(typed(tmp_path, "--val", str(val))) == 0
        assert ("2 of the sequences of --val" in capsys.readouterr().out) == told
