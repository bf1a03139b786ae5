"""``rovr mask`` from file to file, and on to ``rovr restore``."""

import json
import sys

import cv2
import numpy as np
import pytest
from conftest import rgb_frames, write_video
from panned import HEIGHT, WIDTH, blended, colour, pan

from rovr.cli import main
from rovr.video import open_masks, open_source

BOX = "30,20,24,24"


@pytest.fixture
def clip(tmp_path):
    """Six frames with a white square that stands still before a moving picture."""
    hole = np.zeros((HEIGHT, WIDTH), np.uint8)
    hole[20:44, 30:54] = 1
    return write_video(tmp_path / "in.mp4", colour(blended(pan(6), hole > 0, 255)), options={"crf": "5"})


def arguments(tmp_path, verb):
    shapes = tmp_path / "shapes.json"
    shapes.write_text(json.dumps({"shapes": [{"box": [30, 20, 24, 24]}]}))
    return {"draw": ["--shapes", str(shapes)], "logo": [], "scratches": [], "follow": ["--box", BOX]}[verb]


def masks_of(video, path):
    with open_source(video) as source:
        return np.stack(list(open_masks(source.info, path)))


@pytest.mark.parametrize("out", ["mask.mkv", "mask.mp4", "masks"])
@pytest.mark.parametrize("verb", ["draw", "logo", "scratches", "follow"])
def test_every_verb_writes_masks_in_step_with_the_video(clip, tmp_path, verb, out):
    out = tmp_path / out
    assert main(["mask", verb, str(clip), *arguments(tmp_path, verb), "-o", str(out), "--quiet"]) == 0
    masks = masks_of(clip, out)
    assert masks.shape == (6, HEIGHT, WIDTH)
    if verb != "scratches":
        assert masks[:, 24:40, 34:50].all()
        assert masks[:, :10].sum() == 0


def test_a_drawn_mask_repairs_the_video(clip, tmp_path):
    mask, out = tmp_path / "mask.mkv", tmp_path / "out.mkv"
    assert main(["mask", "draw", str(clip), *arguments(tmp_path, "draw"), "-o", str(mask), "--dilate", "2"]) == 0
    fast = ["--editor", "telea", "--selector", "nearest", "--device", "cpu", "--lossless", "--quiet"]
    assert main(["restore", str(clip), "--mask", str(mask), "-o", str(out), *fast]) == 0
    before, after = rgb_frames(clip).astype(int), rgb_frames(out).astype(int)
    assert np.abs(before - after)[:, 24:40, 34:50].mean() > 20
    assert np.array_equal(before[:, :14], after[:, :14])


def test_masks_are_upright_where_the_video_is_turned(tmp_path):
    turned = write_video(tmp_path / "turned.mp4", colour(pan(4)), rotation=90)
    out = tmp_path / "masks"
    assert main(["mask", "draw", str(turned), *arguments(tmp_path, "draw"), "-o", str(out), "--quiet"]) == 0
    picture = cv2.imread(str(out / "00000.png"), cv2.IMREAD_GRAYSCALE)
    assert picture.shape == (WIDTH, HEIGHT)
    assert (picture[20:44, 30:54] == 255).all()
    assert (picture == 255).sum() == 24 * 24


def test_a_loss_and_a_summary_are_said(tmp_path, capsys):
    frames = pan(8)
    frames[:5, 20:44, 30:54] = np.tile(np.repeat([[0, 255, 0], [255, 0, 255], [0, 255, 0]], 8, 0), (1, 8))[:, :24]
    clip = write_video(tmp_path / "in.mp4", colour(frames))
    assert main(["mask", "follow", str(clip), "--box", BOX, "-o", str(tmp_path / "m.mkv")]) == 0
    said = capsys.readouterr().err
    assert "lost at frame 5 (0.20 s)" in said
    assert "8 frames, 5 with a hole" in said


def test_a_click_is_enough_to_follow(clip, tmp_path, capsys):
    call = ["mask", "follow", str(clip), "-o", str(tmp_path / "m.mkv"), "--overwrite"]
    for given in (["--click", "40,30"], ["--click", "40,30,2"], ["--click", "40,30", "--from", "2"]):
        assert main([*call, *given]) == 0
        said = capsys.readouterr().err
        first = 0 if len(given) == 2 and given[1].count(",") == 1 else 2
        assert f"in frame {first} is taken to be --box" in said
        masks = masks_of(clip, tmp_path / "m.mkv")
        assert masks[first:, 21:43, 31:53].all()
        assert masks.sum() < (6 - first) * 34 * 34
        assert not masks[:first].any()
    for wrong, says in (
        (["--click", "40,30,2", "--from", "3"], "two frames"),
        (["--click", "999,30"], "outside the 160×96 picture"),
        ([], "either --box"),
    ):
        assert main([*call, *wrong]) == 2
        assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("verb", "more", "words"),
    [
        ("logo", ["--sensitivity", "0"], "above 0"),
        ("scratches", ["--dilate", "-1"], "0 or more"),
        ("follow", ["--box", "1,2,3"], "four whole numbers"),
        ("follow", ["--from", "6"], "only 6 frames"),
        ("follow", ["--click", "40,30"], "either --box"),
        ("draw", ["--rate", "0"], "--rate"),
        ("draw", ["--shapes", "none.json"], "cannot be read"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(clip, tmp_path, capsys, verb, more, words):
    given = arguments(tmp_path, verb)
    before = sorted(tmp_path.iterdir())
    given = [] if more[0] in given else given
    assert main(["mask", verb, str(clip), *given, *more, "-o", str(tmp_path / "m.mkv")]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_shapes_beside_the_picture_are_told(clip, tmp_path, capsys):
    shapes = tmp_path / "s.csv"
    shapes.write_text("x,y,w,h\n900,900,5,5\n")
    assert main(["mask", "draw", str(clip), "--shapes", str(shapes), "-o", str(tmp_path / "m.mkv")]) == 2
    assert "no shape lies in any frame" in capsys.readouterr().err
    assert not (tmp_path / "m.mkv").exists()


def test_an_output_is_replaced_only_when_told(clip, tmp_path, capsys):
    call = ["mask", "draw", str(clip), *arguments(tmp_path, "draw"), "-o", str(tmp_path / "m.mkv"), "--quiet"]
    assert [main(call), main(call), main([*call, "--overwrite"])] == [0, 2, 0]
    assert "--overwrite" in capsys.readouterr().err


def test_sam_2_without_its_extra_or_its_tracker_is_told(clip, tmp_path, capsys, monkeypatch):
    call = ["mask", "follow", str(clip), "--box", BOX, "-o", str(tmp_path / "m.mkv")]
    before = sorted(tmp_path.iterdir())
    monkeypatch.setitem(sys.modules, "transformers", None)
    for more, says in (
        (["--tracker", "sam2"], "pip install 'rovr[sam2]'"),
        (["--tracker-model", "owner/name"], "belongs to --tracker sam2"),
    ):
        assert main([*call, *more]) == 2
        said = capsys.readouterr().err
        assert says in said
        assert said.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
