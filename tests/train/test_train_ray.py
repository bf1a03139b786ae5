"""Agents trained on a real cluster of several nodes: whatever is lost, the result is that of one process."""

import os
import signal
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_agents import LENGTH, SIDE, figures, films

from rovr.cli import main
from rovr.errors import UserError
from rovr.train.config import AgentTrainConfig
from rovr.train.run import train_agents

pytest.importorskip("ray", reason="rovr[ray] is not installed")
pytest_plugins = ["ray_nodes"]
pytestmark = pytest.mark.timeout(300)

SIZES = {"preset": "tiny", "length": LENGTH, "size": SIDE, "episodes": 6, "shard": 2, "threads": 1, "device": "cpu"}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> AgentTrainConfig:
    """What one process makes of it."""
    folder = tmp_path_factory.mktemp("alone")
    config = AgentTrainConfig((films(folder / "clips"),), folder / "run", iterations=2, imitate=0, drill=1, **SIZES)
    train_agents(config, lambda line: None)
    return config


def assert_same(a: Path, b: Path) -> None:
    assert figures(a) == figures(b)
    assert (a / "agent.safetensors").read_bytes() == (b / "agent.safetensors").read_bytes()


@pytest.fixture
def at_turn(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], None]], None]:
    """Have something happen when a micro-step is about to be played."""
    from rovr.train import cluster

    def arrange(number: int, happen: Callable[[], None]) -> None:
        play, count = cluster.RayCrew.play, [0]

        def wrapped(crew: Any, *args: Any) -> Any:
            count[0] += 1
            if count[0] == number:
                happen()
            return play(crew, *args)

        monkeypatch.setattr(cluster.RayCrew, "play", wrapped)

    return arrange


def test_workers_on_two_nodes(alone, head, tmp_path, monkeypatch, capsys) -> None:
    # What is relative here is found from anywhere.
    monkeypatch.chdir(alone.data[0].parent)
    sizes = [f"--{name}={value}" for name, value in SIZES.items()]
    command = ["train", "agents", "--data", "clips", "--out", str(tmp_path), "--iterations=2", "--drill=1", *sizes]
    assert main([*command, "--imitate=0", "--ray", head.address]) == 0
    assert sum(len(head.workers(node)) for node in head.nodes) in (0, 1, 2)
    assert "workers" in capsys.readouterr().out
    assert_same(alone.out, tmp_path)


@pytest.mark.parametrize("turn", [1, 9])
def test_killed_workers(alone, head, tmp_path, at_turn, turn) -> None:
    """Both at once, when a batch begins or in its midst."""
    killed, said = [], []

    def kill() -> None:
        for node in head.nodes:
            for pid in head.workers(node):
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)

    at_turn(turn + 8, kill)
    train_agents(replace(alone, out=tmp_path, ray=head.address), said.append)
    assert len(killed) == 2
    assert sum("a worker was lost" in line for line in said) == 2
    assert_same(alone.out, tmp_path)


def test_one_worker_may_play_all(alone, head, tmp_path) -> None:
    train_agents(replace(alone, out=tmp_path, ray=head.address, workers=1), lambda line: None)
    assert_same(alone.out, tmp_path)


def test_no_room(alone, head, tmp_path) -> None:
    with pytest.raises(UserError, match="No node of the Ray cluster has 3 cores for a worker"):
        train_agents(replace(alone, out=tmp_path, ray=head.address, threads=3), lambda line: None)


def test_a_node_that_does_not_see_the_clips(alone, head, tmp_path, at_turn) -> None:
    moved = alone.data[0].with_name("moved")
    at_turn(1, lambda: alone.data[0].rename(moved))
    try:
        with pytest.raises(UserError, match=r"--ray: a worker cannot work: .*under the same names"):
            train_agents(replace(alone, out=tmp_path, ray=head.address), lambda line: None)
    finally:
        moved.rename(alone.data[0])


def test_a_lost_node(alone, head, tmp_path, at_turn) -> None:
    said: list[str] = []
    at_turn(20, lambda: head.remove_node(head.nodes.pop(), allow_graceful=False))
    train_agents(replace(alone, out=tmp_path, ray=head.address), said.append)
    assert any("a worker was lost" in line for line in said)
    assert_same(alone.out, tmp_path)


def test_a_lost_head(alone, mortal, tmp_path, at_turn, capfd) -> None:
    sizes = [f"--{name}={value}" for name, value in SIZES.items()]
    command = ["train", "agents", "--data", str(alone.data[0]), "--out", str(tmp_path), "--iterations=2", "--drill=1"]
    command += [*sizes, "--imitate=0", "--save-minutes=0"]
    at_turn(25, mortal.behead)
    assert main([*command, "--ray", mortal.place]) == 2
    (told,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("rovr: ")]
    assert told.startswith(f"rovr: --ray: the head of the cluster, {mortal.place}, no longer answers.")
    assert 0 < len(figures(tmp_path)) < len(figures(alone.out))
    assert main(command) == 0
    assert_same(alone.out, tmp_path)


def test_nobody_answers(tmp_path, capsys) -> None:
    films(tmp_path / "clips")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        command = ["train", "agents", "--data", str(tmp_path / "clips"), "--out", str(tmp_path / "run")]
        assert main([*command, f"--length={LENGTH}", f"--size={SIDE}", "--ray", address]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"rovr: --ray {address}: nobody answers there (")
    assert not (tmp_path / "run").exists()


def test_arguments_that_cannot_work(tmp_path, capsys) -> None:
    command = ["train", "agents", "--data", str(tmp_path), "--out", str(tmp_path / "run")]
    for wrong in ("workers", "shard"):
        assert main([*command, f"--{wrong}", "0"]) == 2
        assert f"--{wrong} 0: give at least 1" in capsys.readouterr().err
