"""--wandb for agents: their figures reach the tracker as they reach the log."""

import csv
from types import SimpleNamespace

import pytest

from rovr.agents import Agent
from rovr.cli import main
from rovr.train.trainer import AgentTrainer, Stage


class Counting:
    """A learner that learns nothing."""

    def __init__(self) -> None:
        self.done = 0

    def iterate(self, env) -> dict[str, float]:
        self.done += 1
        return {"return": float(self.done)}

    def state_dict(self) -> dict:
        return {}


def test_figures_and_validation_are_sent(tmp_path):
    told: list[tuple[str, str, str]] = []

    def tracker(step: int, figures: dict[str, float]) -> None:
        told.extend((str(step), name, f"{value:.6g}") for name, value in figures.items())

    stage = Stage("ppo", Counting(), 2, SimpleNamespace())  # type: ignore[arg-type]
    AgentTrainer(tmp_path, Agent(), [stage], {}, 3.0, lambda agent: {"psnr": 30.0}, 1, tracker).run()
    with (tmp_path / "metrics.csv").open(newline="") as file:
        assert told == [(row["step"], row["name"], row["value"]) for row in csv.DictReader(file)]
    assert told == [
        ("1", "ppo/return", "1"),
        ("1", "val/psnr", "30"),
        ("2", "ppo/return", "2"),
        ("2", "val/psnr", "30"),
    ]


def test_both_commands_know_the_option(capsys):
    for verb in ("agents", "editor"):
        with pytest.raises(SystemExit):
            main(["train", verb, "--help"])
        assert "--wandb" in capsys.readouterr().out
