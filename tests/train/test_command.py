"""``rovr train agents`` as it is typed."""

import csv
from pathlib import Path

import pytest
import torch
from test_agents import LENGTH, SIDE, films

from rovr.cli import main


def typed(tmp_path: Path, *more: str) -> list[str]:
    """The smallest run that trains everything."""
    data = films(tmp_path / "data")
    size = ["--length", str(LENGTH), "--size", str(SIDE), "--episodes", "2", "--iterations", "1", "--threads", "1"]
    short = ["--preset", "tiny", "--imitate", "0", "--drill", "0", "--flow", "none", *size]
    return ["train", "agents", "--data", str(data), "--out", str(tmp_path / "run"), *short, *more]


def figures(run: Path) -> set[str]:
    with (run / "metrics.csv").open(newline="") as file:
        return {row["name"] for row in csv.DictReader(file)}


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
