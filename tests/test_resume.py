"""A killed repair goes on, and ends as if nothing had happened."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
import torch
from conftest import moving_texture, rgb_frames, write_video
from forked import Forked

from rovr.cli import main
from rovr.editor.base import Editor, Prepared, Repair, paste
from rovr.errors import UserError
from rovr.files import Lock, is_alive, write_whole
from rovr.restore import Restorer, restore_video
from rovr.resume import OtherJob
from rovr.select.rules import Random
from rovr.video.outfile import sweep

FAST = ["--editor", "telea", "--selector", "random", "--device", "cpu"]


class Mean(Editor):
    """Fills with the mean of the contexts, so that whoever was chosen shows; breaks off after some edits."""

    name = "mean"

    def __init__(self, last=None, error=RuntimeError):
        self.calls, self.stop, self.fault = 0, last, error

    def prepare(self, frame, doubt):
        return Prepared(frame, doubt)

    def edit(self, target, mask, contexts):
        if self.calls == self.stop:
            raise self.fault("broken off")
        self.calls += 1
        filled = torch.stack([c.frame for c in contexts]).mean(0)
        return Repair(paste(target.frame, filled, mask), mask * torch.stack([c.doubt for c in contexts]).mean(0))


def repair(path, out, *, last=None, resume=True, mask=None, boxes=("10,10,30,20",), error=RuntimeError, **options):
    """Repair 31 frames in blocks of 5; the editor's calls, what was said, and the summary."""
    editor, notes = Mean(last, error), []
    restorer = Restorer(editor, Random(), window=5, margin=2)
    options = {"boxes": boxes, "on_note": notes.append, **options}
    try:
        return editor.calls, notes, restore_video(path, mask, out, restorer=restorer, resume=resume, **options)
    except error:
        return editor.calls, notes, None
    finally:
        repair.calls = editor.calls


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def entries(out):
    return sorted((out.parent / f".{out.name}.journal").glob("*.npz"))


@pytest.fixture
def path(video):
    return video("in.mp4", count=31)


@pytest.fixture
def truth(path, tmp_path):
    """The output of a run that nothing came in the way of."""
    repair(path, tmp_path / "truth.mp4", resume=False)
    data = (tmp_path / "truth.mp4").read_bytes()
    (tmp_path / "truth.mp4").unlink()
    return data


@pytest.mark.parametrize("last", [0, 1, 5, 13, 30])
def test_goes_on_where_it_broke_off(path, tmp_path, truth, last):
    out = tmp_path / "out.mp4"
    repair(path, out, last=last)
    # The last six frames are one block.
    blocks = min(last // 5, 5)
    assert len(entries(out)) == blocks
    assert names(tmp_path) == ([".out.mp4.journal"] if blocks else []) + ["in.mp4"]
    _, notes, summary = repair(path, out)
    assert repair.calls == 31 - 5 * blocks
    assert summary.resumed == 5 * blocks
    assert summary.repaired == 31
    assert ("Going on" in " ".join(notes)) == (blocks > 0)
    assert out.read_bytes() == truth
    assert names(tmp_path) == ["in.mp4", "out.mp4"]


def test_several_times_in_a_row(path, tmp_path, truth):
    out = tmp_path / "out.mp4"
    for _ in range(4):
        repair(path, out, last=7, error=KeyboardInterrupt)
    repair(path, out)
    assert repair.calls == 11
    assert out.read_bytes() == truth


def test_chance_matters_here(path, tmp_path, truth):
    repair(path, tmp_path / "out.mp4", resume=False, seed=1)
    assert (tmp_path / "out.mp4").read_bytes() != truth


def test_ticks_and_edits_are_those_of_a_whole_run(path, tmp_path):
    out, ticks = tmp_path / "out.mp4", []
    repair(path, out, last=12)
    repair(path, out, on_frame=lambda: ticks.append(1))
    assert len(ticks) == 31


def test_without_resume_nothing_is_kept(path, tmp_path):
    repair(path, tmp_path / "out.mp4", last=12, resume=False)
    assert names(tmp_path) == ["in.mp4"]
    repair(path, tmp_path / "out.mp4", last=12)
    kept = entries(tmp_path / "out.mp4")
    repair(path, tmp_path / "out.mp4", resume=False)
    assert repair.calls == 31
    assert entries(tmp_path / "out.mp4") == kept


def test_folders(path, tmp_path):
    (tmp_path / "masks").mkdir()
    for index in range(31):
        mask = np.zeros((48, 64), np.uint8)
        mask[10:20, index : index + 9] = 255 * (index % 4 != 1)
        cv2.imwrite(str(tmp_path / "masks" / f"{index}.png"), mask)
    given = {"mask": tmp_path / "masks", "boxes": ()}
    repair(path, tmp_path / "truth", resume=False, **given)
    repair(path, tmp_path / "out", last=9, **given)
    assert entries(tmp_path / "out")
    _, _, summary = repair(path, tmp_path / "out", **given)
    assert 0 < summary.resumed < 9
    np.testing.assert_array_equal(rgb_frames(tmp_path / "out"), rgb_frames(tmp_path / "truth"))
    (tmp_path / "masks" / "30.png").touch()
    repair(path, tmp_path / "out2", last=9, **given)
    os.utime(tmp_path / "masks" / "30.png", (1, 1))
    with pytest.raises(OtherJob, match="the mask changed"):
        repair(path, tmp_path / "out2", **given)


@pytest.mark.skipif(sys.platform != "linux", reason="file systems of other machines have no such names")
def test_pictures_whose_names_are_no_text(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for index, frame in enumerate(moving_texture(3)):
        picture = cv2.imencode(".png", frame)[1].tobytes()
        (folder / f"\udce9{index}.png").write_bytes(picture)
    assert repair(folder, tmp_path / "out.mkv")[2].repaired == 3


def test_a_journal_that_cannot_be_had_is_named(path, tmp_path):
    (tmp_path / ".out.mp4.journal").touch()
    with pytest.raises(UserError, match=r"written in .*\.out\.mp4\.journal \(File exists\)"):
        repair(path, tmp_path / "out.mp4")


def test_an_output_within_the_folder_that_is_read(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for index, frame in enumerate(moving_texture(31)):
        cv2.imwrite(str(folder / f"{index:02}.png"), frame)
    repair(folder, folder / "out.mkv", last=9)
    (folder / "notes.txt").symlink_to("nowhere")
    _, _, summary = repair(folder, folder / "out.mkv")
    assert 0 < summary.resumed < 9
    repair(folder, folder / "out2.mkv", last=9)
    shutil.copy(folder / "00.png", folder / "30.png")
    with pytest.raises(OtherJob, match="the input changed"):
        repair(folder, folder / "out2.mkv")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seed": 1}, "--seed was 0 and is 1"),
        ({"dilate": 2}, "--dilate was 0 and is 2"),
        ({"boxes": ("10,10,30,21",)}, "--box changed"),
        ({"crf": 30}, "--crf was 18 and is 30"),
    ],
)
def test_blocks_of_another_job_are_refused(path, tmp_path, truth, change, says):
    out = tmp_path / "out.mp4"
    repair(path, out, last=12)
    with pytest.raises(OtherJob, match=says) as refused:
        repair(path, out, **change)
    assert str(out.parent / ".out.mp4.journal") in str(refused.value)
    assert not out.exists()
    repair(path, out)
    assert repair.calls == 21
    assert out.read_bytes() == truth


def test_other_weights_are_another_job(path, tmp_path):
    class Net(Mean):
        def __init__(self, value, last=None):
            super().__init__(last)
            self.net = torch.nn.Linear(1, 1, bias=False)
            torch.nn.init.constant_(self.net.weight, value)

    def run(editor):
        restorer = Restorer(editor, Random(), window=5, margin=2)
        restore_video(path, None, tmp_path / "out.mp4", boxes=["1,1,9,9"], restorer=restorer, resume=True)

    with pytest.raises(RuntimeError):
        run(Net(1.0, 12))
    with pytest.raises(OtherJob, match="the editor's weights changed"):
        run(Net(2.0))
    run(Net(1.0))


def test_an_input_written_to_is_another_job(path, tmp_path):
    repair(path, tmp_path / "out.mp4", last=12)
    os.utime(path, (1, 1))
    with pytest.raises(OtherJob, match="the input changed"):
        repair(path, tmp_path / "out.mp4")


def flip(file):
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def cut(file):
    file.write_bytes(file.read_bytes()[:-200])


@pytest.mark.parametrize("damage", [flip, cut, lambda file: file.write_bytes(b"")])
def test_damaged_blocks_are_repaired_again(path, tmp_path, truth, damage):
    out = tmp_path / "out.mp4"
    repair(path, out, last=18)
    damage(entries(out)[1])
    _, notes, summary = repair(path, out)
    assert any("frames 5–9 is damaged" in note for note in notes)
    assert summary.resumed == 10
    assert out.read_bytes() == truth


def test_blocks_made_from_other_frames_are_repaired_again(path, tmp_path, truth):
    out = tmp_path / "out.mp4"
    repair(path, out, last=18)
    first, second, _ = entries(out)
    shutil.copyfile(second, first)
    _, notes, summary = repair(path, out)
    assert any("frames 0–4 does not fit" in note for note in notes)
    # Repaired again the first gives what it gave before, so that the others follow from it.
    assert summary.resumed == 10
    assert out.read_bytes() == truth


@pytest.mark.parametrize("held", ['{"half', "[" * 100_000], ids=["half", "deep"])
def test_a_journal_without_its_job_is_begun_anew(path, tmp_path, truth, held):
    out = tmp_path / "out.mp4"
    repair(path, out, last=18)
    (tmp_path / ".out.mp4.journal" / "job.json").write_text(held)
    repair(path, out)
    assert repair.calls == 31
    assert out.read_bytes() == truth


def test_killed_just_after_the_output_appeared(path, tmp_path, truth, monkeypatch):
    out = tmp_path / "out.mp4"
    monkeypatch.setattr("rovr.resume.Journal.remove", lambda self: None)
    _, _, whole = repair(path, out)
    monkeypatch.undo()
    _, notes, summary = repair(path, out)
    assert repair.calls == 0
    assert notes == [f"{out} was complete already."]
    assert (summary.frames, summary.repaired, summary.mean_doubt) == (31, 31, pytest.approx(whole.mean_doubt, abs=1e-6))
    assert out.read_bytes() == truth
    assert names(tmp_path) == ["in.mp4", "out.mp4"]
    # By now it is an output like any other.
    with pytest.raises(UserError, match="exists already"):
        repair(path, out)


@pytest.fixture
def told(path, tmp_path_factory):
    """The provenance of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("told")
    repair(path, folder / "out.mp4", provenance=folder / "told.npz")
    return (folder / "told.npz").read_bytes()


def test_provenance_goes_on_too(path, tmp_path, truth, told):
    options = {"provenance": tmp_path / "told.npz"}
    repair(path, tmp_path / "out.mp4", last=17, **options)
    _, _, summary = repair(path, tmp_path / "out.mp4", **options)
    assert summary.resumed == 15
    assert (tmp_path / "out.mp4").read_bytes() == truth
    assert (tmp_path / "told.npz").read_bytes() == told


def test_blocks_without_provenance_are_of_another_job(path, tmp_path):
    repair(path, tmp_path / "out.mp4", last=17)
    with pytest.raises(OtherJob, match="--provenance was False and is True"):
        repair(path, tmp_path / "out.mp4", provenance=tmp_path / "told.npz")


def test_killed_between_output_and_provenance(path, tmp_path, truth, told, monkeypatch):
    def fail(self):
        raise RuntimeError("killed here")

    with monkeypatch.context() as patch:
        patch.setattr("rovr.provenance.output.ProvenanceOutput.commit", fail)
        patch.setattr("rovr.resume.Journal.remove", lambda self: None)
        repair(path, tmp_path / "out.mp4", provenance=tmp_path / "told.npz")
    assert not (tmp_path / "told.npz").exists()
    repair(path, tmp_path / "out.mp4", provenance=tmp_path / "told.npz")
    assert repair.calls == 0
    assert (tmp_path / "out.mp4").read_bytes() == truth
    assert (tmp_path / "told.npz").read_bytes() == told


def test_two_at_once(path, tmp_path, monkeypatch):
    monkeypatch.setattr("rovr.resume.journal.PATIENCE", 0.1)
    (tmp_path / ".out.mp4.journal").mkdir()
    lock = Lock(tmp_path / ".out.mp4.journal" / "lock")
    with pytest.raises(UserError, match="Another process is at work"):
        repair(path, tmp_path / "out.mp4")
    lock.release()
    repair(path, tmp_path / "out.mp4")


def test_left_overs_of_the_dead_are_swept(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    if os.path.isdir("/proc/self"):
        # Dead, but nobody has asked yet.
        os.waitid(os.P_PID, gone.pid, os.WEXITED | os.WNOWAIT)
        assert not is_alive(gone.pid)
    gone.wait()
    assert not is_alive(gone.pid)
    assert is_alive(os.getppid())
    stay = [f".out.partial-{os.getppid()}.mp4", f".other.partial-{gone.pid}.mp4", ".out.partial-x.mp4"]
    for name in [*stay, f".out.partial-{gone.pid}.mp4", f".out.partial-{os.getpid()}.mp4"]:
        (tmp_path / name).touch()
    sweep(tmp_path / "out.mp4")
    assert names(tmp_path) == sorted(stay)


def test_a_folder_killed_while_it_was_replaced_comes_back(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    old = tmp_path / f".out.partial-{gone.pid}-old"
    old.mkdir()
    (old / "0.png").touch()
    sweep(tmp_path / "out")
    assert names(tmp_path / "out") == ["0.png"]
    assert names(tmp_path) == ["out"]


def test_half_a_file_never_bears_the_name(tmp_path):
    def fail(file):
        file.write(b"half")
        raise OSError

    write_whole(tmp_path / "a", lambda file: file.write(b"whole"))
    with pytest.raises(OSError):  # noqa: PT011 - any
        write_whole(tmp_path / "a", fail)
    assert (tmp_path / "a").read_bytes() == b"whole"


# Killed for real


def start(folder, out, resume=True):
    more = [*FAST, *["--resume"] * resume]
    return Forked("restore", str(folder / "long.mp4"), "--box", "8,8,48,40", "-o", str(out), *more)


@pytest.fixture
def long(tmp_path):
    return write_video(tmp_path / "long.mp4", moving_texture(230, 64, 64), options={"preset": "ultrafast"})


@pytest.mark.timeout(600)
def test_killed_at_any_moment(tmp_path, long):
    chance = random.Random(0)
    assert main(["restore", str(long), "--box", "8,8,48,40", "-o", str(tmp_path / "truth.mp4"), *FAST]) == 0
    out, killed = tmp_path / "out.mp4", 0
    for round_ in range(5):
        process = start(tmp_path, out)
        # Further on each time, and then at any moment.
        while process.poll() is None and len(entries(out)) < round_ - 1:
            time.sleep(0.005)
        while process.poll() is None and not (tmp_path / ".out.mp4.journal").exists():
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.15))
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        if out.exists():
            break
    assert killed >= 3
    if not out.exists():
        process = start(tmp_path, out)
        assert process.communicate()[1]
        assert process.returncode == 0
    assert out.read_bytes() == (tmp_path / "truth.mp4").read_bytes()
    assert names(tmp_path) == ["long.mp4", "out.mp4", "truth.mp4"]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted(tmp_path, long, number, code):
    process = start(tmp_path, tmp_path / "out.mp4")
    while process.poll() is None and not entries(tmp_path / "out.mp4"):
        time.sleep(0.005)
    process.send_signal(number)
    told = process.communicate()[1]
    assert process.returncode == code, told
    assert "rovr: interrupted; the same command goes on" in told
    assert names(tmp_path) == [".out.mp4.journal", "long.mp4"]
    process = start(tmp_path, tmp_path / "out.mp4")
    assert "Going on from" in process.communicate()[1]
    assert names(tmp_path) == ["long.mp4", "out.mp4"]


def test_refusal_on_the_command_line(path, tmp_path, capsys):
    out = tmp_path / "out.mp4"
    command = ["restore", str(path), "--box", "1,1,9,9", "-o", str(out), *FAST, "--resume"]
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["resumed"] == 0
    assert main(command) == 2
    assert "exists already" in capsys.readouterr().err
