import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from conftest import rgb_frames

from rovr.cli import main
from rovr.errors import UserError
from rovr.outputs import followed, prepared

FAST = ["--box", "8,8,20,20", "--editor", "telea", "--selector", "nearest", "--device", "cpu"]


@pytest.fixture
def dead():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_a_killed_run_left_is_removed_without_resume(video, tmp_path, dead):
    path = video()
    for name in (f".out.partial-{dead}.mp4", f".out.partial-{os.getppid()}.mp4", f".other.partial-{dead}.mp4"):
        (tmp_path / name).touch()
    assert main(["restore", str(path), "-o", str(tmp_path / "out.mp4"), "--quiet", *FAST]) == 0
    left = sorted(entry.name for entry in tmp_path.iterdir() if "partial" in entry.name)
    # Of processes that live, and of other outputs, nothing is touched.
    assert left == sorted([f".other.partial-{dead}.mp4", f".out.partial-{os.getppid()}.mp4"])


def test_so_it_is_for_masks_provenance_and_reports(video, tmp_path, dead):
    path = video()
    (tmp_path / f".mask.partial-{dead}.mkv").touch()
    (tmp_path / f".p.partial-{dead}.npz").touch()
    (tmp_path / f".page.partial-{dead}").mkdir()
    shapes = tmp_path / "s.json"
    shapes.write_text('[{"box": [1, 1, 9, 9]}]')
    assert main(["mask", "draw", str(path), "--shapes", str(shapes), "-o", str(tmp_path / "mask.mkv"), "--quiet"]) == 0
    given = ["--provenance", str(tmp_path / "p.npz"), "--report", str(tmp_path / "page"), "--quiet"]
    assert main(["restore", str(path), "-o", str(tmp_path / "out.mp4"), *given, *FAST]) == 0
    assert not [entry.name for entry in tmp_path.iterdir() if "partial" in entry.name]


@pytest.mark.parametrize("resume", [[], ["--resume"]])
def test_a_link_is_followed(video, tmp_path, capsys, resume):
    path, link, target = video(), tmp_path / "out.mp4", tmp_path / "far" / "there.mp4"
    target.parent.mkdir()
    link.symlink_to(target)
    args = ["restore", str(path), "-o", str(link), "--quiet", *FAST, *resume]
    assert main(args) == 0
    assert link.is_symlink()
    assert len(rgb_frames(target)) == 12
    assert main(args) == 2
    assert "exists already" in capsys.readouterr().err
    assert main([*args, "--overwrite"]) == 0
    assert link.is_symlink()
    assert [entry.name for entry in target.parent.iterdir()] == ["there.mp4"]


def test_places_that_are_refused(tmp_path, capsys, video):
    (tmp_path / "a.mp4").symlink_to(tmp_path / "b.mp4")
    (tmp_path / "b.mp4").symlink_to(tmp_path / "a.mp4")
    (tmp_path / "c.mp4").symlink_to(tmp_path / "c.mkv")
    for name, says in (("a.mp4", "circle"), ("c.mp4", "another kind")):
        with pytest.raises(UserError, match=says):
            followed(tmp_path / name)
    before = set(os.listdir())
    assert main(["restore", str(video()), "-o", "-", *FAST]) == 2
    assert "stdout" in capsys.readouterr().err
    assert set(os.listdir()) == before


def test_other_places_stay_as_they_are(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert prepared("no/such/out.mp4") == "no/such/out.mp4"
    assert prepared(f"{tmp_path}/folder.d/") == f"{tmp_path}/folder.d/"
    assert followed(f"{tmp_path}/link/") == f"{tmp_path}/real/"


def test_outputs_of_one_name_and_different_kinds_stand_beside_each_other(video, tmp_path, capsys):
    path, out = str(video()), tmp_path / "out"
    (tmp_path / "frames").mkdir()
    for k in range(4):
        cv2.imwrite(str(tmp_path / "frames" / f"{k}.png"), np.full((48, 64, 3), 9 * k, np.uint8))
    frames = ["restore", str(tmp_path / "frames"), "-o", str(out), "--provenance", str(tmp_path / "out.npz"), *FAST]
    assert main([*frames, "--quiet"]) == 0
    assert sorted(entry.name for entry in out.iterdir()) == [f"{k}.png" for k in range(4)]
    named = ["restore", path, "-o", str(tmp_path / "v.mp4"), "--provenance", str(tmp_path / "v.npz"), *FAST]
    assert main([*named, "--report", str(tmp_path / "v"), "--quiet"]) == 0
    made = {"v", "v.mp4", "v.npz", "v.provenance.mp4", "out", "out.npz", "out.provenance.mp4", "frames"}
    assert {entry.name for entry in tmp_path.iterdir()} - {path.rpartition("/")[2]} == made
    assert (tmp_path / "v" / "index.html").exists()


@pytest.mark.parametrize(
    "places",
    [
        ["-o", "one.mp4", "--report", "one.mp4"],
        ["-o", "one", "--report", "one"],
        ["-o", "out.mp4", "--provenance", "i.npz", "--report", "i.npz"],
    ],
)
def test_outputs_in_each_others_way_are_refused_before_any_work(video, tmp_path, monkeypatch, capsys, places):
    path = video()
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    assert main(["restore", str(path), *places, "--quiet", *FAST]) == 2
    assert "in each other's way" in capsys.readouterr().err
    assert set(tmp_path.iterdir()) == before


def test_a_variable_that_is_not_set_is_no_name_of_a_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("mask.png", np.zeros((48, 64, 3), np.uint8))
    assert main(["restore", "", "-o", "out.mp4", *FAST]) == 2
    assert "an argument is empty" in capsys.readouterr().err
    assert not (tmp_path / "out.mp4").exists()
