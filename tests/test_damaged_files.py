"""Damaged files that once were answered with a traceback, and their like."""

import contextlib
import json

import av
import pytest
import torch
from conftest import moving_texture, write_video

from rovr.agents import Agent, AgentConfig
from rovr.editor.classical import ClassicalEditor
from rovr.editor.loading import read_card, read_weights, write_weights
from rovr.errors import UserError
from rovr.restore import Restorer, restore_video
from rovr.select import load_selector


@pytest.fixture(scope="module")
def restorer():
    return Restorer(ClassicalEditor(), load_selector("nearest"))


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    path = tmp_path_factory.mktemp("agent") / "a.safetensors"
    Agent(AgentConfig(widths=(4, 4), mixed=4, memory=4, sketch=4)).save(path)
    return path


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("encoder", {"a": 1}), ("encoder", None), ("contexts", "2"), ("contexts", 0), ("contexts", 10**30),
        ("seed", ""), ("seed", "../../x"), ("seed", 10**40), ("rule", "much"), ("shared", "no"),
        ("widths", []), ("widths", 3), ("widths", ["a", "b"]), ("widths", [4] * 10_000), ("widths", [10**9, 4]),
        ("widths", [[4], 4]), ("memory", 60_000), ("memory", 2.5), ("mixed", -1), ("unheard of", 1),
    ],
)  # fmt: skip
def test_agents_with_odd_settings(tmp_path, agent, name, value):
    card = read_card(agent)
    card["agent"][name] = value
    write_weights(tmp_path / "a.safetensors", read_weights(agent), card)
    with pytest.raises(UserError, match="not those of an agent"):
        Agent.load(tmp_path / "a.safetensors")


@pytest.mark.parametrize("card", [{}, {"agent": None}, {"agent": []}, {"agent": "x"}, [], None, 3])
def test_agents_with_odd_cards(tmp_path, agent, card):
    write_weights(tmp_path / "a.safetensors", read_weights(agent), card)
    with pytest.raises(UserError, match="not those of an agent"):
        Agent.load(tmp_path / "a.safetensors")


def test_cards_that_are_no_json(tmp_path):
    from safetensors.torch import save_file

    for text in ("{", "[" * 100_000, "\x00"):
        save_file({"a": torch.ones(1)}, tmp_path / "a.safetensors", metadata={"rovr": text})
        with pytest.raises(UserError, match="is damaged"):
            Agent.load(tmp_path / "a.safetensors")


def test_agents_still_load(agent):
    loaded = Agent.load(agent)
    assert loaded.config == AgentConfig(widths=(4, 4), mixed=4, memory=4, sketch=4)
    assert not any(parameter.is_meta for parameter in loaded.parameters())


def test_a_stream_that_the_container_refuses_late(tmp_path, video, restorer, monkeypatch):
    from rovr.video.sink import FileSink

    def refuse(self, packets):
        raise av.error.InvalidDataError(1094995529, "Invalid data found", "x")

    path = video()
    monkeypatch.setattr(FileSink, "_mux", refuse)
    with pytest.raises(UserError, match=r"\.mkv"):
        restore_video(path, None, tmp_path / "out.mp4", boxes=["5,5,20,20"], restorer=restorer)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("tag", ["9" * 400 + ":00:00", "nan:0:0", "1:2", "0:0:inf", "-5:00:00"])
def test_odd_announcements_of_an_end(tmp_path, restorer, tag):
    path = write_video(tmp_path / "in.mkv", moving_texture(5), codec="ffv1")
    data = path.read_bytes()
    place = data.index(b"DURATION") + 8
    stamp = data.index(b"00:00:00.", place)
    (tmp_path / "in.mkv").write_bytes(data[:stamp] + tag.encode()[:18].ljust(18, b"0") + data[stamp + 18 :])
    with contextlib.suppress(UserError):
        summary = restore_video(path, None, tmp_path / "out.mkv", boxes=["5,5,20,20"], restorer=restorer)
        assert json.loads(json.dumps(summary.to_json()))["frames"] == 5
