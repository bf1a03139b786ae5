import errno
import itertools
import json
import re
import tracemalloc
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from conftest import moving_texture, rgb_frames

from rovr.cli import main
from rovr.editor.aligned import AlignedEditor
from rovr.editor.classical import ClassicalEditor
from rovr.errors import UserError
from rovr.provenance import Tally, Trace
from rovr.provenance.file import TraceFile, TraceWriter
from rovr.provenance.picture import INVENTED, NEAR, alone, legend, tinted, with_legend
from rovr.restore import restore_video
from rovr.restorer import Restorer
from rovr.select import load_selector
from rovr.video.orient import Orientation

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def restorer():
    return Restorer(AlignedEditor(), load_selector("sight"), window=5, margin=2)


def trace(frames=(3, 5), shares=(200, 30), size=(6, 8)):
    """Two pixels that are alike."""
    names, parts = torch.full((4, 2), -1, dtype=torch.int32), torch.zeros(4, 2, dtype=torch.uint8)
    names[: len(frames)] = torch.tensor(frames, dtype=torch.int32)[:, None]
    parts[: len(shares)] = torch.tensor(shares, dtype=torch.uint8)[:, None]
    few = torch.zeros(2, dtype=torch.uint8)
    return Trace(size, torch.tensor([10, 21]), names, parts, few, few, few + (255 - sum(shares)))


def left(folder, *known):
    return sorted(path.name for path in folder.iterdir() if path.name not in known)


# The file


def write(path, traces, **about):
    writer, tally = TraceWriter(path), Tally()
    for frame, one in traces.items():
        writer.add(frame, one)
        tally.add(one, frame)
    writer.finish({"width": 8, "height": 6, "frames": 9, "summary": tally.summary(), **about})


def test_what_is_written_is_read(tmp_path):
    given = {4: trace(), 11: trace((4,), (255,))}
    write(tmp_path / "p.npz", given)
    file = TraceFile(tmp_path / "p.npz")
    assert file.frames == [4, 11]
    assert file.length == 9
    assert file.size == (6, 8)
    for frame, found in file:
        assert found.record() == given[frame].record()


def test_the_reader_of_the_docs_reads_it(tmp_path, monkeypatch, capsys):
    page = (ROOT / "docs" / "provenance.md").read_text()
    code = next(code for code in re.findall(r"^```python\n(.*?)^```", page, re.S | re.M) if "np.load" in code)
    write(tmp_path / "where.npz", {12: trace()})
    monkeypatch.chdir(tmp_path)
    space = {}
    exec(code, space)
    assert space["invented"].shape == (6, 8)
    assert space["invented"].sum() == pytest.approx(2 * 25 / 255)
    assert "3" in capsys.readouterr().out


def test_no_code_is_run_from_a_file(tmp_path):
    with zipfile.ZipFile(tmp_path / "p.npz", "w") as archive:
        with archive.open("0.npy", "w") as member:
            np.lib.format.write_array(member, np.array([{}], object), allow_pickle=True)
        index = {"format": "rovr-provenance", "version": 1, "slots": 4, "width": 8, "height": 6, "frames": 9}
        archive.writestr("index.json", json.dumps({**index, "summary": Tally().summary()}))
    file = TraceFile(tmp_path / "p.npz")
    with pytest.raises(UserError, match="damaged"):
        file.read(0)


def test_what_is_no_provenance_is_refused(tmp_path):
    path = tmp_path / "p.npz"
    with pytest.raises(UserError, match="does not exist"):
        TraceFile(path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(UserError, match="damaged"):
        TraceFile(path)
    np.savez(path, a=np.zeros(3))
    with pytest.raises(UserError, match="damaged"):
        TraceFile(path)
    write(path, {4: trace(), 5: trace()}, version=2)
    with pytest.raises(UserError, match="another version"):
        TraceFile(path)
    write(path, {4: trace(), 5: trace()})
    with pytest.raises(UserError, match="4–5"):
        TraceFile(path).read(6)
    off = ({"frames": 10**12}, {"rotation": 45}, {"rotation": "90"}, {"mirrored": 3})
    for wrong in ({"summary": {}}, {"summary": {**Tally().summary(), "recovered": "x"}}, *off):
        write(path, {4: trace()}, **wrong)
        with pytest.raises(UserError, match="damaged"):
            TraceFile(path)
    # Of frames beyond the end or before the beginning, which would be counted by their distance.
    for beyond in (12, -7):
        write(path, {4: trace(), 1: trace((beyond,))})
        with pytest.raises(UserError, match="damaged"):
            TraceFile(path).read(1)
    # A head that no array has.
    with zipfile.ZipFile(path) as archive:
        index = archive.read("index.json")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("4.npy", b"\x93NUMPY\x01\x00\x04\x00{'a\n")
        archive.writestr("index.json", index)
    with pytest.raises(UserError, match="damaged"):
        TraceFile(path).read(4)
    # Of a frame of another size.
    write(path, {4: trace()}, height=5)
    with pytest.raises(UserError, match="damaged"):
        TraceFile(path).read(4)


def test_a_few_bytes_cannot_ask_for_all_memory(tmp_path, capsys):
    path = tmp_path / "p.npz"
    write(path, {}, width=20_000, height=20_000)
    with pytest.raises(UserError, match="--max-pixels 400000000"):
        TraceFile(path)
    assert main(["provenance", str(path)]) == 2
    assert main(["provenance", str(path), "--max-pixels", "400000000"]) == 0
    for wrong in ({"width": 0}, {"width": -(10**9), "height": -1}):
        write(path, {}, **wrong)
        with pytest.raises(UserError, match="damaged"):
            TraceFile(path)
    # One frame that is larger than the video.
    write(path, {4: trace(size=(6000, 6000))})
    assert path.stat().st_size < 50_000
    tracemalloc.start()
    with pytest.raises(UserError, match="damaged"):
        TraceFile(path).read(4)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


# The picture


def test_hues_tell_recovered_from_invented():
    picture = np.full((6, 8, 3), 100, np.uint8)
    near, made_up = (tinted(picture, trace((3,), (share,)), 2) for share in (255, 0))
    changed = np.zeros(48, bool)
    changed[[10, 21]] = True
    for shown, hue in ((near, NEAR), (made_up, INVENTED)):
        flat = shown.reshape(-1, 3)
        assert (flat[~changed] == 100).all()
        np.testing.assert_allclose(flat[10], np.array(hue) * (0.5 + 0.5 * 100 / 255), atol=1)
    far = tinted(picture, trace((40,), (255,)), 2).reshape(-1, 3)[10].astype(int)
    assert far.sum() < near.reshape(-1, 3)[10].astype(int).sum() - 100
    assert (picture == 100).all()


def test_the_legend_stays_where_there_is_room():
    picture, changed = with_legend(np.zeros((360, 640, 3), np.uint8))
    height, width = legend(1.0).shape[:2]
    assert changed.sum() == height * width < changed.size / 10
    assert changed[-1, 0]
    np.testing.assert_array_equal(picture[-height:, :width], legend(1.0))
    assert not with_legend(np.zeros((40, 60, 3), np.uint8))[1].any()


# From end to end


def test_a_video_gets_both_and_the_picture_is_the_same(restorer, video, hole, tmp_path):
    path = video("in.mp4", count=12, audio=0.5)
    plain = restore_video(path, hole, tmp_path / "plain.mkv", restorer=restorer, lossless=True)
    summary = restore_video(
        path, hole, tmp_path / "out.mkv", restorer=restorer, lossless=True, provenance=tmp_path / "out.npz"
    )
    np.testing.assert_array_equal(rgb_frames(tmp_path / "plain.mkv"), rgb_frames(tmp_path / "out.mkv"))
    assert left(tmp_path) == ["hole.png", "in.mp4", "out.mkv", "out.npz", "out.provenance.mp4", "plain.mkv"]
    assert rgb_frames(tmp_path / "out.provenance.mp4").shape == (12, 48, 64, 3)
    assert plain.provenance is None
    said = summary.to_json()["provenance"]
    assert said["recovered"] + said["invented"] + said["unknown"] == pytest.approx(1, abs=1e-5)
    assert sum(said["by_distance"].values()) + said["other"] == pytest.approx(said["recovered"], abs=1e-5)
    assert said["pixels"] == 12 * 400
    assert 0.1 < said["recovered"] < 1
    file = TraceFile(tmp_path / "out.npz")
    assert file.frames == list(range(12))
    assert file.summary == said
    tally = Tally()
    for frame, one in file:
        tally.add(one, frame)
    assert tally.summary() == said


@pytest.mark.parametrize("kind", ["pictures", "gray", "gray10le", "yuv420p", "yuv444p"])
def test_grey_footage_and_thin_scratches_are_tinted(video, tmp_path, kind):
    mask = np.zeros((48, 64), np.uint8)
    mask[:, 21], mask[:, 41:43] = 255, 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    if kind == "pictures":
        path = tmp_path / "frames"
        path.mkdir()
        for index, frame in enumerate(moving_texture(3)):
            cv2.imwrite(str(path / f"{index}.png"), cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY))
    else:
        path = video("in.mkv", count=3, pix_fmt=kind, codec="ffv1")
    inventing = Restorer(ClassicalEditor(), load_selector("sequential"))
    restore_video(path, tmp_path / "mask.png", tmp_path / "out.mp4", restorer=inventing, provenance=tmp_path / "p.npz")
    hues = rgb_frames(tmp_path / "p.provenance.mp4")[1].astype(int)
    orange = hues[..., 0] - hues[..., 2]
    assert orange[mask > 0].min() > 30
    if kind in ("pictures", "gray", "gray10le"):
        assert abs(orange[:, :16]).max() < 20


def test_arrays_get_theirs(restorer):
    frames = np.random.default_rng(0).integers(0, 255, (5, 40, 48, 3), np.uint8)
    masks = np.zeros((5, 40, 48), bool)
    masks[2, 10:20, 10:30] = True
    assert restorer.restore(frames, masks).provenance is None
    found = restorer.restore(frames, masks, provenance=True).provenance
    assert list(found) == [2]
    assert len(found[2].places) == 200


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("where.zip", "where.npz"),
        ("missing/where.npz", "does not exist"),
        ("taken.npz", "exists already"),
        ("shown.npz", "exists already"),
        ("in.npz", "which is read"),
    ],
)
def test_a_bad_path_is_refused_before_any_work(restorer, video, hole, tmp_path, name, says):
    path = video("in.provenance.mp4", count=3)
    (tmp_path / "taken.npz").write_text("mine")
    (tmp_path / "shown.provenance.mp4").write_text("mine")
    before = left(tmp_path)
    with pytest.raises(UserError, match=says):
        restore_video(path, hole, tmp_path / "out.mp4", restorer=restorer, provenance=tmp_path / name)
    assert left(tmp_path) == before
    assert (tmp_path / "taken.npz").read_text() == "mine"


def test_the_output_may_not_be_the_picture_of_it(restorer, video, hole, tmp_path):
    path = video("in.mp4", count=3)
    with pytest.raises(UserError, match="choose another"):
        restore_video(
            path, hole, tmp_path / "a.provenance.mp4", restorer=restorer, provenance=tmp_path / "a.npz", overwrite=True
        )
    assert left(tmp_path) == ["hole.png", "in.mp4"]


def test_a_failure_halfway_leaves_nothing(video, hole, tmp_path):
    class Failing(ClassicalEditor):
        done = 0

        def edit(self, target, mask, contexts):
            self.done += 1
            if self.done > 8:
                raise RuntimeError("halfway")
            return super().edit(target, mask, contexts)

    path = video("in.mp4", count=12)
    failing = Restorer(Failing(), load_selector("sequential"), window=3, margin=1)
    with pytest.raises(RuntimeError, match="halfway"):
        restore_video(path, hole, tmp_path / "out.mp4", restorer=failing, provenance=tmp_path / "out.npz")
    assert left(tmp_path) == ["hole.png", "in.mp4"]


def test_a_full_disk_is_said_to_be_full_and_leaves_nothing(restorer, video, hole, tmp_path, monkeypatch):
    def full(self, *given):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = video("in.mp4", count=3)
    monkeypatch.setattr(TraceWriter, "add", full)
    monkeypatch.setattr(TraceWriter, "close", full)
    with pytest.raises(UserError, match="disk ran full"):
        restore_video(path, hole, tmp_path / "out.mp4", restorer=restorer, provenance=tmp_path / "out.npz")
    assert left(tmp_path) == ["hole.png", "in.mp4"]


def test_a_turned_video_has_an_upright_legend(restorer, video, hole, tmp_path):
    path = video("in.mp4", count=2, height=300, width=480, rotation=-90)
    mask = tmp_path / "turned.png"
    cv2.imwrite(str(mask), np.pad(np.full((20, 30), 255, np.uint8), ((100, 360), (100, 170))))
    restore_video(path, mask, tmp_path / "out.mp4", restorer=restorer, provenance=tmp_path / "out.npz", crf=1)
    stored = rgb_frames(tmp_path / "out.provenance.mp4")[0]
    upright, expected = np.rot90(stored, -1).astype(int), legend(1.0).astype(int)
    assert upright.shape == (480, 300, 3)
    corner = upright[-expected.shape[0] :, : expected.shape[1]]
    assert np.abs(corner - expected).mean() < 12 < np.abs(corner[::-1] - expected).mean()


def test_the_picture_of_a_turned_video_is_upright(restorer, video, tmp_path, capsys):
    path = video("in.mp4", count=2, rotation=-90)
    mask = np.zeros((64, 48), np.uint8)
    mask[4:12, 20:40] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    restore_video(path, tmp_path / "mask.png", tmp_path / "out.mp4", restorer=restorer, provenance=tmp_path / "p.npz")
    assert main(["provenance", str(tmp_path / "p.npz"), "--frame", "1", "-o", str(tmp_path / "1.png")]) == 0
    drawn = cv2.imread(str(tmp_path / "1.png"))
    assert drawn.shape == (64, 48, 3)
    np.testing.assert_array_equal((drawn != 255).any(-1), mask > 0)


@pytest.mark.parametrize("turn", [Orientation(*flags) for flags in itertools.product((False, True), repeat=3)])
def test_the_orientation_is_kept(tmp_path, turn):
    write(tmp_path / "p.npz", {4: trace()}, rotation=turn.degrees, mirrored=turn.mirrored)
    assert TraceFile(tmp_path / "p.npz").orientation == turn
    write(tmp_path / "old.npz", {4: trace()}, rotation=turn.degrees)
    assert TraceFile(tmp_path / "old.npz").orientation.degrees == turn.degrees
    stored = np.arange(6).reshape(2, 3)
    first = stored[:, ::-1] if turn.mirrored else stored
    np.testing.assert_array_equal(turn.to_shown(stored), np.rot90(first, -turn.degrees // 90))


# The command


def test_restore_writes_both_from_a_folder_of_pictures(hole, tmp_path, capsys):
    (tmp_path / "frames").mkdir()
    for index, frame in enumerate(moving_texture(3)):
        cv2.imwrite(str(tmp_path / "frames" / f"{index}.png"), frame)
    asked = ["restore", str(tmp_path / "frames"), "--mask", str(hole), "-o", str(tmp_path / "out.mp4")]
    assert main([*asked, "--editor", "telea", "--provenance", str(tmp_path / "out.npz"), "--quiet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["provenance"]["invented"] == 1
    assert left(tmp_path) == ["frames", "hole.png", "out.mp4", "out.npz", "out.provenance.mp4"]
    assert main([*asked, "--overwrite", "--provenance", str(tmp_path / "out.txt"), "--quiet"]) == 2
    assert "out.npz" in capsys.readouterr().err


def test_the_command_sums_up_and_draws(tmp_path, capsys):
    write(tmp_path / "p.npz", {4: trace(), 5: trace((4,), (255,))})
    assert main(["provenance", str(tmp_path / "p.npz")]) == 0
    assert "2 of 9 frames" in capsys.readouterr().out
    assert main(["provenance", str(tmp_path / "p.npz"), "--frame", "5", "-o", str(tmp_path / "5.png"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["recovered"] == 1
    drawn = cv2.cvtColor(cv2.imread(str(tmp_path / "5.png")), cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(drawn, alone(trace((4,), (255,)), 5))
    assert main(["provenance", str(tmp_path / "p.npz"), "--frame", "7"]) == 2
    assert "was not repaired" in capsys.readouterr().err
    assert main(["provenance", str(tmp_path / "p.npz"), "-o", str(tmp_path / "7.png")]) == 2
    assert "--frame" in capsys.readouterr().err
