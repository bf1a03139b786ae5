"""One video, its scenes repaired by processes of this machine, is the video that one process makes."""

import json
import multiprocessing
import os
import signal
import time

import numpy as np
import pytest
from conftest import moving_texture, write_video
from forked import Forked

from rovr.batch.portions import Shot
from rovr.batch.share_out import Sharing, share_out
from rovr.batch.task import Tools
from rovr.cli import main
from rovr.restore import restore_video
from rovr.resume import job_options

pytestmark = pytest.mark.timeout(600)

FAST = ["--editor", "telea", "--selector", "random", "--device", "cpu"]
TOOLS = Tools(editor="telea", selector="random", device="cpu")
BOX = "4,4,54,40"


@pytest.fixture
def path(tmp_path):
    scenes = [moving_texture(count, 64, 64, seed=count) for count in (60, 25, 70, 40)]
    return write_video(tmp_path / "in.mp4", np.concatenate(scenes), options={"preset": "ultrafast", "g": "20"})


def command(path, name, *more):
    return ["restore", str(path), "--box", BOX, *FAST, "-o", str(path.parent / name), *more]


def test_by_the_command_line(path, tmp_path, capsys):
    assert main(command(path, "truth.mp4", "--quiet")) == 0
    assert main(command(path, "out.mp4", "--workers", "2", "--json")) == 0
    told = capsys.readouterr()
    summary = json.loads(told.out)
    assert (summary["repaired"], summary["resumed"], summary["scenes"]) == (195, 195, [0, 60, 85, 155])
    assert "4 scenes with holes shared out to 2 processes, in 4 portions." in told.err
    # Nothing was repaired in this process, so there is nothing to be said of how long that took.
    assert "s each" not in told.err
    assert (tmp_path / "out.mp4").read_bytes() == (tmp_path / "truth.mp4").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4", "truth.mp4"]


def test_a_killed_process_harms_nobody(path, tmp_path):
    class Killer(Sharing):
        killed, told = 0, ()

        def step(self, share):
            if not self.killed:
                self.killed = multiprocessing.active_children()[0].pid
                os.kill(self.killed, signal.SIGKILL)

        def say(self, text):
            self.told = (*self.told, text)

    restorer, killer, out = TOOLS.load(), Killer(), tmp_path / "out.mp4"
    options = job_options(dilate=0, seed=0, crf=18, lossless=False, grain=False, fields=False, provenance=False)
    shot = Shot(path, None, out, (BOX,), tuple(options.items()))

    def start(job):
        share_out(shot, restorer, TOOLS, 2, sharing=killer)
        assert not multiprocessing.active_children()

    summary = restore_video(path, None, out, boxes=[BOX], restorer=restorer, resume=True, on_start=start)
    assert killer.killed
    assert [text.partition(" are ")[2] for text in killer.told] == ["repaired again: its process was killed (SIGKILL)."]
    assert summary.resumed == 195
    restore_video(path, None, tmp_path / "truth.mp4", boxes=[BOX], restorer=restorer)
    assert out.read_bytes() == (tmp_path / "truth.mp4").read_bytes()


def test_interrupted_it_goes_on(path, tmp_path):
    process = Forked(*command(path, "out.mp4", "--workers", "2"))
    journal = tmp_path / ".out.mp4.journal"
    while process.poll() is None and not list(journal.glob("*.npz")):
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    told = process.communicate()[1]
    assert process.returncode == 130, told
    assert "the same command goes on" in told
    assert not (tmp_path / "out.mp4").exists()
    summary = restore_video(path, None, tmp_path / "out.mp4", boxes=[BOX], restorer=TOOLS.load(), resume=True)
    assert 0 < summary.resumed < 195
    restore_video(path, None, tmp_path / "truth.mp4", boxes=[BOX], restorer=TOOLS.load())
    assert (tmp_path / "out.mp4").read_bytes() == (tmp_path / "truth.mp4").read_bytes()


def test_one_scene_is_left_to_one_process(tmp_path, capsys):
    path = write_video(tmp_path / "in.mp4", moving_texture(6, 64, 64))
    assert main(command(path, "out.mp4", "--workers", "2")) == 0
    told = capsys.readouterr().err
    assert "note: Only one scene has holes" in told
    assert "s each" in told
    assert not multiprocessing.active_children()


def test_nothing_is_shared_out_where_nothing_is_missing(path, tmp_path, capsys):
    holes = write_video(tmp_path / "holes.mkv", np.zeros((195, 64, 64, 3), np.uint8))
    more = ["--mask", str(holes), "-o", str(tmp_path / "out.mp4"), "--workers", "2"]
    assert main(["restore", str(path), *FAST, *more]) == 0
    told = capsys.readouterr().err
    assert "shared out" not in told
    assert "0 of 195 frames repaired" in told.replace(" in 4 scenes", "")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--workers", "0"], "--workers 0: give at least 1"),
        (["--workers", "2", "--one-scene"], "--one-scene leaves one"),
        (["--worker-cores", "0"], "--worker-cores 0: give at least 1"),
    ],
)
def test_arguments_that_do_not_go_together(tmp_path, capsys, more, says):
    assert main(command(tmp_path / "in.mp4", "out.mp4", *more)) == 2
    assert says in capsys.readouterr().err
