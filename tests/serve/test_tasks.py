"""What the worker does, and what becomes of videos that are out of the ordinary."""

import json
import time
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from conftest import moving_texture, packets, rgb_frames, write_video
from served import serving

from rovr.errors import UserError
from rovr.restorer import Restorer
from rovr.serve import tasks
from rovr.serve.frames import Reader
from rovr.serve.limits import Limits
from rovr.serve.playable import make_playable, plays

pytest_plugins = ["page_fixtures"]


def test_what_browsers_play_is_left_alone(tmp_path, video):
    assert plays(video(audio=0.4))
    assert not make_playable(video(), tmp_path / "play.mp4")
    assert not (tmp_path / "play.mp4").exists()


def test_subtitles_are_found_in_their_time(tmp_path):
    frames = moving_texture(50, 96, 160)
    plain = write_video(tmp_path / "plain.mp4", frames)
    for frame in frames[10:40]:
        cv2.putText(frame, "ROVR", (20, 80), cv2.FONT_HERSHEY_DUPLEX, 1, (255, 255, 255), 2)
    task = {"source": str(write_video(tmp_path / "in.mp4", frames)), "how": "subtitles", "out": tmp_path / "m.mkv"}
    done = tasks.find(task, lambda *told, **more: None)
    assert 29 <= done["masked"] <= 32
    with pytest.raises(UserError, match="No subtitles"):
        tasks.find({**task, "source": str(plain), "out": tmp_path / "none.mkv"}, lambda *told, **more: None)


def test_lost_blocks_are_found_where_they_are(tmp_path):
    frames = moving_texture(8, 96, 160)
    plain = write_video(tmp_path / "plain.mkv", frames, codec="ffv1")
    frames[[2, 5], 16:32, 40:56] = (0, 135, 0)
    task = {
        "source": str(write_video(tmp_path / "in.mkv", frames, codec="ffv1")),
        "how": "blocks",
        "out": tmp_path / "m.mkv",
    }
    assert tasks.find(task, lambda *told, **more: None)["masked"] == 2
    with pytest.raises(UserError, match="No lost blocks"):
        tasks.find({**task, "source": str(plain), "out": tmp_path / "none.mkv"}, lambda *told, **more: None)


@pytest.mark.parametrize("pix_fmt", ["yuv420p10le", "yuv444p"])
def test_what_they_do_not_play_is_copied(tmp_path, pix_fmt):
    path = write_video(tmp_path / "in.mp4", moving_texture(12), pix_fmt=pix_fmt, audio=0.4)
    assert make_playable(path, tmp_path / "play.mp4")
    assert plays(tmp_path / "play.mp4")
    before, after = rgb_frames(path).astype(int), rgb_frames(tmp_path / "play.mp4").astype(int)
    assert before.shape == after.shape
    assert np.abs(before - after).mean() < 6
    assert packets(tmp_path / "play.mp4", "audio")
    with av.open(str(tmp_path / "play.mp4")) as copy:
        assert copy.streams.video[0].codec_context.pix_fmt == "yuv420p"


def test_sound_that_nobody_knows_is_left_out_of_the_copy(tmp_path):
    path = write_video(tmp_path / "in.mkv", moving_texture(12), audio=0.4)
    path.write_bytes(path.read_bytes().replace(b"A_AAC", b"A_XYZ"))
    assert make_playable(path, tmp_path / "play.mp4")
    assert plays(tmp_path / "play.mp4")
    assert not packets(tmp_path / "play.mp4", "audio")


def test_damaged_sound_is_left_out_of_the_copy(tmp_path):
    path = write_video(tmp_path / "in.mkv", moving_texture(24), audio=0.9)
    data = path.read_bytes()
    for _, sound in packets(path, "audio")[5:]:
        data = data.replace(sound, b"\xff" * len(sound))
    path.write_bytes(data)
    assert make_playable(path, tmp_path / "play.mp4")
    assert plays(tmp_path / "play.mp4")
    assert len(rgb_frames(tmp_path / "play.mp4")) == 24
    assert packets(tmp_path / "play.mp4", "audio")


def test_a_repair_is_kept_where_no_copy_of_it_can_be_made(tmp_path, video, monkeypatch):
    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(tasks, "make_playable", fail)
    notes = []
    asked = {"source": str(video(count=3)), "folder": str(tmp_path), "out": "made.mp4", "title": "in.mp4", "layers": {}}
    marks = [{"type": "box", "x": 20, "y": 12, "w": 8, "h": 8}]
    told = tasks.restore(
        {**asked, "marks": marks, "device": "cpu", "selector": "nearest"},
        lambda event, **values: event == "note" and notes.append(values["text"]),
    )
    assert told["repaired"] == 3
    assert len(rgb_frames(tmp_path / "made.mp4")) == 3
    assert notes == ["No copy could be made that browsers play as a film; the download is whole."]


def test_a_wide_video_is_copied_smaller_and_upright(tmp_path):
    frames = moving_texture(3, 60, 2560)
    path = write_video(tmp_path / "in.mkv", frames, pix_fmt="yuv444p", aspect=Fraction(4, 3))
    assert make_playable(path, tmp_path / "play.mp4")
    assert rgb_frames(tmp_path / "play.mp4").shape == (3, 30, 1280, 3)
    with av.open(str(tmp_path / "play.mp4")) as copy:
        assert copy.streams.video[0].sample_aspect_ratio == Fraction(4, 3)


def test_a_matroska_file_stays_one_and_plays(served, tmp_path):
    path = write_video(tmp_path / "in.mkv", moving_texture(4), subtitles=True)
    clip = served.open(path)
    mark = {"type": "box", "x": 20, "y": 12, "w": 16, "h": 16, "first": 1, "last": 2}
    job = served.job(clip["id"], {"kind": "restore", "marks": [mark], "widen": 1})
    found = served.wait(job["id"])
    assert found["state"] == "done", found
    assert found["result"]["repaired"] == 2
    name = f"/api/jobs/{job['id']}"
    (tmp_path / "out.mkv").write_bytes(served.ask("GET", f"{name}/download/video")[1])
    (tmp_path / "play.mp4").write_bytes(served.ask("GET", f"{name}/download/play")[1])
    assert packets(tmp_path / "out.mkv", "subtitle")
    assert plays(tmp_path / "play.mp4")
    assert {edit[0] for edit in served.json("GET", f"{name}/edits/0")["edits"]} == {1, 2}
    assert served.ask("GET", f"{name}/doubt/1")[0] == 200
    assert served.ask("GET", f"{name}/doubt/0")[0] == 404
    status, part = served.ask("GET", f"{name}/download/play", range="bytes=0-9")
    assert (status, len(part)) == (206, 10)


def test_what_is_marked_is_kept_as_a_mask(served, tmp_path):
    clip = served.open(write_video(tmp_path / "in.mp4", moving_texture(4)))
    mark = {"type": "box", "x": 20, "y": 12, "w": 16, "h": 16, "first": 1, "last": 2}
    job = served.job(clip["id"], {"kind": "mask", "marks": [mark]})
    assert served.wait(job["id"])["result"] == {"masked": 2}
    name = f"/api/jobs/{job['id']}/download"
    (tmp_path / "kept.mkv").write_bytes(served.ask("GET", f"{name}/mask")[1])
    expected = np.zeros((4, 48, 64), bool)
    expected[1:3, 12:28, 20:36] = True
    assert np.array_equal(rgb_frames(tmp_path / "kept.mkv")[..., 0] > 127, expected)
    assert [served.ask("GET", f"{name}/{other}")[0] for other in ("video", "play", "record")] == [404] * 3
    nothing = served.job(clip["id"], {"kind": "mask", "marks": [{**mark, "erase": True}]})
    assert "Nothing is marked" in served.wait(nothing["id"])["error"]


def test_frames_that_are_whole_are_counted_where_many_follow_each_other(monkeypatch, video, tmp_path):
    monkeypatch.setattr("rovr.serve.telling._WHOLE", -1.0)
    monkeypatch.setattr(tasks, "_restorer", lambda task: Restorer.from_pretrained("telea", "nearest", "cpu"))
    told = []
    marks = [{"type": "box", "x": 20, "y": 12, "w": 16, "h": 16, "first": 5, "last": 6}]
    task = {"folder": tmp_path, "source": video(count=12), "out": "out.mp4", "title": "t", "marks": marks, "layers": {}}
    tasks.restore(
        task, lambda event, **more: told.append((more.get("phase", event), more.get("done"), more.get("total")))
    )
    steps = [one for one in told if one[0] in ("copy", "edit")]
    # The edits of a block are told before its frames; one whole frame by itself is not worth telling.
    assert steps == [("edit", 1, 2), ("edit", 2, 2), *(("copy", done, 10) for done in range(2, 11))]


def test_every_repair_of_two_passes_is_told(monkeypatch, video, tmp_path):
    told = []
    marks = [{"type": "box", "x": 20, "y": 12, "w": 16, "h": 16, "first": 5, "last": 6}]
    task = {"folder": tmp_path, "source": video(count=12), "out": "out.mp4", "title": "t", "marks": marks, "layers": {}}
    tasks.restore(
        {**task, "selector": "sequential", "passes": 2, "device": "cpu"},
        lambda event, **more: told.append((event, *(more.get(name) for name in ("phase", "done", "total", "due")))),
    )
    assert [one for one in told if one[0] == "edit" or one[1] == "repair"] == [
        ("step", "repair", 1, 4, None),
        ("step", "repair", 2, 4, None),
        ("edit", None, 3, 4, 2),
        ("edit", None, 4, 4, 2),
    ]
    assert len(json.loads((tmp_path / "record.json").read_text())["edits"]) == 2


def test_texture_is_a_way_to_repair(video, tmp_path):
    marks = [{"type": "box", "x": 20, "y": 12, "w": 16, "h": 16, "first": 0, "last": 11}]
    shared = {"source": video(count=12), "marks": marks, "layers": {}, "selector": "sequential", "device": "cpu"}
    found = {}
    for texture in (False, True):
        folder = tmp_path / str(texture)
        folder.mkdir()
        task = {**shared, "folder": folder, "out": "out.mp4", "title": "t", "texture": texture}
        found[texture] = tasks.restore(task, lambda event, **more: None)["texture"]
        tasks.preview({**task, "frame": 3}, lambda event, **more: None)
    assert found == {False: False, True: True}
    seen = [(tmp_path / str(texture) / "picture.jpg").read_bytes() for texture in (False, True)]
    assert seen[0] != seen[1]


def test_looking_ahead_in_a_long_video_is_told(monkeypatch, video, tmp_path):
    restorer = Restorer.from_pretrained("aligned", "sight", "cpu")
    restorer.window, restorer.margin = 10, 3
    monkeypatch.setattr(tasks, "_restorer", lambda task: restorer)
    told = []
    marks = [{"type": "box", "x": 20, "y": 12, "w": 16, "h": 16, "first": 5, "last": 6}]
    for count, expected in ((13, []), (30, [("ahead", 1, 30)])):
        folder = tmp_path / str(count)
        folder.mkdir()
        task = {
            "folder": folder,
            "source": video(f"{count}.mp4", count),
            "out": "out.mp4",
            "title": "t",
            "marks": marks,
        }
        told.clear()
        tasks.restore(
            {**task, "layers": {}},
            lambda event, **more: told.append((more.get("phase", event), more.get("done"), more.get("total"))),
        )
        assert [one for one in told if one[0] == "ahead"][:1] == expected


def test_a_preview_lets_go_of_its_files(monkeypatch, video, tmp_path):
    opened, closed = [], []
    make, close = Reader.__init__, Reader.close
    monkeypatch.setattr(Reader, "__init__", lambda self, index: (opened.append(self), make(self, index))[1])
    monkeypatch.setattr(Reader, "close", lambda self: (closed.append(self), close(self))[1])
    mask = write_video(tmp_path / "mask.mkv", np.zeros((12, 48, 64, 3), np.uint8), codec="ffv1", pix_fmt="gray")
    marks = [{"type": "found", "layer": "a"}]
    task = {"source": str(video()), "frame": 2, "marks": marks, "layers": {"a": str(mask)}, "folder": str(tmp_path)}
    with pytest.raises(UserError, match="Nothing is marked in this frame"):
        tasks.preview({**task, "device": "cpu", "selector": "nearest"}, lambda *event, **values: None)
    assert len(opened) == 2
    assert set(opened) == set(closed)


def test_a_video_is_deleted_when_nobody_looks_for_long(video):
    with serving(Limits(keep=1.0, spare=0)) as page:
        clip = page.open(video(count=6))
        assert list(page.page.store.root.iterdir())
        # A tab that shows it is somebody who looks.
        for _ in range(15):
            assert page.json("GET", f"/api/state?seen=other,{clip['id']}")["clips"]
            time.sleep(0.2)
        # Asking how things are is no look at a video.
        end = time.monotonic() + 30
        while page.json("GET", "/api/state")["clips"]:
            assert time.monotonic() < end
            time.sleep(0.2)
        assert not list(page.page.store.root.iterdir())


def test_edits_are_told_with_places_in_the_whole_video(video, tmp_path):
    from rovr.restore import restore_video

    told = []

    def watch(edit, frame, doubt):
        told.append((edit, frame.clone(), doubt.clone()))

    restorer = Restorer.from_pretrained("telea", "nearest", "cpu")
    restorer.window, restorer.margin = 4, 2
    path = video(count=15)
    restore_video(path, None, tmp_path / "out.mp4", boxes=["20,12,8,8"], restorer=restorer, crf=0, watch=watch)
    assert sorted(edit.frame for edit, *_ in told) == list(range(15))
    assert all(0 < abs(context - edit.frame) <= 2 for edit, *_ in told for context in edit.contexts)
    made = rgb_frames(tmp_path / "out.mp4").astype(int)
    for edit, frame, doubt in told:
        assert frame.shape == (3, 48, 64)
        assert doubt.shape == (1, 48, 64)
        assert not doubt[:, :12].any()
        assert np.abs(frame.permute(1, 2, 0).numpy() - made[edit.frame]).mean() < 3


def test_a_see_through_logo_is_learned_and_what_shines_through_is_kept(tmp_path):
    whole = np.concatenate([moving_texture(8, seed=seed) for seed in range(5)])
    laid = whole.copy()
    laid[:, 18:28, 26:38] = (laid[:, 18:28, 26:38] / 2 + 127).astype(np.uint8)
    opaque = whole.copy()
    opaque[:, 18:28, 26:38] = 200
    errors = {}
    for name, frames, translucent in (("hole", laid, False), ("seen", laid, True), ("opaque", opaque, True)):
        folder = tmp_path / name
        folder.mkdir()
        source = write_video(folder / "in.mkv", frames, codec="ffv1", pix_fmt="yuv444p")
        told = []
        marks = [{"type": "box", "x": 26, "y": 18, "w": 12, "h": 10}]
        task = {"folder": folder, "source": source, "out": "out.mp4", "title": "t", "marks": marks, "layers": {}}
        figures = tasks.restore(
            {**task, "selector": "nearest", "device": "cpu", "crf": 0, "translucent": translucent},
            lambda event, told=told, **more: told.append((event, more.get("phase"), more.get("text"))),
        )
        assert figures["repaired"] == len(frames)
        assert any(phase == "learn" for _, phase, _ in told) == translucent
        assert any(text and "repaired as a hole" in text for *_, text in told) == (name == "opaque")
        gap = rgb_frames(folder / "out.mp4")[:, 18:28, 26:38].astype(float)
        errors[name] = np.square(gap - whole[:, 18:28, 26:38]).mean()
    assert errors["seen"] < errors["hole"] / 4
