"""``rovr evaluate`` on tiny clips, from the command line to the file."""

import errno
import json
import math
import os
import shutil
import sys
from contextlib import closing
from types import SimpleNamespace

import pytest
import torch
from conftest import moving_texture, rgb_frames, write_video

from rovr.cli import main
from rovr.errors import UserError
from rovr.evaluate import gauge as gauging
from rovr.evaluate import run as running
from rovr.evaluate.bench import Bench
from rovr.evaluate.clips import Clips, draw_case, draw_masks
from rovr.evaluate.config import EvaluateConfig, settle
from rovr.evaluate.ledger import Ledger, key_of
from rovr.evaluate.media import check_names
from rovr.evaluate.origin import described
from rovr.evaluate.plan import make_plan
from rovr.evaluate.run import evaluate
from rovr.evaluate.sight import sights
from rovr.evaluate.spread import run_tasks
from rovr.evaluate.table import tables
from rovr.flow import DIS
from rovr.metrics import psnr
from rovr.metrics.perception import Perceptual

FRAMES, SIDE = 6, 64


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Two videos, and one that is too short."""
    folder = tmp_path_factory.mktemp("clips")
    for seed, (name, count) in enumerate((("one", 8), ("two", 6), ("short", 3))):
        write_video(folder / f"{name}.mp4", moving_texture(count, SIDE, SIDE, seed), options={"crf": "10"})
    return folder


def config(clips, out, **given):
    given = {"length": FRAMES, "size": (SIDE,), "workers": 1, "selectors": ("sequential", "coverage"), **given}
    return EvaluateConfig(clips=clips, out=out, **given)


@pytest.fixture(scope="module")
def done(clips, tmp_path_factory):
    """A whole evaluation, with everything that costs no weights: its folder and its report."""
    folder = tmp_path_factory.mktemp("done")
    asked = config(
        clips,
        folder / "results" / "x.json",
        seeds=2,
        selectors=("sequential,coverage", "oracle"),
        baselines=("telea",),
        media=folder / "media",
    )
    evaluate(asked)
    return folder, json.loads((folder / "results" / "x.json").read_text())


def timeless(report):
    """A report less what a clock or another place says."""
    report = json.loads(json.dumps(report))
    if "media" not in report:
        report["marks"]["shared"].pop("media", None)
    for run in report["runs"]:
        assert set(run.pop("seconds")) == {"select", "edit", "total"}
    return report


def test_a_file_holds_what_its_format_promises(done):
    folder, report = done
    assert (report["kind"], report["format"], report["seed"]) == ("evaluation", 1, "0–1")
    assert report["protocol"]["clips"] == ["one", "two"]
    assert report["protocol"]["size"] == [SIDE, SIDE]
    assert report["clock"] == "processor"
    assert set(report["machine"]) == {"cpu", "instructions", "cores", "threads"}
    assert [method["name"] for method in report["methods"]] == ["telea", "sequential", "coverage", "oracle"]
    assert [method["contexts"] for method in report["methods"]] == [0, 2, 2, 2]
    assert len(report["runs"]) == 2 * 2 * 4
    assert set(report["metrics"]["hole_psnr"]) == {"label", "unit", "better", "by"}
    for run in report["runs"]:
        assert set(run["values"]) == set(report["metrics"])
        assert len(run["hole"]) == FRAMES
        assert run["looks"] == sum(len(contexts) for _, contexts in run["edits"])
        assert sorted(frame for frame, _ in run["edits"]) == [t for t in range(FRAMES) if run["hole"][t]]
        assert {len(numbers) for numbers in run["repairs"].values()} == {len(run["edits"])}
        times = run["seconds"]
        assert times["total"] == pytest.approx(times["select"] + times["edit"])
    assert not list((folder / "results").glob("*.partial*"))
    assert len(report["summary"]) == 4
    assert all(row["count"] == 4 for row in report["summary"])
    pairs = {(row["method"], row["against"]) for row in report["differences"]}
    assert pairs == {(m, a) for m in ("telea", "sequential", "coverage", "oracle") for a in ("sequential", "coverage")
                     if m != a}  # fmt: skip


def mean(report, method, key, corruption="shift"):
    rows = (row for row in report["summary"] if (row["method"], row["corruption"]) == (method, corruption))
    return next(rows)["values"][key]["mean"]


def test_figures_are_those_of_the_metrics(done, clips):
    """The repair, made once more by hand, has the PSNR that the file says."""
    _, report = done
    run = next(
        r
        for r in report["runs"]
        if (r["method"], r["clip"], r["seed"], r["corruption"]) == ("telea", "one", 1, "shift")
    )
    from rovr.editor import load_editor

    case = draw_case(Clips(clips, FRAMES, (SIDE, SIDE)).read("one"), "one", 1, "shift")
    editor, repaired = load_editor("telea"), case.frames.clone()
    for t in range(FRAMES):
        target = editor.prepare(case.frames[t] / 255, case.masks[t].float())
        repaired[t] = (editor.edit(target, case.masks[t], []).frame * 255).round().byte()
    assert run["values"]["hole_psnr"] == pytest.approx(psnr(repaired, case.truth, case.masks), abs=1e-6)
    assert run["hole"] == pytest.approx(case.masks.float().mean((1, 2, 3)).tolist(), abs=1e-6)


def test_what_contexts_saw_is_known_without_the_footage(done, clips):
    """Masks drawn from names and sizes alone, and the edits of the file, give the shares that the file has."""
    _, report = done
    for run in report["runs"]:
        masks = draw_masks(FRAMES, (SIDE, SIDE), run["clip"], run["seed"], run["corruption"]).numpy()[:, 0]
        found = sights(masks, run["edits"])
        assert run["repairs"]["saw"] == pytest.approx([sight.saw for sight in found], abs=1e-4)
        assert run["repairs"]["knew"] == pytest.approx([sight.knew for sight in found], abs=1e-4)
        if run["method"] == "telea":
            assert set(run["repairs"]["saw"]) == {0.0}
    chosen = {run["method"]: run["repairs"]["saw"] for run in report["runs"] if run["clip"] == "two"}
    assert sum(chosen["coverage"]) > sum(chosen["sequential"])


def test_the_holes_of_single_repairs_make_up_the_clips(done):
    _, report = done
    for run in report["runs"]:
        frames = [frame for frame, _ in run["edits"]]
        sizes = [run["hole"][frame] for frame in frames]
        errors = [size * 10 ** (-score / 10) for size, score in zip(sizes, run["repairs"]["psnr"], strict=True)]
        assert -10 * math.log10(sum(errors) / sum(sizes)) == pytest.approx(run["values"]["hole_psnr"], abs=0.01)


@pytest.mark.skipif(sys.platform != "linux", reason="file systems of other machines have no such names")
def test_clips_whose_names_are_no_text_are_measured(tmp_path):
    (tmp_path / "clips").mkdir()
    write_video(tmp_path / "clips" / "a\udcff.mp4", moving_texture(3, SIDE, SIDE))
    evaluate(config(tmp_path / "clips", tmp_path / "x.json", length=3, selectors=("nearest",), editor="telea"))
    assert json.loads((tmp_path / "x.json").read_text())["runs"][0]["clip"] == r"a\udcff"


@pytest.mark.parametrize("kind", ["shift", "static+photometric", "freeform-moving"])
def test_masks_are_those_of_the_damaged_clip(kind):
    clip = torch.zeros(4, 3, 32, 48, dtype=torch.uint8)
    case = draw_case(clip, "a clip", 3, kind)
    assert torch.equal(draw_masks(4, (32, 48), "a clip", 3, kind), case.masks)


def test_better_methods_have_better_figures(done):
    _, report = done
    scores = [mean(report, method, "hole_psnr") for method in ("telea", "sequential", "coverage", "oracle")]
    assert scores == sorted(scores)
    assert mean(report, "coverage", "flow_recovery") > mean(report, "telea", "flow_recovery") > 0
    gain = next(r for r in report["differences"] if (r["method"], r["against"]) == ("coverage", "sequential"))
    assert gain["values"]["hole_psnr"]["mean"] == pytest.approx(scores[2] - scores[1])


def test_methods_may_repair_twice_and_look_at_more(clips, tmp_path):
    names = ("sequential", "sequential:passes=2", "sequential:contexts=3")
    evaluate(config(clips, tmp_path / "x.json", selectors=names))
    report = json.loads((tmp_path / "x.json").read_text())
    runs = {run["method"]: run for run in report["runs"] if run["clip"] == "one"}
    once, twice, more = (runs[name.replace(":", " ")] for name in names)
    damaged = [frame for frame, share in enumerate(once["hole"]) if share]
    assert [edit[0] for edit in once["edits"]] == damaged
    assert [edit[0] for edit in twice["edits"]] == damaged[::-1]
    assert (twice["looks"], more["looks"]) == (2 * once["looks"], 1.5 * once["looks"])
    assert [method["contexts"] for method in report["methods"]] == [2, 2, 3]
    assert [method["selector"] for method in report["methods"]] == list(runs)
    # Each beside what it is without that.
    pairs = [(row["method"], row["against"]) for row in report["differences"]]
    assert pairs == [(name, "sequential") for name in list(runs)[1:]]
    with pytest.raises(UserError, match=f"a clip of {FRAMES} frames"):
        evaluate(config(clips, tmp_path / "y.json", selectors=(f"sequential:contexts={FRAMES}",)))


def test_methods_may_give_texture(clips, tmp_path):
    names = ("sequential", "sequential:texture=true")
    evaluate(config(clips, tmp_path / "x.json", selectors=names, corruption=("static",)))
    report = json.loads((tmp_path / "x.json").read_text())
    plain, textured = ([r for r in report["runs"] if r["method"] == m["name"]] for m in report["methods"])
    assert [run["edits"] for run in plain] == [run["edits"] for run in textured]
    assert all(a["values"]["hole_psnr"] != b["values"]["hole_psnr"] for a, b in zip(plain, textured, strict=True))


def test_videos_show_what_was_done(done):
    folder, report = done
    assert report["media"] == "../media"
    shown = folder / "media" / "one" / "shift"
    assert {path.stem for path in shown.iterdir()} == {
        "truth", "damaged", "mask", "telea", "sequential", "coverage", "oracle"
    }  # fmt: skip
    mask = rgb_frames(shown / "mask.mp4")[..., 0] > 127
    run = next(r for r in report["runs"] if (r["clip"], r["seed"], r["corruption"]) == ("one", 0, "shift"))
    assert mask.mean((1, 2)) == pytest.approx(run["hole"], abs=0.02)
    assert rgb_frames(shown / "coverage.mp4").shape == (FRAMES, SIDE, SIDE, 3)


def without(report, method):
    """A report as it would be without one of its methods, and without videos."""
    del report["media"], report["marks"]["shared"]["media"], report["marks"]["methods"][method], report["ways"]
    for part, name in (("methods", "name"), ("runs", "method"), ("summary", "method"), ("differences", "method")):
        report[part] = [row for row in report[part] if row[name] != method]
    return report


class Stop(Exception):
    """Stands for whatever ends a process."""


def test_an_interrupted_evaluation_goes_on_as_if_it_had_not_been(done, clips, tmp_path):
    _, whole = done
    asked = config(clips, tmp_path / "x.json", seeds=2, baselines=("telea",))
    finished = 0

    def stop(frames):
        nonlocal finished
        finished += 1
        if finished == 5:
            raise Stop

    with pytest.raises(Stop):
        evaluate(asked, on_run=stop)
    kept = tmp_path / "x.json.partial"
    assert not (tmp_path / "x.json").exists()
    assert len(kept.read_text().splitlines()) == 6
    # A kill leaves half a line.
    with kept.open("a") as file:
        file.write('{"run": {"clip": "one", "va')
    notes, later = [], []
    report = evaluate(asked, on_start=later.append, on_run=later.append, on_note=notes.append)
    assert later == [FRAMES * (12 - 5), *[FRAMES] * (12 - 5)]
    assert any("5 finished runs" in note for note in notes)
    assert not kept.exists()
    assert json.dumps(timeless(report)) == json.dumps(without(timeless(whole), "oracle"))
    assert report == json.loads((tmp_path / "x.json").read_text())


def test_workers_and_order_change_nothing(done, clips, tmp_path):
    _, whole = done
    asked = config(
        clips, tmp_path / "x.json", seeds=2, corruption=("static", "shift"), selectors=("coverage",), workers=2
    )
    runs = {(r["corruption"], r["clip"], r["seed"]): r for r in timeless(evaluate(asked))["runs"]}
    for run in timeless(whole)["runs"]:
        if run["method"] == "coverage":
            assert runs[run["corruption"], run["clip"], run["seed"]] == run


class Deadly:
    """Ends the process that it is sent to."""

    def __reduce__(self):
        return os._exit, (9,)


def test_a_killed_process_is_told_in_a_line():
    tasks = [(("shift", "one", seed), ["telea"]) for seed in range(2)]
    with pytest.raises(UserError, match=r"was killed.* fewer --workers"):
        list(run_tasks(SimpleNamespace(plan=Deadly()), tasks, workers=2))


def test_runs_of_other_settings_are_not_taken_over(clips, tmp_path, capsys):
    out = tmp_path / "x.json"

    def stop(frames):
        raise Stop

    with pytest.raises(Stop):
        evaluate(config(clips, out, baselines=("telea",), selectors=()), on_run=stop)
    line = ["evaluate", "--clips", str(clips), "--out", str(out), "--selectors", "nearest", "--length", "6"]
    assert main([*line, "--size", "32", "--workers", "1"]) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("rovr: ")
    assert "other settings (size)" in told


def test_an_evaluation_grows(done, clips, tmp_path):
    """By methods, seeds and kinds of damage; what comes out is what would have come out at once."""
    _, whole = done
    out = tmp_path / "x.json"
    evaluate(config(clips, out, selectors=("coverage",), corruption=("shift",)))
    first = out.read_text()
    begun = []
    more = {"baselines": ("telea",), "seeds": 2, "extend": True}
    report = evaluate(config(clips, out, **more), on_start=begun.append)
    assert begun == [FRAMES * (12 - 2)]
    assert json.dumps(timeless(report)) == json.dumps(without(timeless(whole), "oracle"))
    assert not list(tmp_path.glob("*.partial*"))
    # Nothing that is there gets lost, and an output is only added to by what goes with it.
    with pytest.raises(UserError, match="would not have"):
        evaluate(config(clips, out, selectors=("coverage",), extend=True))
    with pytest.raises(UserError, match=r"other settings \(contexts\)"):
        evaluate(config(clips, out, contexts=1, **more))
    with pytest.raises(UserError, match="pass --extend"):
        evaluate(config(clips, out))
    assert json.loads(out.read_text()) == report
    old = json.loads(first)
    run, *others = old["runs"]
    lacking = [{key: value for key, value in run.items() if key != lost} for lost in ("values", "hole", "edits")]
    damaged = [
        *lacking,
        {**run, "hole": []},
        *({**run, "values": {"hole_psnr": value}} for value in ("x", math.nan, 10**400)),
        {**run, "edits": [[0]]},
    ]
    for text in (
        "no JSON",
        "[]",
        '{"runs": []}',
        json.dumps({**old, "marks": 1}),
        *(json.dumps({**old, "runs": [one, *others]}) for one in damaged),
    ):
        out.write_text(text)
        with pytest.raises(UserError, match="no evaluation that can be added to"):
            evaluate(config(clips, out, **more))
        assert out.read_text() == text
        # What is refused must not stand in the way of the right command.
        assert not list(tmp_path.glob("*.partial*"))


def test_names_that_would_share_their_videos_are_refused(tmp_path):
    for seed, name in enumerate(("a b", "a_b")):
        (tmp_path / "clips").mkdir(exist_ok=True)
        write_video(tmp_path / "clips" / f"{name}.mp4", moving_texture(6, SIDE, SIDE, seed))
    asked = config(tmp_path / "clips", tmp_path / "x.json", media=tmp_path / "media")
    with pytest.raises(UserError, match="clips 'a b' and 'a_b' would share a file"):
        evaluate(asked)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clips"]
    for names in (("truth", "x", "truth"), ("runs/x", "runs_x")):
        with pytest.raises(UserError, match=r"methods .* would share a file"):
            check_names("methods", names)
    check_names("methods", ("truth", "sequential", "coverage alpha=1"))


def test_finished_runs_that_are_damaged_are_not_taken_over(done, tmp_path):
    _, whole = done
    path = tmp_path / "x.json.partial"
    entries = [{"marks": whole["marks"]}, {"run": whole["runs"][0], "commit": ""}, [1], {"run": {"corruption": 1}}]
    path.write_text("".join(f"{json.dumps(entry)}\n" for entry in entries))
    with closing(Ledger(path, whole["marks"])) as ledger:
        with pytest.raises(UserError, match="in the hands of another rovr evaluate"):
            Ledger(path, whole["marks"])
        assert list(ledger.runs.values()) == whole["runs"][:1]
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="holds no runs"):
        Ledger(path, whole["marks"])


def test_seconds_of_another_clock_are_not_passed_off_as_those_of_the_processor(done, tmp_path):
    _, whole = done
    for name, clock in (("new", "processor"), ("old", "")):
        (tmp_path / name).write_text(
            json.dumps({key: value for key, value in whole.items() if clock or key != "clock"})
        )
        asked = {key_of(run) for run in whole["runs"]}
        with closing(Ledger(tmp_path / f"{name}.partial", whole["marks"], tmp_path / name, asked)) as ledger:
            assert ledger.clock == clock


def test_what_measured_runs_is_still_said_of_them_where_others_are_added(clips, tmp_path, monkeypatch):
    """Whether a file grows or is gone on with: on another machine, the new runs alone are that machine's."""
    asked = config(clips, tmp_path / "x.json", selectors=("sequential",))
    first = evaluate(asked)

    def stop(frames):
        raise Stop

    monkeypatch.setattr(running, "machine", lambda threads: {"cpu": "another", "cores": 1})
    monkeypatch.setattr(gauging, "load_flow", lambda *_: Renamed())
    more = config(clips, tmp_path / "x.json", extend=True)
    with pytest.raises(Stop):
        evaluate(more, on_run=stop)
    monkeypatch.undo()
    report = evaluate(more)
    assert set(report["machine"].split("; ")) == {described(first["machine"]), "another, 1 cores"}
    assert report["clock"] == ""
    by = report["metrics"]["warp_error"]["by"]
    assert set(by.split(" / ")) == {"dis flow of the truth", "renamed flow of the truth"}
    assert report["metrics"]["psnr"] == first["metrics"]["psnr"]
    # It may grow further, and says the same.
    assert (
        evaluate(config(clips, tmp_path / "x.json", baselines=("telea",), extend=True))["metrics"] == report["metrics"]
    )


class Renamed(DIS):
    """Measures as the other does."""

    def __init__(self):
        super().__init__()
        self.name = "renamed"


def test_the_davis_protocol_takes_whole_clips(clips, tmp_path, monkeypatch):
    monkeypatch.setitem(running.settle.__globals__["PROTOCOLS"]["davis"], "size", (72, 80))
    notes = []
    report = evaluate(
        EvaluateConfig(clips=clips, out=tmp_path / "d.json", protocol="davis", selectors=("nearest",), workers=1),
        on_note=notes.append,
    )
    protocol = report["protocol"]
    assert (protocol["length"], protocol["size"], protocol["clips"]) == (None, [72, 80], ["one", "short", "two"])
    assert {len(run["hole"]) for run in report["runs"]} == {3, 6, 8}
    assert protocol["corruptions"] == ["freeform-moving", "freeform-stationary"]
    assert protocol["caveat"] in notes
    assert report["metrics"]["frame_ssim"]["by"].startswith("uniform window of 65")
    for run in report["runs"]:
        assert 0 < run["values"]["frame_ssim"] < 1
    # Frames count the same, whichever clip they are of.
    runs = [run for run in report["runs"] if run["corruption"] == "freeform-moving"]
    weights = [len(run["hole"]) for run in runs]
    pooled = sum(w * run["values"]["frame_psnr"] for w, run in zip(weights, runs, strict=True)) / sum(weights)
    assert report["summary"][0]["values"]["frame_psnr"]["mean"] == pytest.approx(pooled)


def test_long_clips_are_repaired_block_by_block(clips, monkeypatch):
    asked = config(clips, clips / "x.json", selectors=("coverage",), baselines=("telea",))
    plan = make_plan(asked, settle(asked), ["one"], [FRAMES])
    bench = Bench(plan)
    scene = bench.scene("shift", "one", 0)
    whole = bench.run(scene, "coverage")
    monkeypatch.setattr("rovr.restorer.block_size", lambda *args: (2, 1))
    blocks = bench.run(scene, "coverage")
    assert [frame for frame, _ in blocks["edits"]] == [frame for frame, _ in whole["edits"]]
    # No block holds more than one frame before and one after the two that it repairs.
    assert all(abs(frame - c) <= 2 for frame, contexts in blocks["edits"] for c in contexts)
    assert any(abs(frame - c) > 2 for frame, contexts in whole["edits"] for c in contexts)


def test_whoever_touches_a_known_pixel_is_found_out(clips):
    asked = config(clips, clips / "x.json", selectors=(), baselines=("telea",))
    bench = Bench(make_plan(asked, settle(asked), ["one"], [FRAMES]))
    scene = bench.scene("shift", "one", 0)
    honest = bench._repair

    def careless(*args):
        repaired, *rest = honest(*args)
        repaired[0, 0, 0, 0] ^= 1
        assert not scene.case.masks[0, 0, 0, 0]
        return repaired, *rest

    bench._repair = careless
    with pytest.raises(RuntimeError, match="not missing"):
        bench.run(scene, "telea")


def test_perceptual_metrics_and_vfid_by_path(clips, tmp_path, monkeypatch):
    """The networks stand in for those of users, who bring weights."""

    class Judge(Perceptual):
        key, label, by = "lpips", "LPIPS", "made up"

        def distance(self, images, truth):
            return (images - truth).abs().mean((1, 2, 3))

    monkeypatch.setattr("rovr.evaluate.gauge.load_perceptual", lambda name, device: Judge())
    monkeypatch.setattr("rovr.evaluate.gauge.load_i3d", lambda name, device: lambda clip: clip.mean((2, 3, 4)))
    folder = shutil.copytree(clips, tmp_path / "clips")
    write_video(folder / "three.mp4", moving_texture(FRAMES, SIDE, SIDE, 7), options={"crf": "10"})
    report = evaluate(config(folder, tmp_path / "x.json", baselines=("telea",), seeds=2))
    assert report["metrics"]["lpips"] == {"label": "LPIPS", "unit": "", "better": "lower", "by": "made up"}
    assert mean(report, "coverage", "lpips") < mean(report, "telea", "lpips")
    assert mean(report, "coverage", "vfid") < mean(report, "telea", "vfid")
    assert all(run["values"]["vfid"] is None and "features" not in run for run in report["runs"])


def call(clips, out, *more):
    tiny = ["--length", "6", "--size", "64", "--workers", "1", "--selectors", "nearest"]
    return ["evaluate", "--clips", str(clips), "--out", str(out), *tiny, *more]


def test_the_command_prints_a_table(clips, tmp_path, capsys):
    out = tmp_path / "deep" / "x.json"
    assert main([*call(clips, out), "--baselines", "telea"]) == 0
    told = capsys.readouterr()
    assert "short" in told.err
    assert f"{out}: 4 runs" in told.err
    lines = told.out.splitlines()
    assert lines[0] == "shift, 2 runs a method: mean; fewer than 5 clips give no interval"
    table = lines[2:5]
    assert table[0].startswith("method   hole-PSNR, dB")
    value = json.loads(out.read_text())["summary"][1]["values"]["hole_psnr"]
    assert f"  {value['mean']:.2f}  " in table[2]
    assert "[" not in told.out
    starts = {
        line.index(cell)
        for line, cell in zip(table, ("hole-PSNR", f"{table[1].split()[1]}", table[2].split()[1]), strict=True)
    }
    assert len(starts) == 1
    assert main(call(clips, out)) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([*call(clips, out), "--overwrite", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert main([*call(clips, out), "--overwrite", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"summary", "differences"}


def test_intervals_are_printed_for_five_clips_or_more(done):
    _, report = done
    value = report["summary"][0]["values"]["hole_psnr"]
    many = {**report, "protocol": {**report["protocol"], "clips": list("abcde")}}
    told = tables(many)
    assert told.startswith("shift, 4 runs a method: mean and 95 % interval")
    assert f"{value['mean']:.2f} [{value['low']:.2f}, {value['high']:.2f}]" in told


def test_an_interruption_says_how_to_go_on(clips, tmp_path, capsys, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(Bench, "run", interrupted)
    with pytest.raises(SystemExit) as leaving:
        main(call(clips, tmp_path / "x.json"))
    assert leaving.value.code == 130
    assert "the same command goes on" in capsys.readouterr().err


def test_a_full_disk_is_told_in_one_line_and_holds_nobody_up(clips, tmp_path, capsys, monkeypatch):
    class Full:
        def write(self, text=""):
            raise OSError(errno.ENOSPC, "No space left on device")

        # What could not be written is tried once more.
        close = write

    def add(self, run, commit):
        self._file = Full()
        self._file.write()

    monkeypatch.setattr(Ledger, "add", add)
    assert main(call(clips, tmp_path / "x.json")) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line == f"rovr: The disk ran full while writing {tmp_path / 'x.json'}; free some space and run again."
    assert [path.name for path in tmp_path.iterdir()] == ["x.json.partial"]


def test_mistakes_leave_with_2_and_one_line(clips, tmp_path, capsys):
    empty, file = tmp_path / "empty", tmp_path / "file"
    empty.mkdir()
    file.write_text("in the way")
    weights = tmp_path / "weights.safetensors"
    weights.write_text("none")
    out = tmp_path / "x.json"
    for line, says in [
        (call(clips, out, "--selectors", "clairvoyant"), "clairvoyant"),
        (call(clips, out, "--selectors", "coverage:beta=1"), "no option beta"),
        (call(clips, out, "--selectors", str(tmp_path / "no.safetensors")), "no.safetensors"),
        (call(clips, out, "--baselines", "brush"), "brush"),
        (call(clips, out, "--weights", str(weights)), "weights.safetensors"),
        (call(clips, out, "--corruption", "rust"), "rust"),
        (call(clips, out, "--length", "99"), "longest has 8"),
        (call(clips, out, "--perceptual", str(weights)), "VGG-16"),
        (call(clips, out, "--i3d", str(tmp_path / "no.pt")), "no.pt"),
        (
            call(clips, out, "--flow", "raft_small", "--flow-weights", str(tmp_path / "no.safetensors")),
            "no.safetensors",
        ),
        (call(clips, out, "--device", "tpu"), "tpu"),
        (call(clips, out, "--media", str(file)), str(file)),
        (call(empty, out), "no videos"),
        (call(tmp_path / "missing", out), "missing"),
        (call(clips, empty), "is a folder"),
        (call(clips, file / "x.json"), "x.json"),
    ]:
        assert main(line) == 2, line
        told = capsys.readouterr()
        assert told.out == ""
        mistakes = [text for text in told.err.splitlines() if text.startswith("rovr: ")]
        assert len(mistakes) == 1
        assert told.err.splitlines()[-1] == mistakes[0]
        assert says in mistakes[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file", "weights.safetensors"]


def test_two_videos_of_one_name_are_refused(clips, tmp_path, capsys):
    for name in ("one.mp4", "one.mkv"):
        shutil.copy(clips / "one.mp4", tmp_path / name)
    assert main(call(tmp_path, tmp_path / "x.json")) == 2
    assert "rename one" in capsys.readouterr().err


def test_no_figure_is_made_up(done):
    _, report = done
    numbers = [value for run in report["runs"] for value in run["values"].values() if value is not None]
    assert all(math.isfinite(number) for number in numbers)
    assert torch.tensor(numbers).isfinite().all()
