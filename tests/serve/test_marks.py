"""What was marked becomes the masks that were meant."""

import msgspec
import numpy as np
import pytest
from mask_files import masks_of

from rovr.errors import UserError
from rovr.masking import Place, write_masks
from rovr.serve.marks import Box, Drawing, Found, Marks, Stroke

SIZE = (64, 48)


def none(layer):
    raise AssertionError("no mask was found")


def test_a_box_covers_its_pixels_on_its_frames_alone():
    drawing = Drawing([Box(x=10, y=5, w=4, h=3, first=2, last=3)], {})
    mask = drawing.paint(2, SIZE, none)
    assert mask.sum() == 12
    assert mask[5:8, 10:14].all()
    assert not drawing.paint(1, SIZE, none).any()
    assert drawing.paint(3, SIZE, none).any()
    assert not drawing.paint(4, SIZE, none).any()


def test_thousands_of_specks_can_be_marked():
    boxes = [{"type": "box", "x": k, "y": 5, "w": 4, "h": 3, "first": k, "last": k} for k in range(10_000)]
    drawing = Drawing(msgspec.convert(boxes, Marks), {})
    assert drawing.paint(20, SIZE, none).sum() == 12


def test_without_a_last_frame_a_mark_goes_on():
    assert Drawing([Box(x=0, y=0, w=4, h=4)], {}).paint(10**6, SIZE, none).any()


def test_a_dot_is_a_disc_of_the_brush():
    mask = Drawing([Stroke(points=[(32, 24)], size=20)], {}).paint(0, SIZE, none)
    assert mask.sum() == pytest.approx(np.pi * 100, rel=0.08)
    rows, columns = np.nonzero(mask)
    assert (rows.mean(), columns.mean()) == (pytest.approx(23.5, abs=0.3), pytest.approx(31.5, abs=0.3))


def test_a_stroke_is_as_wide_as_the_brush_and_has_round_ends():
    mask = Drawing([Stroke(points=[(16, 24), (48, 24)], size=8)], {}).paint(0, SIZE, none)
    wide = int(mask[:, 32].sum())
    assert wide == pytest.approx(8, abs=1)
    assert mask.sum() == pytest.approx(32 * wide + np.pi * 16, rel=0.06)


def test_an_eraser_takes_away_what_was_there_before_and_not_what_comes_after():
    box, hole = Box(x=0, y=0, w=20, h=20), Stroke(points=[(10, 10)], size=6, erase=True)
    assert not Drawing([box, hole], {}).paint(0, SIZE, none)[10, 10]
    assert Drawing([hole, box], {}).paint(0, SIZE, none)[10, 10]


def test_marks_that_stick_out_are_cut_off():
    mask = Drawing([Box(x=-50, y=-50, w=60, h=60), Stroke(points=[(500, 500)], size=9)], {}).paint(0, SIZE, none)
    assert mask.sum() == 100


def test_masks_in_a_row_are_the_masks_one_by_one(video, tmp_path):
    source = video(count=5)
    found = tmp_path / "found.mkv"
    first = Drawing([Box(x=2, y=2, w=8, h=8, first=1, last=2)], {})
    write_masks(Place(source, found), first.masker())
    marks = [Found(layer="a", first=2), Box(x=40, y=30, w=5, h=5, first=4)]
    drawing = Drawing(marks, {"a": found})
    write_masks(Place(source, tmp_path / "all.mkv"), drawing.masker())
    masks = masks_of(tmp_path / "all.mkv")
    assert masks.sum((1, 2)).tolist() == [0, 0, 64, 0, 25]


def test_what_makes_no_mask_is_said():
    with pytest.raises(UserError, match="Nothing is marked"):
        Drawing([Box(x=0, y=0, w=3, h=3, erase=True)], {})
    with pytest.raises(UserError, match="is gone"):
        Drawing([Found(layer="b")], {})


@pytest.mark.parametrize(
    "mark",
    [
        {"type": "box", "x": 0, "y": 0, "w": 0, "h": 3},
        {"type": "box", "x": 1e9, "y": 0, "w": 1, "h": 3},
        {"type": "stroke", "points": [], "size": 3},
        {"type": "stroke", "points": [[1, 2]], "size": 1e9},
        {"type": "stroke", "points": [[1, 2, 3]], "size": 3},
        {"type": "found", "layer": "a", "path": "/etc/passwd"},
        {"type": "other"},
    ],
)
def test_marks_that_make_no_sense_are_refused(mark):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert([mark], Marks)
