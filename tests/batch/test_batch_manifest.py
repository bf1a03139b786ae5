import json

import pytest

from rovr.batch.manifest import Manifest
from rovr.batch.task import Options, Outcome, Task, Tools, settings_of
from rovr.errors import UserError

MADE = {"seed": 0, "size": (1, 2)}
FINE = Outcome(report={"frames": 3, "bytes": 4})


@pytest.fixture
def task(tmp_path):
    return Task(tmp_path / "in.mp4", tmp_path / "out" / "a.mp4")


@pytest.fixture
def manifest(tmp_path):
    made = Manifest(tmp_path / "out")
    yield made
    made.close()


def again(manifest):
    manifest.close()
    return Manifest(manifest.outdir)


def test_done_is_remembered(manifest, task):
    assert manifest.done(task, MADE) is None
    manifest.begin(task, MADE)
    assert manifest.begun(task, MADE)
    task.output.write_bytes(b"1234")
    manifest.end(task, MADE, FINE, 1)
    later = again(manifest)
    assert later.done(task, MADE)["frames"] == 3
    assert not later.begun(task, MADE)
    assert [json.loads(line)["status"] for line in later.path.read_text().splitlines()] == ["begun", "done"]
    later.close()


def test_done_is_what_is_still_there_and_made_alike(manifest, task):
    task.output.write_bytes(b"1234")
    manifest.end(task, MADE, FINE, 1)
    assert manifest.done(task, MADE)
    assert manifest.done(task, {**MADE, "seed": 1}) is None
    task.output.write_bytes(b"123")
    assert manifest.done(task, MADE) is None
    task.output.unlink()
    assert manifest.done(task, MADE) is None


def test_an_attempt_that_was_refused_leaves_what_was_done(manifest, task):
    task.output.write_bytes(b"1234")
    manifest.end(task, MADE, FINE, 1)
    other = {**MADE, "seed": 1}
    manifest.end(task, other, Outcome("user", "it exists already"), 1)
    later = again(manifest)
    assert later.done(task, MADE)["frames"] == 3
    assert later.done(task, other) is None
    # One that was begun has perhaps replaced it.
    later.begin(task, other)
    later.end(task, other, Outcome("passing", "gone"), 1)
    last = again(later)
    assert last.done(task, MADE) is None
    last.close()


def test_failures_say_why(manifest, task):
    task.output.write_bytes(b"1234")
    entry = manifest.end(task, MADE, Outcome("user", "no mask"), 2)
    assert (entry["status"], entry["fault"], entry["reason"], entry["attempts"]) == ("failed", "user", "no mask", 2)
    assert manifest.done(task, MADE) is None


def test_half_a_line_is_cut_off(manifest, task, tmp_path):
    task.output.write_bytes(b"1234")
    manifest.end(task, MADE, FINE, 1)
    other = Task(tmp_path / "in.mp4", tmp_path / "out" / "b.mp4")
    manifest.close()
    whole = manifest.path.read_text()
    manifest.path.write_text(whole + 'rubbish\n{"output": "b.mp4", "sta')
    later = Manifest(tmp_path / "out")
    assert later.done(task, MADE)
    later.begin(other, MADE)
    later.close()
    lines = manifest.path.read_text().splitlines()
    assert lines[0] + "\n" == whole
    assert json.loads(lines[2])["status"] == "begun"


def test_the_folder_may_move(manifest, task, tmp_path):
    task.output.write_bytes(b"1234")
    manifest.end(task, MADE, FINE, 1)
    manifest.close()
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    later = Manifest(tmp_path / "elsewhere")
    assert later.done(Task(task.input, tmp_path / "elsewhere" / "a.mp4"), MADE)
    later.close()


def test_one_run_at_a_time(manifest):
    with pytest.raises(UserError, match="Another run is at work"):
        Manifest(manifest.outdir)
    again(manifest).close()


def test_folders_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="Nothing can be written"):
        Manifest(tmp_path / "file")


def test_settings_change_with_whatever_the_output_depends_on(tmp_path):
    path = tmp_path / "in.mp4"
    path.write_bytes(b"1")
    task, tools = Task(path, tmp_path / "a.mp4"), Tools()
    before = settings_of(task, tools)
    assert settings_of(task, Tools(device="cpu")) == before
    assert settings_of(Task(path, tmp_path / "b.mp4"), tools) == before
    assert settings_of(task, Tools(contexts=3)) != before
    assert settings_of(Task(path, task.output, options=Options(seed=1)), tools) != before
    assert settings_of(Task(path, task.output, options=Options(grain=True)), tools) != before
    assert settings_of(Task(path, task.output, options=Options(fields="yes")), tools) != before
    assert settings_of(Task(path, task.output, options=Options(max_pixels=99)), tools) == before
    assert settings_of(task, Tools(cuts=False)) != before
    path.write_bytes(b"12")
    assert settings_of(task, tools) != before


@pytest.mark.parametrize("part", ["editor", "selector", "weights"])
def test_what_was_trained_anew_under_the_same_name_is_another_setting(tmp_path, part):
    folder = tmp_path / "model"
    folder.mkdir()
    file = folder / "agent.safetensors"
    file.write_bytes(b"1")
    task = Task(tmp_path / "in.mp4", tmp_path / "out.mp4")
    tools = Tools(**{part: {"editor": str(folder), "selector": str(file), "weights": file}[part]})
    before = settings_of(task, tools)
    assert settings_of(task, tools) == before
    file.write_bytes(b"12")
    assert settings_of(task, tools) != before


def test_of_a_run_that_never_began_nothing_stays(tmp_path):
    Manifest(tmp_path / "out").close()
    assert not list((tmp_path / "out").iterdir())
