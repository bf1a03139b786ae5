"""Why a method is better: sentences that follow from what its contexts saw; and who the methods are."""

import copy

import made_up_report
import numpy as np
import pytest

from rovr.evaluate.summary import AGAINST
from rovr.report.evaluation import Method, Metric, Run
from rovr.report.focus import Focus, choose
from rovr.report.media import Footage, Scene
from rovr.report.merge import read_evaluations
from rovr.report.methods import AGENT, STILL, explained
from rovr.report.options import ReportOptions
from rovr.report.why import why
from rovr.select import SELECTORS

FOCUS = Focus("hole_psnr", Metric("hole-PSNR", "dB"), "a", "b", ["shift"])


def run(method, edits):
    return Run(method, "clip", 0, "shift", {"hole_psnr": 20.0}, {}, None, edits, [0.5, 0.5, 0.0])


def scene(footage=True):
    """Two frames with the same hole and one without; b looks at the other damaged one first, and errs by ten times."""
    masks = np.zeros((3, 8, 8), bool)
    masks[:2, :, :4] = True
    truth = np.full((3, 8, 8, 3), 100, np.uint8)
    ours, theirs = truth + 1, truth + 1
    theirs[0] = 110
    runs = {"a": run("a", [(0, [2]), (1, [2])]), "b": run("b", [(0, [1]), (1, [2])])}
    return Scene("clip", "shift", runs, Footage(truth, truth, masks, {"a": ours, "b": theirs}, {}) if footage else None)


def test_what_was_looked_at_and_whether_that_helped():
    looks, helped = why([scene()], FOCUS)
    assert "the contexts of a lie 1.5 frames away on average and saw 100% of the hole" in looks
    assert "those of b lie 1.0 frames away on average and saw 50% of the hole" in looks
    assert (
        "In the 1 frame where they saw more of the hole, a differs by +20.00 dB on average and is better in 1" in helped
    )
    assert (
        "in the 1 frame where they saw no more of the hole, a differs by +0.00 dB on average and is better in 0"
        in helped
    )


def test_nothing_is_said_without_videos_or_baseline():
    assert why([scene(footage=False)], FOCUS) == []
    assert why([scene()], Focus("hole_psnr", FOCUS.metric, "a", None, ["shift"])) == []
    assert why([], FOCUS) == []


def test_every_selector_is_explained_in_a_sentence():
    made = read_method("sequential")
    assert "looking back at the frames just before" in explained(made)
    for name in SELECTORS:
        text = explained(read_method(name))
        assert text.endswith(".")
        assert "\n" not in text
    assert "hole" in explained(read_method("coverage order=easiest"))
    assert explained(read_method("runs/agent.safetensors")) == AGENT
    assert explained(read_method("none")) == STILL
    assert "repairs of the frame" in explained(read_method("oracle"))
    assert explained(read_method("mine"))


def read_method(selector):
    return Method(selector, selector, "aligned", 2)


@pytest.mark.parametrize("order", [("sequential", "coverage"), ("coverage", "sequential")])
def test_the_plainest_baseline_is_compared_with(tmp_path, order):
    report = copy.deepcopy(made_up_report.evaluation())
    names = {"aligned/sequential": "sequential", "aligned/coverage": "coverage"}
    for part in ("methods", "runs", "summary"):
        for row in report[part]:
            key = "name" if part == "methods" else "method"
            row[key] = names.get(row[key], row[key])
    values = report["differences"][0]["values"]
    report["differences"] = [
        {"method": "telea", "against": against, "corruption": "shift", "values": values} for against in order
    ]
    path = made_up_report.write(tmp_path, report, with_media=False)
    assert AGAINST[0] == "sequential"
    assert choose(read_evaluations([path]), ReportOptions((path,), tmp_path)).against == "sequential"
