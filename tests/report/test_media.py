"""What is measured on the small videos."""

from dataclasses import replace

import made_up_report
import numpy as np
import pytest

from rovr.errors import UserError
from rovr.report.closer import closer_plates, gaps
from rovr.report.evaluation import Run
from rovr.report.focus import choose, choose_clips
from rovr.report.media import Footage, open_scene
from rovr.report.options import ReportOptions
from rovr.report.reading import read_evaluation
from rovr.report.style import Palette

pytest_plugins = ["made_once"]


def footage(masks: np.ndarray) -> Footage:
    blank = np.zeros((*masks.shape, 3), np.uint8)
    return Footage(blank, blank, masks, {}, {})


def run(edits: list[tuple[int, list[int]]], length: int) -> Run:
    return Run("m", "c", 0, "shift", {}, {}, 0, edits, [0.0] * length)


def test_what_contexts_saw_and_what_repairs_brought_there():
    # Columns of the picture; frame 0 misses 0–3, frame 1 misses 0–1, frame 2 misses 2–3, frame 3 misses 0–3.
    masks = np.zeros((4, 1, 4), bool)
    masks[0] = masks[3] = True
    masks[1, 0, :2] = masks[2, 0, 2:] = True
    sights = footage(masks).sights(run([(0, [1]), (1, [2]), (3, [0, 1])], 4))
    assert (sights[0].saw, sights[0].knew) == (0.5, 0.5)
    assert sights[1].saw == 1.0
    # Frame 0 saw nothing, but was given half of it by frame 1, which itself learned the rest from frame 2.
    assert (sights[3].saw, sights[3].knew) == (0.5, 1.0)
    assert sights[3].each_saw == [0.0, 0.5]
    assert sights[3].each_knew == [0.5, 1.0]


def test_without_contexts_nothing_is_seen():
    masks = np.ones((2, 1, 4), bool)
    sights = footage(masks).sights(run([(0, [])], 2))
    assert (sights[0].saw, sights[0].knew) == (0.0, 0.0)


def test_frames_are_measured_and_left_as_they_are(inputs):
    evaluation = read_evaluation(inputs.path)
    focus = choose(evaluation, ReportOptions((inputs.path,), inputs.folder))
    scene = open_scene(evaluation, "alps", "shift")
    before = {name: frames.copy() for name, frames in scene.footage.repaired.items()}
    found = gaps(scene, scene.footage, focus)
    assert list(found) == [frame for frame, _ in made_up_report.edits("aligned/coverage", made_up_report.LENGTH)]
    # The noise of the two methods is 1.5 dB apart; compression takes a little of it away.
    assert np.mean(list(found.values())) == pytest.approx(1.5, abs=0.3)
    plates = closer_plates(scene, focus, Palette(evaluation.names))
    assert [plate.name for plate in plates] == ["figure-2-alps-most", "figure-2-alps-least"]
    assert f"frame {max(found, key=found.get)}" in plates[0].title
    assert f"frame {min(found, key=found.get)}" in plates[1].title
    for name, frames in scene.footage.repaired.items():
        assert np.array_equal(frames, before[name])


def test_an_agent_is_looked_at_rather_than_a_rule_and_a_rule_rather_than_the_oracle(inputs):
    evaluation = read_evaluation(inputs.path)
    options = ReportOptions((inputs.path,), inputs.folder)

    def chosen(**selectors: str) -> str:
        methods = [replace(m, selector=selectors.get(m.name[-3:], m.selector)) for m in evaluation.methods]
        return choose(replace(evaluation, methods=methods), options).method

    assert chosen() == "aligned/coverage"
    assert chosen(age="oracle") == "aligned/coverage (1)"
    assert chosen(**{"(1)": "runs/agent.safetensors"}) == "aligned/coverage (1)"


def test_clips_of_the_largest_the_median_and_the_least_gain(inputs):
    evaluation = read_evaluation(inputs.path)
    options = ReportOptions((inputs.path,), inputs.folder)
    assert choose_clips(evaluation, choose(evaluation, options), ()) == list(made_up_report.SEEN)


def test_videos_that_do_not_belong_to_the_runs(tmp_path):
    report = made_up_report.evaluation()
    made_up_report.media(tmp_path / "media", report, side=32)
    for run in report["runs"]:
        run["hole"].append(0.5)
    path = made_up_report.write(tmp_path, {**report, "media": "media"}, with_media=False)
    with pytest.raises(UserError, match="belong together"):
        open_scene(read_evaluation(path), "alps", "shift")
