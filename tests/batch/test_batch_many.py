"""Real videos, in this process and in others that are killed."""

import contextlib
import errno
import json
import os
import resource
import signal
import subprocess
import time
from dataclasses import replace

import numpy as np
import pytest
from conftest import moving_texture, write_video
from forked import Forked

import rovr
from rovr.batch.local import Processes
from rovr.batch.run import BatchSummary, Listener, restore_many
from rovr.batch.task import Options, Task, Tools
from rovr.batch.work import repair_one
from rovr.cli import main

TOOLS = Tools(editor="telea", selector="nearest", device="cpu")
FAST = ["--editor", "telea", "--selector", "nearest", "--device", "cpu"]
BOX = "8,8,20,20"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    for index, name in enumerate("abc"):
        write_video(tmp_path / "in" / f"{name}.mp4", moving_texture(6, 48, 64, seed=index))
    return tmp_path


def write_long(path):
    """A video that takes a while."""
    noise = np.random.default_rng(0).integers(0, 256, (300, 96, 128, 3), dtype=np.uint8)
    write_video(path, noise, options={"preset": "ultrafast"})


def spoil(folder):
    (folder / "in" / "b.mp4").write_bytes(b"no video")


def manifest(folder):
    return [json.loads(line) for line in (folder / "out" / "manifest.jsonl").read_text().splitlines()]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_options_of_one_are_those_of_many(folder, monkeypatch):
    given = {}

    def note(source, outdir, **options):
        given.update(options)
        return BatchSummary(str(outdir))

    monkeypatch.setattr("rovr.batch.run.restore_many", note)
    args = ["restore-many", str(folder / "in"), "-o", str(folder / "out"), "--quiet"]
    assert main(args) == 0
    assert (given["options"], given["tools"]) == (Options(), Tools())
    assert main([*args, "--grain", "--fields", "no", "--provenance", "--one-scene", "--max-pixels", "99"]) == 0
    assert given["options"] == Options(grain=True, fields="no", provenance=True, max_pixels=99)
    assert given["tools"] == Tools(cuts=False)


def test_the_options_of_many_do_what_those_of_one_do(folder):
    call = {"boxes": [BOX], "tools": replace(TOOLS, cuts=False)}
    refused = restore_many(folder / "in", folder / "out", options=Options(max_pixels=100), **call)
    assert refused.failed == 3
    assert "more than 100 pixels" in refused.files[0]["reason"]
    call["options"] = Options(grain=True, provenance=True)
    assert restore_many(folder / "in", folder / "out", **call).done == 3
    restorer = call["tools"].load()
    given = {"boxes": [BOX], "grain": True, "provenance": folder / "a.npz", "restorer": restorer}
    rovr.restore_video(folder / "in" / "a.mp4", None, folder / "a.mp4", **given)
    for name in ("a.mp4", "a.npz", "a.provenance.mp4"):
        assert (folder / name).read_bytes() == (folder / "out" / name).read_bytes()
    # It is done while all of it is there.
    (folder / "out" / "b.npz").unlink()
    (folder / "out" / "c.provenance.mp4").unlink()
    again = restore_many(folder / "in", folder / "out", **call)
    assert (again.done, again.skipped) == (2, 1)
    assert (folder / "out" / "b.npz").exists()
    # Removed to be made again, the output is, whatever was left beside it; but not where somebody else has put another.
    (folder / "out" / "a.mp4").unlink()
    (folder / "out" / "b.mp4").write_text("mine")
    again = restore_many(folder / "in", folder / "out", **call)
    assert (again.done, again.skipped, again.failed) == (1, 1, 1)
    assert (folder / "out" / "b.mp4").read_text() == "mine"


def test_files_of_others_are_not_taken_for_provenance(folder):
    (folder / "out").mkdir()
    (folder / "out" / "a.npz").write_text("mine")
    summary = rovr.restore_many(
        folder / "in", folder / "out", boxes=[BOX], tools=TOOLS, options=Options(provenance=True)
    )
    assert (summary.done, summary.failed) == (2, 1)
    assert (folder / "out" / "a.npz").read_text() == "mine"
    assert "a.npz exists already" in summary.files[0]["reason"]


def test_a_full_disk_is_nobody_s_passing_fault(folder):
    """A limit on the size of files stands in for a disk that fills up."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for room in (0, 900, 4000):
        (folder / "out").mkdir(exist_ok=True)
        (folder / "out" / "manifest.jsonl").write_text("")
        task = Task(folder / "in" / "a.mp4", folder / "out" / "a.mp4", boxes=(BOX,))
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        try:
            outcome = repair_one(task, TOOLS.load(), False, lambda share: None)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert (outcome.fault, "disk takes no larger file" in outcome.reason) == ("user", True), outcome
        assert "Errno" not in outcome.reason
        assert "a.mp4" in outcome.reason
    signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_of_the_provenance_is_called_by_its_name(folder, monkeypatch):
    def fail(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("rovr.provenance.file.TraceWriter.add", fail)
    task = Task(folder / "in" / "a.mp4", folder / "a.mp4", boxes=(BOX,), options=Options(provenance=True))
    outcome = repair_one(task, TOOLS.load(), False, lambda share: None)
    assert outcome.fault == "user"
    assert f"writing {folder / 'a.npz'}" in outcome.reason
    assert not [name for name in names(folder) if name.startswith(("a.", ".a.partial"))]


def test_one_bad_file_does_not_stop_the_others(folder):
    spoil(folder)
    summary = rovr.restore_many(folder / "in", folder / "out", boxes=[BOX], tools=TOOLS)
    assert (summary.done, summary.failed, summary.fault) == (2, 1, "user")
    assert names(folder / "out") == ["a.mp4", "c.mp4", "manifest.jsonl"]
    assert summary.files[1]["attempts"] == 1
    rovr.restore_video(folder / "in" / "c.mp4", None, folder / "c.mp4", boxes=[BOX], restorer=TOOLS.load())
    assert (folder / "c.mp4").read_bytes() == (folder / "out" / "c.mp4").read_bytes()
    for entry in (summary.files[0], summary.files[2]):
        digest = subprocess.run(
            ["sha256sum", folder / "out" / entry["output"]], capture_output=True, text=True, check=False
        )
        assert digest.returncode or digest.stdout.split()[0] == entry["sha256"]
        assert (entry["frames"], entry["repaired"]) == (6, 6)


def test_our_faults_are_told_apart(folder, monkeypatch):
    def fail(*args, **kwargs):
        raise ZeroDivisionError("sorry")

    monkeypatch.setattr("rovr.batch.work.restore_video", fail)
    summary = restore_many(folder / "in", folder / "out", boxes=[BOX], tools=TOOLS)
    assert (summary.failed, summary.fault) == (3, "ours")
    assert summary.files[0]["reason"] == "internal error, ZeroDivisionError: sorry"
    assert "Traceback" in summary.files[0]["details"]
    assert summary.files[0]["attempts"] == 1


def test_a_drive_that_was_away_is_tried_again(folder, monkeypatch):
    from rovr.batch import work

    real, calls = work.restore_video, []

    def fail(*args, **kwargs):
        calls.append(args[0].name)
        if calls.count("a.mp4") == 1 and args[0].name == "a.mp4":
            raise TimeoutError("drive asleep")
        return real(*args, **kwargs)

    monkeypatch.setattr("rovr.batch.work.restore_video", fail)
    summary = restore_many(folder / "in", folder / "out", boxes=[BOX], tools=TOOLS)
    assert calls == ["a.mp4", "b.mp4", "c.mp4", "a.mp4"]
    assert summary.done == 3


def test_a_file_that_may_not_be_used_is_the_users_matter(folder, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied", str(args[0]))

    monkeypatch.setattr("rovr.batch.work.restore_video", refuse)
    monkeypatch.setattr("rovr.batch.task.stamp", refuse)
    summary = restore_many(folder / "in", folder / "out", boxes=[BOX], tools=TOOLS)
    assert (summary.failed, summary.fault) == (3, "user")
    assert "a.mp4 may not be read or written; check its permissions." in summary.files[0]["reason"]
    assert summary.files[0]["attempts"] == 1


def test_a_journal_of_other_settings_is_thrown_away(folder):
    journal = folder / "out" / ".a.mp4.journal"
    journal.mkdir(parents=True)
    (journal / "job.json").write_text('{"--seed": 5}')
    (journal / "00000000-5.npz").touch()
    assert restore_many(folder / "in", folder / "out", boxes=[BOX], tools=TOOLS).done == 3
    assert ".a.mp4.journal" not in names(folder / "out")


@pytest.mark.timeout(600)
def test_a_killed_process_harms_nobody(folder):
    class Killer(Listener):
        killed: list = []  # noqa: RUF012 - one test, one list
        again_: list = []  # noqa: RUF012

        def share(self, task, share):
            if task.input.stem == "a" and not self.killed:
                worker = next(worker for worker in pool._workers if worker.key is task)
                self.killed.append(worker.process.pid)
                os.kill(worker.process.pid, signal.SIGKILL)

        def again(self, task, reason):
            self.again_.append((task.input.stem, reason))

    write_long(folder / "in" / "a.mp4")
    listener = Killer()
    pool = Processes(2, TOOLS, listener.share)
    summary = restore_many(folder / "in", folder / "out", boxes=[BOX], tools=TOOLS, pool=pool, listener=listener)
    assert listener.again_ == [("a", "its process was killed (SIGKILL)")]
    assert (summary.done, summary.failed) == (3, 0)
    assert [entry["attempts"] for entry in summary.files] == [2, 1, 1]
    assert names(folder / "out") == ["a.mp4", "b.mp4", "c.mp4", "manifest.jsonl"]
    assert not pool._workers


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (["--passes", "0"], "0 passes"),
        (["--contexts", "0"], "0 contexts"),
        (["--editor", "nonsense"], "no editor is called 'nonsense'"),
        (["--selector", "nonsense"], "no selector is called 'nonsense'"),
        (["--device", "tpu"], "no device called 'tpu'"),
    ],
)
def test_tools_that_do_not_exist_are_refused_before_anything_is_written(folder, capsys, wrong, says):
    args = ["restore-many", str(folder / "in"), "-o", str(folder / "out"), "--box", BOX, *FAST, *wrong]
    assert main(args) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line
    assert not (folder / "out").exists()


def test_tools_that_cannot_be_loaded_are_the_users_matter(folder, capsys):
    command = ["restore-many", str(folder / "in"), "-o", str(folder / "out"), "--box", BOX]
    assert main([*command, "--weights", "none.safetensors"]) == 2
    assert "weights file none.safetensors does not exist" in capsys.readouterr().err


@pytest.mark.timeout(600)
def test_command_line(folder, capsys):
    spoil(folder)
    command = ["restore-many", str(folder / "in"), "-o", str(folder / "out"), "--box", BOX, *FAST]
    assert main([*command, "--json"]) == 2
    told = capsys.readouterr()
    assert json.loads(told.out)["done"] == 2
    assert "[2/3]" in told.err
    assert "b.mp4 failed: " in told.err
    assert told.err.splitlines()[-1].startswith("rovr: 1 of 3 videos failed")
    before = (folder / "out" / "a.mp4").stat().st_mtime_ns
    write_video(folder / "in" / "b.mp4", moving_texture(6))
    assert main(command) == 0
    told = capsys.readouterr().err
    assert "2 of 3 videos are done already" in told
    assert "1 repaired, 2 done before, 0 failed" in told
    assert (folder / "out" / "a.mp4").stat().st_mtime_ns == before
    assert main([*command, "--quiet"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_interrupted_runs_go_on(folder, number):
    write_long(folder / "in" / "b.mp4")
    process = Forked("restore-many", str(folder / "in"), "-o", str(folder / "out"), "--box", BOX, *FAST)
    journal = folder / "out" / ".b.mp4.journal"
    while process.poll() is None and not list(journal.glob("*.npz")):
        time.sleep(0.005)
    process.send_signal(number)
    told = process.communicate()[1]
    assert process.returncode == (130 if number == signal.SIGINT else -number), told
    assert ("the same command goes on" in told) == (number == signal.SIGINT)
    assert [(entry["output"], entry["status"]) for entry in manifest(folder)] == [
        ("a.mp4", "begun"), ("a.mp4", "done"), ("b.mp4", "begun")
    ]  # fmt: skip
    # Processes that lost their parent leave at once.
    for _ in range(1000):
        with contextlib.suppress(rovr.UserError):
            summary = restore_many(folder / "in", folder / "out", boxes=[BOX], tools=TOOLS)
            break
        time.sleep(0.01)
    assert (summary.done, summary.skipped, summary.failed) == (2, 1, 0)
    assert any("Going on from" in note for note in summary.files[1]["notes"])
    assert names(folder / "out") == ["a.mp4", "b.mp4", "c.mp4", "manifest.jsonl"]
