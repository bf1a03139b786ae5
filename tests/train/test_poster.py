"""The poster's networks, with random weights from files: ResNet-50, VGG-16 and RAFT, and no connection."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import random_weights
import torch
from safetensors.torch import load_file, save_file
from test_agents import clip, figures, films

from rovr.agents import Agent
from rovr.cli import main
from rovr.data.cases import make_case
from rovr.editor.loading import load_editor, read_card
from rovr.errors import UserError
from rovr.mdp.encoder import load_encoder
from rovr.mdp.state import RepairState
from rovr.model_folder import read_config, read_selector, write_model
from rovr.select import load_selector
from rovr.train.config import AgentTrainConfig
from rovr.train.rooms import flow_to_be_had
from rovr.train.run import settle, train_agents

# Half a minute in all, and much longer on a busy machine.
pytestmark = pytest.mark.timeout(600)

SMALL: dict[str, Any] = {"iterations": 1, "group": 1, "episodes": 1, "drill": 0, "shard": 1, "threads": 1}
SMALL |= {"length": 4, "size": 48}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    random_weights.need_torchvision()
    folder = tmp_path_factory.mktemp("weights")
    made = {"resnet": random_weights.resnet50(), "vgg": random_weights.vgg16(), "raft": random_weights.raft("large")}
    paths = {name: folder / f"{name}.safetensors" for name in made}
    for name, path in paths.items():
        save_file(made[name], path)
    return paths


@pytest.fixture(scope="module")
def trained(weights: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """An agent of the preset poster, and what was said on the way."""
    folder, said = tmp_path_factory.mktemp("poster"), list[str]()
    config = AgentTrainConfig((films(folder / "clips", 1),), folder / "run", preset="poster", **SMALL)
    files = {"encoder_weights": weights["resnet"], "perceptual": str(weights["vgg"]), "flow_weights": weights["raft"]}
    return train_agents(replace(config, **files), said.append), said  # type: ignore[arg-type]


def test_the_preset_trains_with_its_networks(trained: tuple[Path, list[str]]) -> None:
    path, said = trained
    assert "reward: error in the hole and VGG-16 features; flow at the end: raft_large" in said
    card = read_card(path)
    assert (card["preset"], card["flow"], card["perceptual"]) == ("poster", "raft_large", "vgg.safetensors")
    assert Agent.load(path).config.encoder == "resnet50"
    told = {name: float(value) for _, name, value in figures(path.parent)}
    assert np.isfinite([*told.values()]).all()
    assert told["ppg/return"] != 0


def test_the_agent_sees_without_other_files(
    trained: tuple[Path, list[str]], weights: dict[str, Path], no_download: None, tmp_path: Path
) -> None:
    """Its own file has the weights of ResNet-50; so has a model that is made with it."""
    selector = load_selector(str(trained[0]))
    frames = torch.rand(1, 3, 48, 48)
    cells = selector.encoder(frames, torch.zeros(1, 1, 48, 48))
    assert torch.equal(cells, load_encoder("resnet50", weights=weights["resnet"])(frames, torch.zeros(1, 1, 48, 48)))
    write_model(tmp_path, load_editor("aligned"), selector, 2)
    again = read_selector(tmp_path, read_config(tmp_path), torch.device("cpu"))
    assert torch.equal(again.encoder(frames, torch.zeros(1, 1, 48, 48)), cells)
    case = make_case(clip(np.random.default_rng(0)), "shift", 0)
    edits = []
    for each in (selector, again):
        state = RepairState.begin(case.frames.clone(), case.masks)
        each.reset(state, torch.Generator())
        edits.append(each.select(state))
    assert edits[0] == edits[1]


def test_an_agent_without_its_sight_is_refused(
    trained: tuple[Path, list[str]], no_download: None, tmp_path: Path
) -> None:
    agent = Agent.load(trained[0])
    agent.save(tmp_path / "blind.safetensors")
    with pytest.raises(UserError, match="ResNet-50 cannot be downloaded"):
        load_selector(str(tmp_path / "blind.safetensors"))
    state = load_file(trained[0])
    state["encoder.projection"] = state["encoder.projection"][:1].clone()
    save_file(state, tmp_path / "odd.safetensors", metadata={"rovr": json.dumps(read_card(trained[0]))})
    with pytest.raises(UserError, match="do not fit ResNet-50"):
        load_selector(str(tmp_path / "odd.safetensors"))


def test_where_only_the_preset_asks_for_raft_dis_will_do(
    weights: dict[str, Path], no_download: None, tmp_path: Path
) -> None:
    said: list[str] = []
    data = (films(tmp_path / "clips", 1),)
    config = AgentTrainConfig(data, tmp_path / "run", preset="poster", encoder="editor", perceptual="none", **SMALL)
    path = train_agents(config, said.append)
    assert any("raft_large cannot be downloaded" in line and "it is dis here" in line for line in said)
    assert any(line.endswith("flow at the end: dis") for line in said)
    assert read_card(path)["flow"] == "dis"
    # Who asks gets it or nothing, and no run changes its flow on the way.
    for wish in ({"flow": "raft_large"}, {"flow_weights": tmp_path / "none.pth"}):
        with pytest.raises(UserError, match=r"cannot be downloaded|does not exist"):
            train_agents(replace(config, out=tmp_path / "other", **wish), said.append)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="flow was dis, now raft_large"):
        train_agents(replace(config, flow_weights=weights["raft"]), said.append)


def test_nothing_changes_where_no_raft_is_asked_for(tmp_path: Path) -> None:
    for flow in (None, "dis", "none"):
        config = AgentTrainConfig((tmp_path,), tmp_path, flow=flow)
        assert flow_to_be_had(config, settle(config), pytest.fail).flow == (flow or "dis")


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (["--preset", "poster"], "VGG-16 cannot be downloaded"),
        (["--flow", "raft_small"], "--flow-weights"),
        (["--encoder", "resnet50"], "--encoder-weights"),
        (["--flow-weights", "x.pth"], "--flow dis has no weights"),
        (["--encoder-weights", "x.pth"], "--encoder editor has no weights"),
        (["--encoder", "resnet50", "--encoder-weights", "x.pth"], "does not exist"),
        (["--perceptual", "x.pth"], "does not exist"),
    ],
)
def test_what_cannot_be_had_is_told_in_a_line(
    wish: list[str], words: str, no_download: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random_weights.need_torchvision()
    sizes = [part for name, value in SMALL.items() for part in (f"--{name}", str(value))]
    data = ["--data", str(films(tmp_path / "clips", 1)), "--out", str(tmp_path / "run")]
    assert main(["train", "agents", *data, *sizes, *wish]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
