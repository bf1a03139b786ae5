"""The command: what it refuses, and that it leaves nothing half-written."""

import json

import made_up_report
import pytest

from rovr.cli import main
from rovr.evaluate.origin import described
from rovr.report.glossary import facts
from rovr.report.merge import read_evaluations
from rovr.report.plate import Plate

pytest_plugins = ["made_once"]


@pytest.fixture
def path(tmp_path):
    return made_up_report.write(tmp_path / "in", made_up_report.evaluation(), with_media=False)


@pytest.fixture
def undrawn(monkeypatch):
    """Figures are empty files: drawing them takes most of the time."""

    def save(plate, folder):
        for kind in ("png", "svg"):
            (folder / f"{plate.name}.{kind}").touch()
        return "<svg></svg>"

    monkeypatch.setattr(Plate, "save", save)


def refuse(capsys, tmp_path, *args, says):
    """Exit 2, one line, nothing written."""
    assert main(["report", *map(str, args)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == 1
    assert told.err.startswith("rovr: ")
    assert says in told.err
    assert sorted(p.name for p in tmp_path.iterdir() if "out" in p.name) == []


def test_main_job(path, tmp_path, capsys):
    out = tmp_path / "out"
    log = made_up_report.log(tmp_path / "x.csv", 0.5)
    args = ["report", str(path), "-o", str(out), "--methods", "aligned/sequential", "telea", "--clips", "city"]
    assert main([*args, "--curves", f"one={log}", "--curves", f"two={log}"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[-1] == f"report: {out / 'index.html'}"
    assert "--agents" in "".join(told)
    assert (out / "figure-1-training-loss.png").exists()
    assert "figure-2-city" in (out / "index.html").read_text()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "is not JSON"),
        ("[1]", "is no evaluation file"),
        ('{"rows": []}', "is no evaluation file"),
        ('{"kind": "evaluation", "format": 2}', "is of format 2"),
        ('{"kind": "evaluation", "format": 1}', "protocol"),
        ("\u00ff", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_files_that_are_no_evaluation(content, says, tmp_path, capsys):
    (tmp_path / "x.json").write_text(content)
    refuse(capsys, tmp_path, tmp_path / "x.json", "-o", tmp_path / "out", says=says)


def make(path, out, *options) -> int:
    """A report of one clip, for speed."""
    return main(["report", str(path), "-o", str(out), "--clips", "city", *options])


def broken(part, change):
    report = made_up_report.evaluation()
    change(report[part])
    return report


@pytest.mark.parametrize(
    ("report", "says"),
    [
        (broken("runs", lambda runs: runs[3].pop("edits")), "runs[3]"),
        (broken("runs", lambda runs: runs[0].update(method="other")), "'other'"),
        (broken("runs", lambda runs: runs[0]["edits"].append([6, [0]])), "outside its 6 frames"),
        (broken("runs", lambda runs: runs[1]["values"].update(hole_psnr="good")), "runs[1]"),
        (broken("runs", lambda runs: runs[2].update(edits=[], hole=[])), "runs[2] has no frames"),
        (broken("runs", list.clear), "no runs"),
        (broken("metrics", dict.clear), "no metrics"),
        (broken("methods", lambda methods: methods.append(methods[0])), "same name"),
    ],
)
def test_files_that_do_not_hold_together(report, says, tmp_path, capsys):
    (tmp_path / "x.json").write_text(json.dumps(report))
    refuse(capsys, tmp_path, tmp_path / "x.json", "-o", tmp_path / "out", says=says)


def test_numbers_that_json_does_not_have_count_as_missing(tmp_path):
    report = broken("runs", lambda runs: runs[0]["values"].update(hole_psnr=float("nan")))
    (tmp_path / "x.json").write_text(json.dumps(report))
    assert make(tmp_path / "x.json", tmp_path / "out") == 0
    assert "nan" not in (tmp_path / "out" / "index.html").read_text().lower().split("<script>")[0].split("<main")[1]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--metric", "vmaf"], "no metric 'vmaf'; choose from hole_psnr, flow"),
        (["--methods", "magic"], "no method 'magic'"),
        (["--method", "magic"], "no method 'magic'"),
        (["--method", "telea", "--against", "telea"], "compared with itself"),
        (["--clips", "unknown"], "no clip 'unknown'"),
        (["--curves", "nofile"], "NAME=FILE"),
        (["--curves", "a=missing.csv"], "missing.csv cannot be read"),
    ],
)
def test_names_that_are_not_there(path, options, says, tmp_path, capsys):
    refuse(capsys, tmp_path, path, "-o", tmp_path / "out", *options, says=says)


def test_logs_that_are_none(path, tmp_path, capsys):
    log = tmp_path / "x.csv"
    for text, says in (
        ("a,b\n1,2\n", "is no training log"),
        ("step,name,value,seconds\n", "holds no figures yet"),
        ("step,name,value,seconds\nx,loss,1,1\n", "has a line that is not"),
        ("step,name,value,seconds\n1,loss\n", "has a line that is not"),
        ("step,name,value,seconds\n1,accuracy,1,1\n", "choose with --series from accuracy"),
        ("step,name,value,seconds\n1,val/coverage,1,1\n", "holds no figures of the training yet"),
    ):
        log.write_text(text)
        refuse(capsys, tmp_path, path, "-o", tmp_path / "out", "--curves", f"a={log}", says=says)


def test_evaluations_of_different_damage_are_not_mixed(path, tmp_path, capsys):
    other = made_up_report.evaluation()
    for run in other["runs"]:
        run["hole"][0] = 0.9
    second = made_up_report.write(tmp_path / "second", other, with_media=False)
    refuse(capsys, tmp_path, path, second, "-o", tmp_path / "out", says="other clips, seeds or damage")
    refuse(capsys, tmp_path, "-o", tmp_path / "out", says="at least one file")
    second = made_up_report.write(tmp_path / "third", made_up_report.evaluation(seeds=1), with_media=False)
    refuse(capsys, tmp_path, path, second, "-o", tmp_path / "out", says="other clips, seeds or damage")


def test_figures_by_different_means_are_not_mixed(path, tmp_path, capsys):
    """Motion by another estimator is no rival; the same network in less exact numbers is one, and is named."""
    other = made_up_report.evaluation()
    other["metrics"]["flow"]["by"] = "raft_small flow"
    second = made_up_report.write(tmp_path / "second", other, with_media=False)
    refuse(capsys, tmp_path, path, second, "-o", tmp_path / "out", says="by other means (raft_small flow) than")
    other["metrics"]["flow"]["by"] = "dis, bfloat16"
    second = made_up_report.write(tmp_path / "second", other, with_media=False)
    assert read_evaluations([path, second]).metrics["flow"].by == "dis / dis, bfloat16"


@pytest.mark.parametrize("change", [{"machine": {"cpu": "another"}}, {"rovr": "9.9"}, {"commit": "other"}])
def test_seconds_of_other_machines_and_versions_do_not_stand_beside_each_other(path, tmp_path, change):
    other = made_up_report.write(tmp_path / "second", made_up_report.evaluation() | change, with_media=False)
    assert read_evaluations([path, path]).timed
    both = read_evaluations([path, other])
    assert not both.timed
    said = str(facts(both, [path, other]))
    (new,) = change.values()
    assert all(words in said for words in ("made up", "0123abc", "0.0", described(new)))


@pytest.mark.usefixtures("undrawn")
def test_a_report_replaces_a_report_alone_and_only_if_asked(path, tmp_path, capsys):
    out = tmp_path / "there"
    assert make(path, out) == 0
    (out / "mine.txt").write_text("")
    capsys.readouterr()
    refuse(capsys, tmp_path, path, "-o", out, says="--overwrite")
    assert (out / "mine.txt").exists()
    assert make(path, out, "--overwrite") == 0
    assert not (out / "mine.txt").exists()
    capsys.readouterr()
    refuse(capsys, tmp_path, path, "-o", tmp_path / "in", "--overwrite", says="holds")
    assert path.exists()
    refuse(capsys, tmp_path, path, "-o", path, "--overwrite", says=str(path))
    assert path.read_text()


@pytest.mark.usefixtures("undrawn")
def test_nothing_is_left_behind_where_it_fails(path, tmp_path, monkeypatch):
    monkeypatch.setattr("rovr.report.build.render", lambda *args: 1 / 0)
    assert make(path, tmp_path / "out") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in"]


def test_packages_that_are_not_installed(path, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("rovr.report.find_spec", lambda name: None if name == "matplotlib" else True)
    refuse(capsys, tmp_path, path, "-o", tmp_path / "out", says="pip install 'rovr[report]'")


@pytest.mark.usefixtures("undrawn")
def test_a_log_of_agents_without_returns_is_said(path, tmp_path, capsys):
    log = made_up_report.log(tmp_path / "x.csv", 0.5)
    assert make(path, tmp_path / "out", "--agents", f"a={log}") == 0
    assert "neither 'return' nor 'val/psnr'" in capsys.readouterr().out
