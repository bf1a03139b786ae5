"""A video repaired in portions, in any order and without a cluster, is the video that one machine makes."""

import random
import shutil

import numpy as np
import pytest
from conftest import moving_texture, write_video

from rovr.batch.portions import Scene, Shot, find_scenes, make_portions, repair_portion
from rovr.batch.task import Tools
from rovr.editor.classical import ClassicalEditor
from rovr.items import matched, paired
from rovr.restore import restore_video
from rovr.resume import journal_folder
from rovr.video import open_source
from rovr.video.masks import open_masks
from rovr.video.part import Mark

TOOLS = Tools(editor="telea", selector="random", device="cpu")
LENGTHS = (14, 9, 90, 3, 20)
BOX = "8,8,24,20"
OPTIONS = {"dilate": 0, "seed": 5, "crf": 18, "lossless": False, "fields": False, "provenance": False}


@pytest.fixture
def path(tmp_path):
    """Five scenes; one is longer than a block."""
    scenes = [moving_texture(count, seed=count) for count in LENGTHS]
    return write_video(tmp_path / "in.mp4", np.concatenate(scenes), options={"g": "8"})


def scenes_of(path, mask=None, boxes=(BOX,)):
    restorer = TOOLS.load()
    with open_source(path) as source:
        return find_scenes(paired(matched(source, open_masks(source.info, mask, boxes))), restorer.blocks(64, 48))


def marked(*damaged):
    return [Scene(Mark(10 * index, index, b""), 10 * index, 10, count) for index, count in enumerate(damaged)]


@pytest.mark.parametrize("count", [1, 2, 3, 100])
def test_portions_hold_every_scene_once(count):
    scenes = marked(5, 1, 1, 30, 2, 8, 1)
    portions = make_portions(scenes, count)
    assert [scene for portion in portions for scene in portion] == scenes
    assert len(portions) <= count
    assert all(portions)


def test_portions_are_of_a_size():
    assert [len(portion) for portion in make_portions(marked(*[3] * 12), 4)] == [3, 3, 3, 3]
    assert make_portions([], 3) == []


def test_scenes_are_found(path):
    assert [(scene.mark.index, scene.length, scene.damaged) for scene in scenes_of(path)] == [
        (0, 14, 14), (14, 9, 9), (23, 90, 90), (113, 3, 3), (116, 20, 20)
    ]  # fmt: skip


def test_scenes_without_a_hole_are_left_out(path, tmp_path):
    holes = np.zeros((sum(LENGTHS), 48, 64, 3), np.uint8)
    holes[[3, 4, 30, 130], 10:30, 20:40] = 255
    mask = write_video(tmp_path / "mask.mp4", holes)
    scenes = scenes_of(path, mask, ())
    assert [(scene.mark.index, scene.damaged) for scene in scenes] == [(0, 2), (23, 1), (116, 1)]
    assert repaired_apart(path, tmp_path / "out.mp4", 1, mask=mask, boxes=()).resumed == 4
    restore_video(path, mask, tmp_path / "truth.mp4", restorer=TOOLS.load(), seed=5)
    assert (tmp_path / "out.mp4").read_bytes() == (tmp_path / "truth.mp4").read_bytes()


def repaired_apart(path, out, count, *, mask=None, boxes=(BOX,), spoil=lambda folder: None, provenance=None):
    """Portions by workers of their own, in any order, then the joining; its summary."""
    restorer = TOOLS.load()
    options = {**OPTIONS, "grain": False, "provenance": provenance is not None}
    shot = Shot(path, mask, out, boxes, tuple(options.items()))

    def start(job):
        portions = make_portions(scenes_of(path, mask, boxes), count)
        random.Random(0).shuffle(portions)
        for portion in portions:
            told = []
            outcome = repair_portion(shot, portion, TOOLS.load(), told.append)
            assert outcome.fault == "", outcome
            assert told[-1] == 1.0
        spoil(journal_folder(out))

    return restore_video(
        path, mask, out, boxes=boxes, restorer=restorer, seed=5, resume=True, provenance=provenance, on_start=start
    )


@pytest.mark.parametrize("count", [1, 3, 8])
def test_joined_it_is_the_video_of_one_machine(path, tmp_path, count):
    restore_video(path, None, tmp_path / "truth.mp4", boxes=[BOX], restorer=TOOLS.load(), seed=5)
    summary = repaired_apart(path, tmp_path / "out.mp4", count)
    assert (summary.resumed, summary.repaired) == (136, 136)
    assert (tmp_path / "out.mp4").read_bytes() == (tmp_path / "truth.mp4").read_bytes()
    assert not journal_folder(tmp_path / "out.mp4").exists()


def test_workers_see_the_same_frames_from_afar(path, tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "TOOLS", Tools(editor="telea", selector="sight", device="cpu"))
    # What these show is of no use to it, but it is quick.
    monkeypatch.setattr(ClassicalEditor, "far_sighted", True)
    restorer = TOOLS.load()
    assert restorer.blocks(64, 48).anchors
    restore_video(path, None, tmp_path / "truth.mp4", boxes=[BOX], restorer=restorer, seed=5)
    # A block is taken over only if all that it was repaired from is the same, frames from afar included.
    assert repaired_apart(path, tmp_path / "out.mp4", 3).resumed == 136
    assert (tmp_path / "out.mp4").read_bytes() == (tmp_path / "truth.mp4").read_bytes()


def test_provenance_is_joined_too(path, tmp_path):
    told, truth = tmp_path / "told.npz", tmp_path / "truth.npz"
    restore_video(path, None, tmp_path / "t.mp4", boxes=[BOX], restorer=TOOLS.load(), seed=5, provenance=truth)
    assert repaired_apart(path, tmp_path / "out.mp4", 3, provenance=told).resumed == 136
    assert told.read_bytes() == truth.read_bytes()


def test_what_a_worker_lost_or_spoiled_is_repaired_by_the_joining(path, tmp_path):
    def spoil(folder):
        first, second, third, *_ = sorted(folder.glob("*.npz"))
        first.unlink()
        second.write_bytes(second.read_bytes()[:99])
        shutil.copyfile(second, third)

    restore_video(path, None, tmp_path / "truth.mp4", boxes=[BOX], restorer=TOOLS.load(), seed=5)
    summary = repaired_apart(path, tmp_path / "out.mp4", 3, spoil=spoil)
    assert 0 < summary.resumed < 136
    assert (tmp_path / "out.mp4").read_bytes() == (tmp_path / "truth.mp4").read_bytes()


def test_a_worker_that_sees_other_things_refuses(path, tmp_path):
    out = tmp_path / "out.mp4"
    scenes = scenes_of(path)

    def start(job):
        shot = Shot(path, None, out, (BOX,), tuple({**OPTIONS, "seed": 6}.items()))
        outcome = repair_portion(shot, tuple(scenes), TOOLS.load(), lambda share: None)
        assert (outcome.fault, outcome.reason) == (
            "user", "a worker sees other files, weights or versions than this machine."
        )  # fmt: skip
        assert not list(journal_folder(out).glob("*.npz"))
        gone = Shot(tmp_path / "gone.mp4", None, out, (BOX,), tuple(OPTIONS.items()))
        assert "does not exist" in repair_portion(gone, tuple(scenes), TOOLS.load(), lambda share: None).reason

    summary = restore_video(path, None, out, boxes=[BOX], restorer=TOOLS.load(), seed=5, resume=True, on_start=start)
    assert summary.resumed == 0


@pytest.mark.parametrize(
    ("error", "fault", "reason"),
    [
        (RuntimeError("sorry\n  at great length"), "ours", "internal error, RuntimeError: sorry"),
        (OSError("gone\nfor a while"), "passing", "OSError: gone"),
        (MemoryError(), "passing", "MemoryError"),
    ],
)
def test_what_goes_wrong_in_a_portion_is_told_in_one_line(path, tmp_path, monkeypatch, error, fault, reason):
    def fail(*given):
        raise error

    monkeypatch.setattr("rovr.batch.portions._repair", fail)
    outcome = repair_portion(Shot(path, None, tmp_path / "out.mp4"), (), TOOLS, lambda share: None)
    assert (outcome.fault, outcome.reason) == (fault, reason)
