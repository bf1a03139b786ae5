"""scripts/reproduce.py: how clips are set apart, what is found, and one run of the smallest size."""

import importlib
import json

import cv2
import numpy as np
import pytest
from conftest import moving_texture

from rovr.editor.training.config import TrainConfig
from rovr.errors import UserError
from rovr.evaluate.config import EvaluateConfig, settle
from rovr.select import SELECTORS
from rovr.train.config import AgentTrainConfig
from rovr.train.config import settle as settle_agents

PARTS = ("_sequences", "_findings", "_steps", "reproduce")


@pytest.fixture
def scripts(monkeypatch, request):
    monkeypatch.syspath_prepend(str(request.config.rootpath / "scripts"))
    return {name: importlib.import_module(name) for name in PARTS}


def make_clips(folder, names, length=8):
    for k, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for index, frame in enumerate(moving_texture(length + k)):
            cv2.imwrite(str(folder / name / f"{index:02d}.png"), frame)
    return folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_last_quarter_by_name_is_for_testing(tmp_path, scripts):
    clips = make_clips(tmp_path / "in", ["a", "b_0", "b_1", "c", "d", "e", "f", "g"])
    train, test, told = scripts["_sequences"].split(clips, tmp_path / "out", 8)
    assert (names(train), names(test)) == (["a", "b_0", "b_1", "c", "d", "e"], ["f", "g"])
    assert len(list((test / "g").iterdir())) == 15
    assert "2 of 8" in told
    # A second time finds it done.
    assert scripts["_sequences"].split(clips, tmp_path / "out", 8)[:2] == (train, test)


def test_folders_train_and_test_are_taken_as_they_are(tmp_path, scripts):
    make_clips(tmp_path / "train", ["a"])
    make_clips(tmp_path / "test", ["b"])
    assert scripts["_sequences"].split(tmp_path, tmp_path / "out", 8)[:2] == (tmp_path / "train", tmp_path / "test")


def test_one_sequence_is_too_few(tmp_path, scripts):
    with pytest.raises(UserError, match="give two"):
        scripts["_sequences"].split(make_clips(tmp_path / "in", ["a"]), tmp_path / "out", 8)


def test_the_bundled_clip_is_cut_into_parts_that_share_no_pixel(tmp_path, scripts):
    train, test, _ = scripts["_sequences"].split(None, tmp_path, 10)
    assert names(train) == ["left"]
    assert len(list((train / "left").iterdir())) == 50
    assert len(names(test)) == 10
    assert all(len(list((test / name).iterdir())) == 10 for name in names(test))
    parts = [scripts["_sequences"].TRAIN, *scripts["_sequences"].TEST]
    seen = np.zeros((240, 432), int)
    for top, left, bottom, right in parts:
        seen[top:bottom, left:right] += 1
    assert seen.max() == 1


@pytest.mark.parametrize("name", ["tiny", "full"])
def test_scales_name_settings_that_exist_and_go_together(tmp_path, scripts, name):
    scale = scripts["_steps"].SCALES[name]
    where = {"data": (tmp_path,), "out": tmp_path}
    made = TrainConfig(**where, length=scale.length, size=scale.size, **scale.editor)
    assert made.window <= scale.size
    assert made.round_samples % made.batch == 0
    agents = settle_agents(AgentTrainConfig(**where, **scale.agents))
    measured = settle(EvaluateConfig(tmp_path, tmp_path, **scale.evaluation))
    assert agents.length == measured.length == scale.length
    assert measured.size == (scale.size, scale.size)
    assert set(scale.rules) <= set(SELECTORS)


def evaluation(recovery, low, clips=5):
    def row(method, share):
        return {"method": method, "values": {"flow_recovery": {"mean": share}, "hole_psnr": {"mean": 20.0}}}

    gap = {"mean": recovery, "low": low, "high": recovery + 0.1}
    values = {"flow_recovery": gap, "hole_psnr": {"mean": 1.0, "low": 0.5, "high": 1.5}}
    return {
        "protocol": {"clips": [str(k) for k in range(clips)]},
        "methods": [{"name": "agent", "contexts": 2}],
        "summary": [row("sequential", 0.4), row("agent", 0.4 + recovery)],
        "differences": [{"method": "agent", "against": "sequential", "values": values}],
    }


def logs(folder, losses):
    paths = {}
    for (editor, sampler), loss in losses.items():
        paths[editor, sampler] = folder / f"{editor}-{sampler}.csv"
        lines = "".join(f"{step},loss,{loss},0\n" for step in range(1, 21))
        paths[editor, sampler].write_text(f"step,name,value,seconds\n{lines}")
    return paths


@pytest.mark.parametrize(
    ("recovery", "low", "loss", "shows", "words"),
    [
        (0.2, 0.1, 1.0, True, "does not hold zero"),
        (0.2, -0.1, 1.0, True, "holds zero"),
        (-0.2, -0.3, 1.0, False, "does NOT show in recovery with the shipped editor, and loss: agents recover no"),
        (0.2, 0.1, 3.0, False, "loss is lower for no editor"),
    ],
)
def test_the_verdict_follows_from_the_numbers(tmp_path, scripts, recovery, low, loss, shows, words):
    paths = logs(tmp_path, {("concat", "sequential"): 2.0, ("concat", "agents"): loss})
    whole = evaluation(recovery, low)
    # With the poster's editor it is the other way round.
    both = dict.fromkeys(("sequential", "agents"), evaluation(-recovery, low))
    found = scripts["_findings"].findings(whole, "agent", paths, both, {1: whole})
    assert found["ordering"]["shows"] is shows
    text = " ".join(scripts["_findings"].told(found))
    assert words in text
    assert f"agents recover {'more' if recovery < 0 else 'no more'} of the motion than sequential sampling." in text
    assert "40.0% under sequential" in text
    assert f"{0.4 + recovery:.1%} under the agents" in text
    best = "agents" if recovery > 0 else "sequential"
    assert found["rows"][0]["selector"] == best


def test_few_clips_are_said_to_prove_nothing(tmp_path, scripts):
    paths = logs(tmp_path, {("concat", "sequential"): 2.0, ("concat", "agents"): 1.0})
    whole = evaluation(0.2, 0.2, clips=4)
    found = scripts["_findings"].findings(whole, "agent", paths, dict.fromkeys(("sequential", "agents"), whole), {})
    assert found["ordering"]["shows"]
    assert not found["ordering"]["recovery beyond chance"]
    text = " ".join(scripts["_findings"].told(found))
    assert "interval" not in text
    assert "fewer than 5 clips for testing do not say whether that is more than chance" in text


@pytest.mark.timeout(400)
def test_the_smallest_run_goes_all_the_way_and_goes_on(tmp_path, scripts, monkeypatch):
    make_clips(tmp_path / "train", ["a"])
    make_clips(tmp_path / "test", ["b"], 5)
    sizes = {"steps": 2, "batch": 2, "round_samples": 2, "reuse": 2, "window": 32, "log_every": 1, "workers": 1}
    scale = scripts["_steps"].Scale(
        length=5,
        size=48,
        editor={**sizes, "threads": 1},
        agents={
            "preset": "tiny",
            "length": 5,
            "size": 48,
            "episodes": 2,
            "iterations": 1,
            "imitate": 0,
            "drill": 0,
            "threads": 1,
        },
        evaluation={"protocol": "custom", "length": 5, "size": (48,), "seeds": 1, "workers": 1},
        rules=("sequential", "sight"),
        editors=("concat",),
    )
    said: list[str] = []
    run = scripts["_steps"].Run(scale, tmp_path / "out", say=said.append)
    found = scripts["reproduce"].reproduce(run, tmp_path)
    assert {row["selector"] for row in found["rows"]} == {"sequential", "sight", "agents"}
    assert [(row["trained_on"], row["chosen_by"]) for row in found["crossed"]] == [
        (trained, chosen) for trained in ("sequential", "agents") for chosen in ("sequential", "agents")
    ]
    assert [(row["contexts"], row["selector"]) for row in found["contexts"]] == [
        (count, selector) for count in (1, 2, 4) for selector in ("sequential", "agents")
    ]
    assert found["cpu_seconds"] > 0
    page = (tmp_path / "out" / "report" / "index.html").read_text()
    drawn = {path.name for path in (tmp_path / "out" / "report").iterdir()}
    assert {"figure-1-training-loss.png", "contexts.png", "cost.png"} <= drawn
    assert "Figure 2" in page
    assert any("ordering" in line for line in said)

    # Drawn from what is found, which is the same.
    monkeypatch.setattr(scripts["_steps"], "write_report", lambda options, say: None)
    again = scripts["reproduce"].reproduce(scripts["_steps"].Run(scale, tmp_path / "out", say=said.append), tmp_path)
    assert again["rows"] == found["rows"]
    assert again["training"] == found["training"]
    assert again["cpu_seconds"] is None
    assert json.loads((tmp_path / "out" / "found.json").read_text()) == again

    other = scripts["_steps"].Run(scale, tmp_path / "out", seed=1, say=said.append)
    with pytest.raises(UserError, match="other settings"):
        scripts["reproduce"].reproduce(other, tmp_path)
