"""What the page says follows from the numbers."""

import copy
import html
import re
from pathlib import Path

import made_up_report
import msgspec
import pytest
import torch
from made_once import everything

from rovr.data.corrupt import KINDS
from rovr.evaluate.config import EvaluateConfig, settle
from rovr.evaluate.freeform import KINDS as FREEFORM
from rovr.evaluate.gauge import Gauge
from rovr.evaluate.plan import make_plan
from rovr.evaluate.summary import compare
from rovr.report import write_report
from rovr.report.curves import Line, read_log
from rovr.report.evaluation import Evaluation, Interval, Method, Metric
from rovr.report.glossary import MEASURES, damage
from rovr.report.options import ReportOptions
from rovr.report.plate import Plate
from rovr.report.stats import FEWEST, cautious, difference
from rovr.report.trade import unbeaten
from rovr.report.training import grid_of
from rovr.report.words import compared, fitted, listed, show, spread, verdict
from rovr.types import counted

pytest_plugins = ["made_once"]

PSNR, FLOW = Metric("hole-PSNR", "dB"), Metric("flow error", "", "lower")


def told(text: str) -> str:
    """A page's words, without its tags."""
    text = re.sub(r"<(style|script|svg).*?</\1>", " ", text, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


@pytest.fixture(scope="module", autouse=True)
def _undrawn():
    """Only words are read here, and drawing takes most of the time."""

    def save(plate: Plate, folder: Path) -> str:
        (folder / f"{plate.name}.svg").touch()
        return "<svg></svg>"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Plate, "save", save)
        yield


@pytest.fixture(scope="module")
def words(inputs, tmp_path_factory):
    out = tmp_path_factory.mktemp("words") / "out"
    write_report(everything(inputs, out), say=print)
    return told((out / "index.html").read_text(encoding="utf-8"))


def written(tmp_path, report, **options) -> tuple[str, list[str]]:
    path = made_up_report.write(tmp_path / "in", report, with_media=False)
    said: list[str] = []
    options = {"clips": ("city",), **options}
    write_report(ReportOptions((path,), tmp_path / "out", **options), say=said.append)
    return told((tmp_path / "out" / "index.html").read_text()), said


def test_the_best_method_and_its_difference(words):
    # Gains of 1.5 dB times 1.5, 1 and 0.5 on the three clips, and a seed that adds 0.1 every second time.
    assert (
        "aligned/coverage has the best mean of 4 methods in hole-PSNR (higher is better): 23.55 dB (23.30 to 23.80)."
        in words
    )
    assert (
        "aligned/coverage is better than aligned/sequential, the baseline, by +1.55 dB (+1.30 to +1.80) in hole-PSNR; "
        "the interval does not hold zero. aligned/coverage is the better one on 5 of 5 clips." in words
    )
    assert "aligned/coverage is better than aligned/coverage (1), the best rule, by +1.05 dB" in words


def test_differences_clip_by_clip(words):
    assert "It does best on alps (+2.30 dB) and worst on city (+0.80 dB)." in words
    assert "boat & <crew> $x$ 2 +1.55 dB +1.50 to +1.60" in words


def test_cost_and_contexts(words):
    assert "by frames looked at for one repaired frame, no other method is both as cheap and as good as telea" in words
    gap = gap_over([1.5, 1.25, 1.0, 0.75, 0.5])
    step = f"hole-PSNR changes by {spread(gap, PSNR, signed=True)} from 1 to 2 contexts."
    assert gap.mean == pytest.approx(1.05)
    assert f"aligned, coverage, damage 'shift': {step}" in words
    # 1.3 seconds for six frames, and a context less.
    told = "0.217 for aligned/coverage, 0.217 for aligned/sequential and 0.150 for aligned/coverage (1)."
    assert f"Processor seconds for one repaired frame: {told}" in words


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
    assert "aligned/coverage is better than aligned/sequential" not in words


def test_lower_may_be_better(tmp_path):
    words, _ = written(tmp_path, made_up_report.evaluation(), metric="flow")
    assert "aligned/coverage has the best mean of 3 methods in flow error (lower is better): 0.345" in words
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
        assert f"Who repairs best, damage '{kind}' aligned/coverage has the best mean of 4 methods" in words
        assert (tmp_path / "out" / f"differences-{kind}.svg").exists()
    assert "Each clip was damaged once" in words


def test_several_files_become_one(tmp_path):
    first, second = made_up_report.evaluation(), copy.deepcopy(made_up_report.evaluation())
    for method in second["methods"][:2]:
        method["contexts"] = 4
    paths = (made_up_report.write(tmp_path / "a", first, False), made_up_report.write(tmp_path / "b", second, False))
    write_report(ReportOptions(paths, tmp_path / "out", clips=("city",)), say=print)
    words = told((tmp_path / "out" / "index.html").read_text())
    assert "aligned/coverage (4 contexts) shift 23.55 dB 23.30 to 23.80" in words
    assert words.count("telea shift 18.00 dB") == 1
    assert "from 1 to 2 and +0.00 dB from 2 to 4 contexts" in words


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
    assert spread(Interval(1, -0.5, 2), PSNR) == "1.00 dB (−0.50 to 2.00)"
    assert (counted(1, "clip"), counted(0, "clip")) == ("1 clip", "0 clips")
    assert (listed(["a"]), listed(["a", "b", "c"])) == ("a", "a, b and c")


def gap_over(gains):
    """The difference between aligned/coverage and aligned/coverage (1), whose seeds differ by 0.1."""
    pairs = [(str(clip), gain + 0.1 * seed) for clip, gain in enumerate(gains) for seed in range(2)]
    one, other = (
        [{"clip": clip, "hole": [0.5], "values": {"hole_psnr": gain * k}} for clip, gain in pairs] for k in (1, 0)
    )
    return Interval(**compare(one, other, ["hole_psnr"])["hole_psnr"])


def test_long_names_leave_room_for_the_plot():
    assert fitted("a_clip") == "a_clip"
    assert fitted("a" * 100 + "z" * 100) == "a" * 21 + "…" + "z" * 21


def test_an_end_near_zero_is_not_rounded_to_it():
    assert spread(Interval(0.148, 0.0038, 0.307), PSNR, signed=True) == "+0.148 dB (+0.004 to +0.307)"
    assert spread(Interval(0.13, -0.0038, 0.3), PSNR, signed=True) == "+0.13 dB (+0.00 to +0.30)"


def test_few_clips_are_given_no_interval_and_no_verdict(tmp_path):
    report = made_up_report.evaluation()
    few = made_up_report.CLIPS[: FEWEST - 1]
    report["runs"] = [run for run in report["runs"] if run["clip"] in few]
    words, _ = written(tmp_path, report, clips=("alps",))
    assert "aligned/coverage differs from aligned/sequential, the baseline, by +1.55 dB in hole-PSNR" in words
    assert "too few to say whether that is chance" in words
    assert " is better than " not in words
    assert not re.search(r"\d \([^()]+ to [^()]+\)", words)
    # Nor is any spoken of, but where the word is explained.
    assert words.count("95 % interval") == 1
    assert "intervals" not in words


def test_a_measure_that_few_clips_have_is_given_no_interval():
    report = made_up_report.evaluation()
    few = made_up_report.CLIPS[: FEWEST - 1]
    for run in report["runs"]:
        if run["clip"] not in few:
            run["values"]["flow"] = None
    for row in (*report["summary"], *report["differences"]):
        # Of all clips at once, as VFID is.
        row["values"] = {**row["values"], "vfid": {"mean": 1.0, "low": 0.5, "high": 1.5}}
    found = cautious(msgspec.convert(report, Evaluation))
    for row in (*found.summary, *found.differences):
        wide = {key: interval.wide for key, interval in row.values.items() if interval}
        assert wide == {key: key != "flow" for key in wide}, row


def test_one_clip_is_not_both_the_best_and_the_worst(tmp_path):
    report = made_up_report.evaluation()
    report["runs"] = [run for run in report["runs"] if run["clip"] == "alps"]
    words, _ = written(tmp_path, report, clips=("alps",))
    assert "on 1 of 1 clip." in words
    assert "It does best on" not in words


def test_one_seed_of_a_clip_has_no_interval(tmp_path):
    words, _ = written(tmp_path, made_up_report.evaluation(seeds=1))
    assert "city 1 +0.75 dB" in words
    assert "+0.75 to" not in words


def test_intervals_are_over_clips_and_not_over_runs():
    """Eight seeds that agree make an interval no narrower than one does."""
    one, eight = (
        msgspec.convert({**made_up_report.evaluation(seeds=seeds), "differences": []}, Evaluation) for seeds in (1, 8)
    )
    one, eight = (difference(e, "flow", "aligned/coverage (1)", "aligned/sequential", "shift") for e in (one, eight))
    assert one.wide
    assert (eight.mean, eight.low, eight.high) == pytest.approx((one.mean, one.low, one.high))


def with_oracle_and_agent():
    """The rule sequential, the rule coverage, an agent that is as good, and an oracle that is best."""
    report = made_up_report.evaluation(seeds=1)
    report["differences"] = []
    for method, selector in zip(
        report["methods"], ("sequential", "oracle", "runs/a.safetensors", "sight"), strict=True
    ):
        method["selector"] = selector
    better = {"aligned/coverage (1)": 0.5, "telea": 0.5}
    for run in report["runs"]:
        if run["method"] in better:
            place = made_up_report.CLIPS.index(run["clip"])
            wins = {"telea": 0.1 * (-1) ** place}.get(run["method"], 0.02 * place)
            run["values"]["hole_psnr"], run["edits"] = 24.0 - place + 0.5 + wins, [[k, [(k + 3) % 6]] for k in range(6)]
    for row in report["summary"]:
        if row["method"] in better:
            row["values"]["hole_psnr"] = {"mean": 22.5 + (row["method"] != "telea") * 0.02, "low": 20.0, "high": 25.0}
    return report


def test_an_agent_with_options_is_an_agent(tmp_path):
    report = made_up_report.evaluation()
    report["methods"][1]["selector"], report["methods"][2]["selector"] = "agent", "agent contexts=1"
    words, _ = written(tmp_path, report)
    assert "aligned/coverage (1), the best rule" not in words
    assert words.count("Trained policies: one picks the frame") == 2
    assert "aligned, agent, damage 'shift': hole-PSNR changes by" in words  # one line over the number of contexts


@pytest.mark.parametrize("selector", ["my runs/mine.safetensors passes=2", "my runs/mine.safetensors"])
def test_an_agent_from_a_file_is_called_by_its_name(selector):
    method = Method("mine passes=2", selector, "aligned")
    assert method.chosen_by_agent
    assert method.chooser == selector.removeprefix("my runs/").replace(".safetensors", "")


def test_the_oracle_is_a_bound_and_the_agent_meets_the_best_rule(tmp_path):
    words, _ = written(tmp_path, with_oracle_and_agent())
    assert "aligned/coverage (1) has the best mean of 3 methods that do not know the truth in hole-PSNR" in words
    assert "aligned/coverage (1) is better than aligned/sequential, the best rule," in words
    assert "aligned/coverage is no rival but a bound, for it knows the truth: 23.50 dB, 0.98 dB better than" in words
    assert "Oracle A selector that tries contexts out" in words
    # Nor is it joined to those that nothing equals in both price and quality.
    front = re.findall(r"does not know the truth is both as cheap and as good as (.*?\))\. ", words)
    assert front
    assert not any("23.50 dB" in one for one in front)


@pytest.mark.parametrize("change", [{"commit": "a, b"}, {"clock": ""}])
def test_seconds_that_cannot_be_compared_are_left_out(tmp_path, change):
    words, said = written(tmp_path, made_up_report.evaluation() | change)
    assert "Processor seconds" not in words
    assert "Frames looked at for one repaired frame: 2.00 for aligned/coverage" in words
    assert any("seconds: the runs were made by several versions" in line for line in said)


def test_every_measure_and_kind_of_damage_is_explained():
    config = EvaluateConfig(Path("clips"), Path("x.json"), protocol="davis", i3d="none")
    gauge = Gauge(make_plan(config, settle(config), ["a"], [9]), torch.device("cpu"))
    assert set(gauge.metrics) | {"lpips", "st_lpips", "vfid"} == set(MEASURES)
    assert len(set(MEASURES.values())) == len(MEASURES)
    for kind in (*KINDS, *FREEFORM, "shift+photometric"):
        assert damage(kind).endswith(".")
    assert "flicker" in damage("shift+photometric")
    assert damage("unheard-of") == ""


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
