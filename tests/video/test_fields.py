"""Interlaced video, repaired field by field."""

import json
import re
from fractions import Fraction
from itertools import pairwise

import av
import cv2
import numpy as np
import pytest
from conftest import moving_texture

from rovr.batch.portions import Shot, find_scenes, make_portions, repair_portion
from rovr.batch.task import Tools
from rovr.cli import main
from rovr.editor.classical import ClassicalEditor
from rovr.errors import UserError
from rovr.items import matched, paired
from rovr.masking import Place, finding_scratches, write_masks
from rovr.provenance.file import TraceFile
from rovr.restore import Restorer, restore_video
from rovr.resume import job_options
from rovr.select import load_selector
from rovr.serve.tasks import preview
from rovr.translucent import learn_overlay
from rovr.video import frames, open_source, pixels
from rovr.video.fields import BY_FIELD, Combing, split, woven
from rovr.video.masks import open_masks
from rovr.video.source import INTERLACED

COUNT, HEIGHT, WIDTH = 6, 64, 96
ORDERS = ["tff", "bff"]


def pictures(speed: int) -> np.ndarray:
    """Twice as many as there are frames, moving to the left so many pixels each: (2 · COUNT, HEIGHT, WIDTH, 3)."""
    wide = moving_texture(1, HEIGHT, WIDTH + 2 * COUNT * 8)[0]
    return np.stack([wide[:, k * speed : k * speed + WIDTH] for k in range(2 * COUNT)])


def filmed(moving: np.ndarray, order: str) -> np.ndarray:
    """Two pictures in each frame: the earlier one in the lines of the field that comes first."""
    first = ORDERS.index(order)
    both = np.empty_like(moving[::2])
    both[:, first::2], both[:, 1 - first :: 2] = moving[::2, first::2], moving[1::2, 1 - first :: 2]
    return both


def interlaced(path, pictures, order="tff", pix_fmt="yuv420p"):
    """Written without loss."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25, options={"flags": "+ildct+ilme"})
        stream.height, stream.width, stream.pix_fmt = *pictures.shape[1:3], pix_fmt
        for index, rgb in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            output.mux(stream.encode(frames.filtered(frame, "setfield", order)))
        output.mux(stream.encode(None))
    return path


def streaks(seed: int = 0) -> np.ndarray:
    """Holes in one field of most frames, and in both of one, (COUNT, HEIGHT, WIDTH) bool."""
    chance = np.random.default_rng(seed)
    masks = np.zeros((COUNT, HEIGHT, WIDTH), bool)
    for mask in masks[:-1]:
        top = chance.integers(0, HEIGHT - 18)
        mask[top : top + 16 : 2, 10:80] = True
    masks[2, 40:48, 20:40] = True
    return masks


def drawn(path, masks):
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = *masks.shape[1:], "gray"
        for index, mask in enumerate(masks):
            frame = av.VideoFrame.from_ndarray(mask.astype(np.uint8) * 255, "gray")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def luma(path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([pixels.planes(frame)[0][..., 0].copy() for frame in container.decode(video=0)])


@pytest.fixture
def film(tmp_path):
    """Makes a damaged video, its mask, and the truth's luma."""

    def make(speed=6, order="tff", pix_fmt="yuv420p"):
        truth, masks = filmed(pictures(speed), order), streaks()
        whole = luma(interlaced(tmp_path / "truth.mkv", truth, order, pix_fmt))
        path = interlaced(tmp_path / "in.mkv", np.where(masks[..., None], 250, truth), order, pix_fmt)
        return path, drawn(tmp_path / "mask.mkv", masks), masks, whole

    return make


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le", "yuv411p", "gray", "gbrp10le"])
def test_fields_are_every_other_line_and_make_the_frame_again(tmp_path, order, pix_fmt):
    path = interlaced(tmp_path / "in.mkv", filmed(pictures(5), order), order, pix_fmt)
    mask = streaks()[0]
    with open_source(path) as source:
        for frame in source:
            parts = list(split(frame, mask))
            assert [part.first for part, _ in parts] == ([0, 1] if order == "tff" else [1, 0])
            for part, hole in parts:
                assert np.array_equal(hole, mask[part.first :: 2])
                for own, lines in zip(pixels.planes(part.native), pixels.planes(frame.native), strict=True):
                    assert np.array_equal(own, lines[part.first :: 2])
            again = woven([part for part, _ in parts])
            assert again.native.interlaced_frame
            assert again.native.pts == frame.native.pts
            for own, lines in zip(pixels.planes(again.native), pixels.planes(frame.native), strict=True):
                assert np.array_equal(own, lines)


@pytest.mark.parametrize("order", ORDERS)
def test_where_things_move_dropouts_of_one_field_are_repaired_better(film, tmp_path, order):
    path, mask, masks, truth = film(order=order)
    errors, notes = [], []
    for fields in (False, True):
        out = tmp_path / f"{fields}.mkv"
        summary = restore_video(path, mask, out, lossless=True, fields=fields, cuts=False)
        found = luma(out)
        assert np.array_equal(found[~masks], luma(path)[~masks])
        assert (summary.frames, summary.repaired) == (COUNT, COUNT - 1)
        assert summary.hole_share == pytest.approx(masks.mean(), abs=1e-6)
        errors.append(((found.astype(float) - truth)[masks] ** 2).mean())
        notes.append(" ".join(summary.notes))
        with av.open(str(out)) as container:
            assert all(frame.interlaced_frame for frame in container.decode(video=0))
    assert errors[1] < 0.8 * errors[0]
    assert ["as one picture" in note for note in notes] == [True, False]
    assert ["--fields yes should" in note for note in notes] == [True, False]


@pytest.mark.parametrize(("speed", "fields"), [(0, False), (6, True)])
def test_where_much_moves_fields_are_repaired_one_by_one(film, tmp_path, speed, fields):
    path, mask, *_ = film(speed=speed)
    made, notes = {}, {}
    for choice in (None, True, False):
        out = tmp_path / f"{choice}.mkv"
        summary = restore_video(path, mask, out, lossless=True, fields=choice)
        assert summary.fields == (fields if choice is None else choice)
        notes[choice] = " ".join(summary.notes)
        made[choice] = luma(out)
    assert np.array_equal(made[None], made[fields])
    assert not np.array_equal(made[None], made[not fields])
    assert notes[None] == notes[fields]
    assert notes[None].startswith(BY_FIELD if fields else INTERLACED)
    # Streaks of a field are as wide as a sample of colour there, and not in the frame.
    assert ["too narrow" in notes[choice] for choice in (True, False)] == [False, True]
    assert f"--fields {'yes' if fields else 'no'} should repair it better" in notes[not fields]


def test_combing_is_told_around_the_hole(tmp_path):
    ratios = []
    for speed in (0, 2, 6):
        path = interlaced(tmp_path / f"{speed}.mkv", filmed(pictures(speed), "tff"))
        meter = Combing()
        with open_source(path) as source:
            for frame in source:
                meter.look(frame, np.zeros((HEIGHT, WIDTH), bool))
        ratios.append(meter.ratio)
    assert all(less < more for less, more in pairwise(ratios))
    nothing = Combing()
    nothing.look(frame, np.ones((HEIGHT, WIDTH), bool))
    assert nothing.advice(fields=True) == nothing.advice(fields=False) == ""


def test_an_interrupted_job_goes_on_to_the_same_output(film, tmp_path):
    path, mask, *_ = film()
    restorer = Restorer(ClassicalEditor("telea"), load_selector("sequential"), window=4, margin=1)
    call = {"fields": True, "restorer": restorer, "resume": True}
    whole, out = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    restore_video(path, mask, whole, **call)
    seen = []

    def stop():
        seen.append(None)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore_video(path, mask, out, on_frame=stop, **call)
    with pytest.raises(UserError, match="--fields was True and is False"):
        restore_video(path, mask, out, **{**call, "fields": False})
    done = []
    summary = restore_video(path, mask, out, on_frame=lambda: done.append(0), **call)
    assert 0 < summary.resumed < summary.repaired == COUNT - 1
    assert len(done) == COUNT
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("order", ORDERS)
def test_what_fields_show_is_told_of_frames(film, tmp_path, order):
    path, mask, masks, _ = film(order=order)
    plain = restore_video(path, mask, tmp_path / "plain.mkv", lossless=True, fields=True)
    summary = restore_video(path, mask, tmp_path / "out.mkv", lossless=True, fields=True, provenance=tmp_path / "p.npz")
    assert np.array_equal(luma(tmp_path / "out.mkv"), luma(tmp_path / "plain.mkv"))
    assert summary.provenance["pixels"] == masks.sum()
    assert summary.provenance["invented"] == pytest.approx(plain.mean_doubt, abs=0.05)
    # The nearest picture is the other field of the same frame.
    assert summary.provenance["by_distance"]["0"] > 0.2
    file = TraceFile(tmp_path / "p.npz")
    for frame in range(COUNT - 1):
        trace = file.read(frame)
        assert trace.size == (HEIGHT, WIDTH)
        assert np.array_equal(trace.places.numpy(), np.flatnonzero(masks[frame]))
        assert int(trace.frames.max()) < COUNT
        sums = trace.shares.long().sum(0) + trace.other + trace.unknown + trace.invented
        assert bool((sums == 255).all())
        # Nobody is named twice.
        for row in trace.frames.T.tolist():
            named = [source for source in row if source >= 0]
            assert len(set(named)) == len(named)


@pytest.mark.parametrize("order", ORDERS)
def test_dropouts_of_one_field_are_found_where_much_moves(film, tmp_path, order):
    path, _, masks, _ = film(order=order)
    write_masks(Place(path, tmp_path / "found.mkv"), finding_scratches())
    found = luma(tmp_path / "found.mkv") > 127
    assert (found & masks).sum() > 0.3 * masks.sum()
    assert (found & masks).sum() > 0.5 * found.sum()
    write_masks(Place(path, tmp_path / "wide.mkv"), finding_scratches(dilate=1))
    assert (luma(tmp_path / "wide.mkv") > 127).sum() > found.sum()
    # What is widened stays in its field, so that the other one is there to be looked at.
    both = (luma(tmp_path / "wide.mkv") > 127).reshape(COUNT, -1, 2, WIDTH).any((1, 3)).all(1)
    assert both.sum() < COUNT / 2


@pytest.mark.parametrize("order", ORDERS)
def test_repairs_are_told_of_frames(film, tmp_path, order):
    path, mask, masks, _ = film(order=order)
    done, ahead, early, told, pictures, doubts = [], [], [], [], [], []

    def watch(edit, picture, doubt):
        told.append(edit)
        pictures.append(picture.clone())
        doubts.append(doubt.clone())

    tell = {"on_frame": lambda: done.append(0), "on_ahead": ahead.append, "on_early": early.append, "watch": watch}
    restorer = Restorer.from_pretrained(device="cpu", passes=2)
    restorer.window, restorer.margin = 4, 2
    restore_video(path, mask, tmp_path / "out.mkv", restorer=restorer, lossless=True, fields=True, cuts=False, **tell)
    damaged = list(range(COUNT - 1))
    assert len(done) == COUNT
    assert ahead == list(range(COUNT))
    assert sorted(early) == sorted(edit.frame for edit in told) == damaged
    for edit, picture, doubt in zip(told, pictures, doubts, strict=True):
        assert 0 < len(edit.contexts) == len(set(edit.contexts)) <= 4
        assert edit.frame not in edit.contexts
        assert set(edit.contexts) <= set(range(COUNT))
        assert (picture.shape, doubt.shape) == ((3, HEIGHT, WIDTH), (1, HEIGHT, WIDTH))
        # Where nothing is missing there is no doubt, in whichever field that is.
        assert bool(doubt[0].any())
        assert not doubt[0].numpy()[~masks[edit.frame]].any()
        assert bool((picture[:, ::2] == picture[:, 1::2]).all())


@pytest.mark.parametrize("order", ORDERS)
def test_scenes_of_fields_are_shared_out(tmp_path, order):
    # The second scene begins with the second field of a frame.
    two = [moving_texture(1, HEIGHT, WIDTH, seed=seed).repeat(count, 0) for seed, count in ((1, 5), (2, 2 * COUNT - 5))]
    masks = streaks()
    path = interlaced(tmp_path / "in.mkv", filmed(np.concatenate(two), order), order, "yuv422p")
    mask = drawn(tmp_path / "mask.mkv", masks)
    tools = Tools(editor="telea", selector="random", device="cpu")
    restorer, out = tools.load(), tmp_path / "out.mkv"
    options = job_options(dilate=0, seed=3, crf=18, lossless=True, grain=True, fields=True, provenance=False)
    shot = Shot(path, mask, out, (), tuple(options.items()))
    portions = []

    def start(job):
        assert job.fields
        with open_source(path) as source:
            items = paired(matched(source, open_masks(source.info, mask)), fields=True)
            scenes = find_scenes(items, restorer.blocks(WIDTH, HEIGHT // 2))
        assert [(scene.mark.index, scene.first, scene.length) for scene in scenes] == [(0, 0, 5), (2, 5, 7)]
        portions.extend(make_portions(scenes, 2))
        for portion in reversed(portions):
            assert repair_portion(shot, portion, tools.load(), lambda share: None).fault == ""

    call = {"restorer": restorer, "seed": 3, "lossless": True, "grain": True, "fields": True}
    summary = restore_video(path, mask, out, resume=True, on_start=start, **call)
    assert len(portions) == 2
    assert summary.resumed == summary.repaired == COUNT - 1
    assert summary.scenes == [0, 2]
    restore_video(path, mask, tmp_path / "whole.mkv", **call)
    assert np.array_equal(luma(out), luma(tmp_path / "whole.mkv"))


@pytest.mark.parametrize("order", ORDERS)
def test_a_see_through_logo_is_learned_field_by_field(tmp_path, order):
    scenes = [moving_texture(1, HEIGHT, WIDTH + 14 * 6, seed=seed)[0] for seed in range(5)]
    truth = filmed(np.stack([wide[:, 6 * k : 6 * k + WIDTH] for wide in scenes for k in range(14)]), order)
    laid, place = truth.copy(), np.s_[:, 24:36, 40:56]
    laid[place] = laid[place] // 2 + 127
    path, whole = (interlaced(tmp_path / f"{name}.mkv", each, order) for name, each in (("in", laid), ("whole", truth)))
    restorer, box = Tools(selector="nearest", device="cpu").load(), "38,22,20,16"
    done = learn_overlay(path, None, tmp_path / "logo.npz", boxes=[box], restorer=restorer)
    assert done.hole < 0.2 * done.pixels
    errors = {}
    for name, mask, boxes in (("hole", None, [box]), ("seen", tmp_path / "logo.npz", [])):
        out = tmp_path / f"{name}.mkv"
        summary = restore_video(path, mask, out, boxes=boxes, restorer=restorer, lossless=True)
        assert summary.fields or not summary.hole_share
        errors[name] = np.square(luma(out)[place].astype(float) - luma(whole)[place]).mean()
    assert errors["seen"] < errors["hole"] / 4


def test_fields_are_repaired_by_workers_and_reported(film, tmp_path, capsys):
    path, mask, *_ = film()
    call = ["restore", str(path), "--mask", str(mask), "--editor", "telea", "--selector", "nearest", "--fields", "yes"]
    assert main([*call, "-o", str(tmp_path / "one.mkv"), "--report", str(tmp_path / "page"), "--lossless"]) == 0
    assert main([*call, "-o", str(tmp_path / "two.mkv"), "--workers", "2", "--lossless"]) == 0
    assert "Only one scene has holes" in capsys.readouterr().err
    assert np.array_equal(luma(tmp_path / "one.mkv"), luma(tmp_path / "two.mkv"))
    page = (tmp_path / "page" / "index.html").read_text()
    told = json.loads(re.search(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', page, re.S)[1])
    assert [edit[0] for edit in told["edits"]] == list(range(COUNT - 1))
    assert told["summary"]["fields"] is True
    assert {frame for frame, shown in told["pictures"].items() if "doubt" in shown} == set(map(str, range(COUNT - 1)))


@pytest.mark.parametrize(("speed", "fields"), [(0, False), (6, True)])
def test_a_preview_is_what_the_repair_will_be(film, tmp_path, speed, fields):
    film(speed)
    path, masks = tmp_path / "truth.mkv", np.zeros((COUNT, HEIGHT, WIDTH), bool)
    masks[2, 20:44, 30:60] = True
    mask, out = drawn(tmp_path / "box.mkv", masks), tmp_path / "out.mkv"
    told = []
    restore_video(path, mask, out, lossless=True, fields=fields, watch=lambda *edit: told.append(edit))
    box = {"type": "box", "x": 30, "y": 20, "w": 30, "h": 24, "first": 2, "last": 2}
    task = {"source": str(path), "frame": 2, "marks": [box], "layers": {}, "folder": str(tmp_path), "device": "cpu"}
    shown = preview(task, lambda *event, **values: None)
    (edit, _, doubt), *_ = told
    assert shown["contexts"] == list(edit.contexts)
    assert shown["doubt"] == pytest.approx(float(doubt[0].numpy()[masks[2]].mean()) / 255)
    with open_source(out) as source:
        wanted = cv2.cvtColor([frame.rgb for frame in source][2], cv2.COLOR_RGB2GRAY)
    # Colours of fields do not get along with those of JPEG.
    picture = cv2.imread(str(tmp_path / "picture.jpg"), cv2.IMREAD_GRAYSCALE)
    assert np.abs(picture.astype(int) - wanted)[20:44, 30:60].mean() < 3
    assert cv2.imread(str(tmp_path / "doubt.png")).shape[:2] == (HEIGHT, WIDTH)


def test_video_without_fields_is_refused(video, tmp_path):
    with pytest.raises(UserError, match="does not say that it is interlaced"):
        restore_video(video(), None, tmp_path / "out.mkv", boxes=["1,1,8,8"], fields=True)
    path = interlaced(tmp_path / "in.mkv", filmed(pictures(5), "tff")[:, :62])
    with pytest.raises(UserError, match=r"has 62 lines.* only where 4 divides them"):
        restore_video(path, None, tmp_path / "out.mkv", boxes=["1,1,8,8"], fields=True)
    assert not (tmp_path / "out.mkv").exists()
    assert restore_video(path, None, tmp_path / "out.mkv", boxes=["1,1,8,8"], lossless=True).notes[0] == INTERLACED
