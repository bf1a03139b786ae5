"""Why a method is better: sentences that follow from what its contexts saw; and who the methods are."""

import copy
from dataclasses import replace

import made_up_report
import numpy as np
import pytest

from rovr.evaluate.clips import draw_masks
from rovr.evaluate.sight import sights
from rovr.evaluate.summary import AGAINST
from rovr.report.evaluation import Evaluation, Interval, Method, Metric, Protocol, Repairs, Run, Summary
from rovr.report.focus import Focus, choose
from rovr.report.holes import Holes, completed
from rovr.report.media import Footage, Scene
from rovr.report.merge import read_evaluations
from rovr.report.methods import AGENT, STILL, explained
from rovr.report.options import ReportOptions
from rovr.report.why import why
from rovr.select import SELECTORS

FOCUS = Focus("hole_psnr", Metric("hole-PSNR", "dB"), "a", "b", ["shift"])


def run(method, edits, clip="clip", repairs=None, value=20.0):
    return Run(method, clip, 0, "shift", {"hole_psnr": value}, {}, None, edits, [0.5, 0.5, 0.0], repairs)


def evaluation(*runs):
    names = list(dict.fromkeys(run.method for run in runs))
    protocol = Protocol("custom", ["shift"], ["clip"], 1)
    methods = [Method(name, name, "aligned", 1) for name in names]
    rows = [Summary(n, "shift", 1, {"hole_psnr": Interval(20.0, 19.0, 21.0)}) for n in names]
    return Evaluation(protocol, {"hole_psnr": FOCUS.metric}, methods, list(runs), rows, [])


def scene(footage=True):
    """Two frames with the same hole and one without; b looks at the other damaged one first, and errs by ten times."""
    masks = np.zeros((3, 8, 8), bool)
    masks[:2, :, :4] = True
    truth = np.full((3, 8, 8, 3), 100, np.uint8)
    ours, theirs = truth + 1, truth + 1
    theirs[0] = 110
    shown = Footage(truth, truth, masks, {"a": ours, "b": theirs}, {})
    runs = {"a": run("a", [(0, [2]), (1, [2])]), "b": run("b", [(0, [1]), (1, [2])], value=19.0)}
    if footage:
        runs = {name: replace(one, repairs=shown.repairs(one)) for name, one in runs.items()}
    return Scene("clip", "shift", runs, shown if footage else None, masks)


def test_what_was_looked_at_and_whether_that_helped():
    one = scene()
    mine, theirs, helped, frames = why(evaluation(*one.runs.values()), FOCUS, [one])
    assert mine == "a looks 1.5 frames away on average, at contexts that saw 100% of the hole."
    assert theirs == "b looks 1.0 frames away on average, at contexts that saw 50% of the hole."
    assert "saw more of the hole than those of b on 1 of 1 clip; it repairs 1 of these better" in helped
    assert (
        "in the 1 frame where its contexts saw more of the hole, a differs by +20.00 dB on average and is better in 1"
        in frames
    )
    assert (
        "in the 1 frame where its contexts saw no more of the hole, a differs by +0.00 dB on average and is better in 0"
        in frames
    )


def test_the_file_alone_is_enough():
    kept = [Repairs([0.6, 0.8], [0.6, 0.9], [20.0, 22.0]), Repairs([0.6, 0.2], [0.6, 0.2], [20.0, 21.0])]
    runs = [run(m, [(0, [2]), (1, [2])], repairs=k) for m, k in zip("ab", kept, strict=True)]
    mine, theirs, _, frames = why(evaluation(*runs), FOCUS)
    assert "saw 70% of the hole, 75% with what earlier repairs had brought there" in mine
    assert "saw 40% of the hole." in theirs
    assert "where its contexts saw more of the hole, a differs by +1.00 dB" in frames


def test_seeing_more_from_far_away_is_not_called_better():
    """The rule c sees all, from farther away, and is worse on each of six clips; were it as good, nothing were said."""
    repairs = {"a": 0.6, "b": 0.2, "c": 1.0}
    values = {"a": 20.0, "b": 19.0, "c": 18.0}
    runs = [
        run(m, [(0, [2 if m == "c" else 1])], str(clip), Repairs([saw], [saw]), values[m] + 0.1 * clip * (m == "a"))
        for clip in range(6)
        for m, saw in repairs.items()
    ]
    last = why(evaluation(*runs), FOCUS)[-1]
    assert last.startswith("Seeing is not all: the contexts of c saw 100% of the hole, but from 2.0 frames away")
    alike = [20.0 + 0.1 * int(r.clip) + 0.1 * (-1) ** int(r.clip) for r in runs]
    runs = [replace(r, values={"hole_psnr": x}) if r.method == "c" else r for r, x in zip(runs, alike, strict=True)]
    assert not any("not all" in text for text in why(evaluation(*runs), FOCUS))


def test_nothing_is_said_where_nobody_knows_or_without_a_baseline():
    one, blind = scene(), scene(footage=False)
    assert why(evaluation(*blind.runs.values()), FOCUS, [blind]) == []
    assert why(evaluation(*one.runs.values()), Focus("hole_psnr", FOCUS.metric, "a", None, ["shift"]), [one]) == []


def old_file(size, hole=None):
    """A file that does not say what contexts saw, of a clip damaged by the name, the seed and the kind alone."""
    masks = draw_masks(3, (32, 40), "clip", 0, "shift").numpy()[:, 0]
    one = replace(run("a", [(0, [2]), (1, [0])]), hole=hole or [round(float(m.mean()), 6) for m in masks])
    found = completed(evaluation(one), Holes(size))
    return found.runs[0].repairs, sights(masks, one.edits)


def test_nothing_is_said_where_nothing_was_repaired():
    nothing = Repairs([], [], [])
    assert why(evaluation(run("a", [], repairs=nothing), run("b", [], repairs=nothing)), FOCUS, []) == []


def test_what_older_files_do_not_say_is_computed_from_the_damage():
    kept, found = old_file([32, 40])
    assert kept.saw == [sight.saw for sight in found]
    assert 0 < kept.saw[0] <= 1
    assert kept.psnr == []


@pytest.mark.parametrize(
    ("size", "hole"), [([32, 40], [0.3, 0.3, 0.3]), ([40, 32], None), (None, None), ([9**9, 9**9], None)]
)
def test_masks_that_are_not_those_of_the_file_are_not_used(size, hole):
    assert old_file(size, hole)[0] is None


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
    assert "Knows the truth" in explained(read_method("oracle"))
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
