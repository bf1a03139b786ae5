"""What the page says follows from the numbers."""

import copy
import html
import re

import made_up_report
import pytest

from rovr.report import write_report
from rovr.report.curves import Line, read_log
from rovr.report.evaluation import Interval, Metric
from rovr.report.options import ReportOptions
from rovr.report.stats import bootstrap
from rovr.report.trade import unbeaten
from rovr.report.training import grid_of
from rovr.report.words import compared, counted, listed, show, spread, verdict

PSNR, FLOW = Metric("hole-PSNR", "dB"), Metric("flow error", "", "lower")


def told(text: str) -> str:
    """A page's words, without its tags."""
    text = re.sub(r"<(style|script|svg).*?</\1>", " ", text, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


@pytest.fixture(scope="module")
def words(page):
    return told(page)


def written(tmp_path, report, **options) -> tuple[str, list[str]]:
    path = made_up_report.write(tmp_path / "in", report, with_media=False)
    said: list[str] = []
    options = {"clips": ("city",), **options}
    write_report(ReportOptions((path,), tmp_path / "out", **options), say=said.append)
    return told((tmp_path / "out" / "index.html").read_text()), said


def test_the_best_method_and_its_difference(words):
    # Gains of 1.5 dB times 1.5, 1 and 0.5 on the three clips, and a seed that adds 0.1 every second time.
    assert (
        "aligned/coverage is the best of 4 methods in hole-PSNR (higher is better), 23.55 dB (23.30 to 23.80 dB)."
        in words
    )
    assert "aligned/coverage is better than aligned/sequential by +1.55 dB (+1.30 to +1.80 dB) in hole-PSNR" in words
    assert "aligned/coverage is the better one on 3 of 3 clips" in words


def test_differences_clip_by_clip(words):
    assert "It does best on alps (+2.30 dB) and worst on city (+0.80 dB)." in words
    assert "boat & <crew> $x$ 2 +1.55 dB (+1.50 to +1.60 dB)" in words


def test_cost_and_contexts(words):
    assert "By frames looked at for one repaired frame, no other method is both as cheap and as good as telea" in words
    gap = bootstrap([1.5, 1.6, 1.0, 1.1, 0.5, 0.6])
    step = f"hole-PSNR changes by {spread(gap, PSNR, signed=True)} from 1 to 2 contexts."
    assert gap.mean == pytest.approx(1.05)
    assert f"aligned, coverage, damage 'shift': {step}" in words
    # 1.3 seconds for six frames.
    assert "0.217 for aligned/coverage and 0.217 for aligned/sequential" in words


def test_training_curves_in_the_two_by_two(words):
    assert (
        "With the editor concat, the loss at the end is 0.505 with the sampler sequential and 0.405 with coverage, −20%"
        in words
    )
    assert "changes it by −0.100 for concat and −0.050 for aligned" in words
    assert "lowest to the highest of 2 seeds" in words


def test_learning_curves_against_the_rule(words):
    assert "ppg: hole-PSNR on validation clips (dB) goes from 21.5 to 21.5, 0.500 above the rule's 21.0." in words


def test_where_each_method_looks(words):
    # Contexts three and two frames off, around the corner of the clip's end.
    assert "aligned/coverage repairs 6 frames in an order of its own, looks at frames 2.8 away on average" in words
    assert "aligned/sequential repairs 6 frames in the order of time, looks at frames 2.2 away" in words


def test_findings_turn_with_the_numbers(tmp_path):
    report = made_up_report.evaluation()
    for row in report["differences"]:
        if row["method"] == "aligned/coverage":
            row["values"]["hole_psnr"] = {"mean": -0.5, "low": -1.0, "high": 0.25}
    words, _ = written(tmp_path, report, method="aligned/coverage")
    assert "aligned/coverage and aligned/sequential cannot be told apart" in words
    assert "aligned/coverage is better than" not in words


def test_lower_may_be_better(tmp_path):
    words, _ = written(tmp_path, made_up_report.evaluation(), metric="flow")
    assert "aligned/coverage is the best of 3 methods in flow error (lower is better), 0.345" in words
    assert "It does best on alps (−0.230) and worst on city (−0.080)." in words


def test_what_is_missing_is_said(tmp_path):
    report = made_up_report.evaluation()
    for method in report["methods"]:
        method["contexts"] = 2
    for run in report["runs"]:
        run["seconds"], run["looks"] = {}, None
    words, said = written(tmp_path, report)
    for option in ("--curves", "--agents", "--media", "--contexts"):
        assert any(option in line for line in said)
        assert option in words
    assert any("What quality costs" in line for line in said)


def test_one_method_is_enough(tmp_path):
    words, said = written(tmp_path, made_up_report.evaluation(), methods=("aligned/coverage",))
    assert "aligned/coverage is the only method in hole-PSNR" in words
    assert any("one method only" in line for line in said)


def test_kinds_of_damage_stand_beside_each_other(tmp_path):
    words, _ = written(tmp_path, made_up_report.evaluation(("shift", "static"), seeds=1))
    for kind in ("shift", "static"):
        assert f"Damage '{kind}': aligned/coverage is the best of 4 methods" in words
        assert (tmp_path / "out" / f"differences-{kind}.svg").exists()
    assert "Each clip was damaged once" in words


def test_several_files_become_one(tmp_path):
    first, second = made_up_report.evaluation(), copy.deepcopy(made_up_report.evaluation())
    for method in second["methods"][:2]:
        method["contexts"] = 4
    paths = (made_up_report.write(tmp_path / "a", first, False), made_up_report.write(tmp_path / "b", second, False))
    write_report(ReportOptions(paths, tmp_path / "out", clips=("city",)), say=print)
    words = told((tmp_path / "out" / "index.html").read_text())
    assert "aligned/coverage (4 contexts) 6 23.55 dB" in words
    assert words.count("telea 6 18.00 dB") == 1
    assert "from 1 to 2 and +0.00 dB (+0.00 to +0.00 dB) from 2 to 4 contexts" in words


@pytest.mark.parametrize(
    ("low", "high", "metric", "found"),
    [
        (0.1, 0.5, PSNR, "better"),
        (-0.5, -0.1, PSNR, "worse"),
        (-0.1, 0.5, PSNR, "not told apart"),
        (0.0, 0.5, PSNR, "not told apart"),
        (-0.5, -0.1, FLOW, "better"),
        (0.1, 0.5, FLOW, "worse"),
    ],
)
def test_verdict(low, high, metric, found):
    gap = Interval((low + high) / 2, low, high)
    assert verdict(gap, metric) == found
    assert ("cannot be told apart" in compared("a", "b", gap, metric)) == (found == "not told apart")


def test_numbers_are_written_alike():
    assert show(-1.234, PSNR, signed=True) == "−1.23 dB"
    assert show(-0.001, PSNR, signed=True) == "+0.00 dB"
    assert show(0.5, FLOW) == "0.500"
    assert spread(Interval(1, -0.5, 2), PSNR) == "1.00 dB (−0.50 to 2.00 dB)"
    assert (counted(1, "clip"), counted(0, "clip")) == ("1 clip", "0 clips")
    assert (listed(["a"]), listed(["a", "b", "c"])) == ("a", "a, b and c")


def test_bootstrap():
    interval = bootstrap([0.0, 1.0] * 50)
    assert interval.mean == 0.5
    # The mean of 100 coins lies within 0.1 of a half in 95 of 100 draws.
    assert interval.low == pytest.approx(0.4, abs=0.02)
    assert interval.high == pytest.approx(0.6, abs=0.02)
    assert bootstrap([3.0]) == Interval(3.0, 3.0, 3.0)


def test_unbeaten():
    points = {"dear": (3.0, 9.0), "cheap": (1.0, 5.0), "beaten": (2.0, 5.0), "good": (2.0, 9.0)}
    assert unbeaten(points, 1) == ["cheap", "good"]
    assert unbeaten({name: (price, -quality) for name, (price, quality) in points.items()}, -1) == ["cheap", "good"]


def test_smoothing_keeps_the_mean_of_a_window(tmp_path):
    line = read_log(made_up_report.log(tmp_path / "x.csv", 0.25, steps=80))["loss"]
    assert line.end() == pytest.approx(0.25)
    # Four lines of eighty are a window: two to either side, fewer at the ends.
    assert line.smooth()[40] == pytest.approx(line.values[38:43].mean())
    assert line.smooth()[0] == pytest.approx(line.values[:3].mean())
    assert Line(line.steps, line.values * 0 + 7).smooth() == pytest.approx(7)


def test_the_two_by_two_must_be_whole():
    whole = ["a/s", "a/t", "b/s", "b/t"]
    assert grid_of(whole).editors == ["a", "b"]
    assert grid_of(whole).samplers == ["s", "t"]
    assert grid_of(whole[:3]) is None
    assert grid_of(["a/s", "b/t"]) is None
    assert grid_of(["a", "b"]) is None
