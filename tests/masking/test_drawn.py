"""Shapes from files: what they say, and what is drawn of them."""

import json

import numpy as np
import pytest
from panned import shown

from rovr.errors import UserError
from rovr.masking import drawing, read_shapes


def write(tmp_path, name, held):
    path = tmp_path / name
    path.write_text(held if isinstance(held, str) else json.dumps(held))
    return path


def drawn(path, count=6, height=20, width=40):
    return np.stack(list(drawing(read_shapes(path))(shown(np.zeros((count, height, width), np.uint8)))))


def box_at(x, y, w, h, height=20, width=40):
    mask = np.zeros((height, width), bool)
    mask[max(y, 0) : y + h, max(x, 0) : x + w] = True
    return mask


def test_a_box_without_a_time_is_always_there(tmp_path):
    masks = drawn(write(tmp_path, "s.json", {"shapes": [{"box": [3, 4, 10, 5]}]}))
    assert np.array_equal(masks, np.stack([box_at(3, 4, 10, 5)] * 6))


def test_boxes_move_evenly_between_keys_and_are_gone_outside_them(tmp_path):
    keys = [{"frame": 1, "box": [0, 0, 4, 4]}, {"frame": 4, "box": [30, 9, 10, 4]}]
    masks = drawn(write(tmp_path, "s.json", [{"keys": keys}]))
    assert not masks[0].any()
    assert not masks[5].any()
    for t, box in ((1, (0, 0, 4, 4)), (2, (10, 3, 6, 4)), (3, (20, 6, 8, 4)), (4, (30, 9, 10, 4))):
        assert np.array_equal(masks[t], box_at(*box))


def test_a_shape_that_lies_in_no_frame_is_said(tmp_path):
    beyond = {"name": "clock", "box": [400, 0, 4, 4]}
    late = {"frame": 60, "polygon": [[0, 0], [9, 0], [0, 9]]}
    # It lies below another one in some frame, which is not nowhere.
    below = {"name": "below", "frame": 5, "box": [5, 5, 2, 2]}
    shapes = read_shapes(write(tmp_path, "s.json", [{"box": [3, 4, 10, 5]}, beyond, late, below]))
    frames, said = np.zeros((6, 20, 40), np.uint8), []
    masks = np.stack(list(drawing(shapes, said.append)(shown(frames))))
    assert np.array_equal(masks, np.stack([box_at(3, 4, 10, 5)] * 6))
    assert said == ["Shapes that lie in no frame of the video: 'clock', '3'. Check their places and times."]
    # Where there is none at all, the command refuses to write anything.
    list(drawing(shapes[1:3], said.append)(shown(frames)))
    assert len(said) == 1


def test_times_are_those_of_the_frames(tmp_path):
    keys = [{"time": 0.04, "box": [0, 0, 4, 4]}, {"time": 0.12, "box": [8, 0, 4, 4]}]
    masks = drawn(write(tmp_path, "s.json", [{"keys": keys}]))
    assert [bool(mask.any()) for mask in masks] == [False, True, True, True, False, False]
    assert np.array_equal(masks[2], box_at(4, 0, 4, 4))


def test_csv_says_the_same_as_json(tmp_path):
    table = "shape,frame,x,y,w,h,points\na,0,1,2,6,4,\na,5,11,2,6,4,\ntri,2,,,,,20 2 36 2 20 18\n"
    keys = [{"frame": 0, "box": [1, 2, 6, 4]}, {"frame": 5, "box": [11, 2, 6, 4]}]
    shapes = [{"keys": keys}, {"frame": 2, "polygon": [[20, 2], [36, 2], [20, 18]]}]
    masks = drawn(write(tmp_path, "s.csv", table))
    assert np.array_equal(masks, drawn(write(tmp_path, "s.json", {"shapes": shapes})))
    triangle = masks[2][:, 19:]
    assert triangle.sum() == pytest.approx(16 * 16 / 2, rel=0.2)
    assert triangle[3, 2]
    assert not triangle[17, 15]
    assert not masks[3][:, 19:].any()


@pytest.mark.parametrize(("name", "between"), [("s.csv", ";"), ("s.csv", "\t"), ("s.tsv", "\t")])
def test_tables_have_semicolons_or_tabs_too(tmp_path, name, between):
    comma = "shape,frame,x,y,w,h\na,0,1,2,3,4\n"
    one, other = drawn(write(tmp_path, "c.csv", comma)), drawn(write(tmp_path, name, comma.replace(",", between)))
    assert one.any()
    assert np.array_equal(one, other)


def test_polygons_move_corner_by_corner(tmp_path):
    one, other = [[2, 2], [8, 2], [8, 8], [2, 8]], [[22, 2], [28, 2], [28, 8], [22, 8]]
    masks = drawn(write(tmp_path, "s.json", [{"keys": [{"frame": 0, "polygon": one}, {"frame": 4, "polygon": other}]}]))
    assert np.array_equal(masks[2], np.roll(masks[0], 10, 1))
    assert masks[0].any()


def test_what_sticks_out_is_cut(tmp_path):
    masks = drawn(write(tmp_path, "s.json", [{"box": [-3, -3, 6, 6]}, {"box": [-30, 2, 5, 5]}]))
    assert np.array_equal(masks[0], box_at(0, 0, 3, 3))


@pytest.mark.parametrize(
    ("name", "held", "words"),
    [
        ("s.txt", "", ".json, .csv or .tsv"),
        ("s.json", "{", "no JSON"),
        ("s.json", {"shapes": 3}, "list of objects"),
        ("s.json", {"shapes": []}, "no shapes"),
        ("s.json", [{"name": "logo", "box": [1, 2, 3]}], "shape logo: a box is"),
        ("s.json", [{"box": [1, 2, 3, 0]}], "a box is"),
        ("s.json", [{"box": [1, 2, "wide", 3]}], "no number"),
        ("s.json", [{"box": [1, 2, float("nan"), 3]}], "beyond any picture"),
        ("s.json", [{}], "needs a box"),
        ("s.json", [{"polygon": [[1, 2], [3, 4]]}], "three corners"),
        ("s.json", [{"polygon": [[1, 2], [3, 4], [5]]}], "three corners"),
        ("s.json", [{"keys": [{"frame": 1, "box": [0, 0, 1, 1]}, {"time": 2, "box": [0, 0, 1, 1]}]}], "use one of"),
        ("s.json", [{"keys": [{"frame": 1, "box": [0, 0, 1, 1]}, {"box": [0, 0, 1, 1]}]}], "needs its frame"),
        ("s.json", [{"keys": [{"frame": 1, "box": [0, 0, 1, 1]}] * 2}], "must rise"),
        ("s.csv", "shape,frame,x,y,w,h\na,0,1,2,3\n", "no number"),
        ("s.json", [{"name": "car", "fame": 3, "box": [1, 2, 3, 4]}], "shape car: there is no key 'fame'; choose from"),
        ("s.json", [{"name": "car", "keys": [{"fame": 3, "box": [1, 2, 3, 4]}]}], "shape car: there is no key 'fame'"),
        ("s.json", [{"keys": [{"frame": 3, "box": [1, 2, 3, 4]}], "box": [1, 2, 3, 4]}], "no key 'box'"),
        ("s.json", {"shapes": [{"box": [1, 2, 3, 4]}], "fps": 25}, "no key 'fps'"),
        ("s.csv", "shape,fame,x,y,w,h\na,3,1,2,3,4\n", "line 1: there is no column 'fame'"),
        ("s.csv", "shape,frame,x,y,w,h\na,3,1,2,3,4,5\n", "line 2: more values"),
        ("s.csv", f"shape,frame\n{'a' * 200_000},3\n", "no line of a table"),
        ("s.csv", "shape,frame,points\na,0,1 1 2 2 3 3\na,1,1 1 2 2 3 3 4 4\n", "same number of corners"),
    ],
)
def test_mistakes_name_the_shape(tmp_path, name, held, words):
    with pytest.raises(UserError, match=words) as caught:
        read_shapes(write(tmp_path, name, held))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_shapes(tmp_path / "none.json")
