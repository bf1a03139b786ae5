import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from rovr.batch.folder import find_mask, videos_in
from rovr.batch.plan import Common, make_plan
from rovr.batch.task import Options
from rovr.errors import UserError
from rovr.video.limits import MAX_TEXT


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((4, 4), np.uint8))


def plan(source, outdir="out", **common):
    return make_plan(Path(source), Path(outdir), Common(**common))


# Folders


def test_a_folder_of_videos(tmp_path):
    touch(tmp_path, "clip10.mp4", "clip2.avi", "notes.txt", ".hidden.mp4", "deep/other.mp4", "no.jpg")
    picture(tmp_path / "frames" / "0.png")
    picture(tmp_path / "out" / "0.png")
    found = videos_in(tmp_path, tmp_path / "out")
    assert [path.name for path in found] == ["clip2.avi", "clip10.mp4", "frames"]


@pytest.mark.parametrize(
    "mask", ["a.mask.mp4", "a_mask.mkv", "a-mask.png", "masks/a.png", "mask/a.mov", "a_mask/0.png", "masks/a/0.png"]
)
def test_masks_are_found_and_not_taken_for_videos(tmp_path, mask):
    touch(tmp_path, "a.mp4", "masks/other.mp4")
    picture(tmp_path / mask) if mask.endswith(".png") else touch(tmp_path, mask)
    (task,) = plan(tmp_path)
    path = tmp_path / mask
    assert task.mask == (path.parent if path.name == "0.png" else path)
    assert (task.input, task.output) == (tmp_path / "a.mp4", Path("out/a.mp4"))
    assert not task.wrong


def test_a_mask_too_few_or_too_many_concerns_one_video(tmp_path):
    touch(tmp_path, "a.mp4", "b.mp4", "c.mp4", "b.mask.mp4", "c.mask.mp4", "masks/c.mp4")
    a, b, c = plan(tmp_path)
    assert "a.mp4 has no mask; put a.mask.mp4 beside it" in a.wrong
    assert not b.wrong
    assert "more than one mask, c.mask.mp4 and c.mp4" in c.wrong


def test_many_videos_take_one_look_at_their_folder(tmp_path, monkeypatch):
    touch(tmp_path, *(f"{k}.mp4" for k in range(9)), *(f"{k}.mask.mp4" for k in range(9)), "masks/other.mp4")
    looks, look = [], Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda path: looks.append(path) or look(path))
    assert [task.mask.name for task in plan(tmp_path)] == [f"{k}.mask.mp4" for k in range(9)]
    # The videos, the folder in it, what could be a mask beside them and in that folder.
    assert len(looks) <= 4


def test_a_folder_that_may_not_be_looked_into_is_no_video(tmp_path, monkeypatch):
    touch(tmp_path, "a.mp4")
    (tmp_path / "lost+found").mkdir()
    look = Path.iterdir

    def locked(path):
        if path.name == "lost+found":
            raise PermissionError(13, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(Path, "iterdir", locked)
    assert [task.input.name for task in plan(tmp_path, boxes=("1,1,2,2",))] == ["a.mp4"]


def test_one_mask_or_box_for_all(tmp_path):
    touch(tmp_path, "a.mp4", "b.mp4", "logo.png")
    assert [task.mask for task in plan(tmp_path, mask=tmp_path / "logo.png")] == [tmp_path / "logo.png"] * 2
    assert [task.boxes for task in plan(tmp_path, boxes=("1,2,3,4",))] == [("1,2,3,4",)] * 2


def test_names_of_outputs(tmp_path):
    touch(tmp_path, "a.mov", "b.webm", "c.MKV")
    picture(tmp_path / "d" / "0.png")
    names = [task.output.name for task in plan(tmp_path)]
    assert names == ["a.mov", "b.mp4", "c.MKV", "d"]
    names = [task.output.name for task in plan(tmp_path, options=Options(lossless=True))]
    assert names == ["a.mkv", "b.mkv", "c.mkv", "d"]


def test_outputs_in_each_others_way(tmp_path):
    touch(tmp_path, "a.avi", "a.mp4")
    with pytest.raises(UserError, match=r"a\.avi and .*a\.mp4 would both be written"):
        plan(tmp_path)


def test_inputs_are_not_outputs(tmp_path):
    touch(tmp_path, "a.mp4")
    with pytest.raises(UserError, match="written to by this run"):
        plan(tmp_path, tmp_path)


@pytest.mark.parametrize(("names", "says"), [((), "no videos"), (("0.png",), "frames of one video")])
def test_folders_without_videos(tmp_path, names, says):
    touch(tmp_path, *names)
    with pytest.raises(UserError, match=says):
        plan(tmp_path)


def test_the_mask_of_a_folder_of_frames(tmp_path):
    picture(tmp_path / "v1.0" / "0.png")
    picture(tmp_path / "masks" / "v1.0" / "0.png")
    assert find_mask(tmp_path / "v1.0") == tmp_path / "masks" / "v1.0"


# Lists


def write(tmp_path, text, name="list.csv", **options):
    (tmp_path / name).write_text(text, **options)
    return tmp_path / name


TABLE = 'input,mask,box,output,seed,lossless\na.mp4,m.png,,sub/x.mkv,3,yes\nb.mp4,,"1,2,3,4 5,6,7,8",,,\n'


@pytest.mark.parametrize(
    "text",
    [
        TABLE,
        TABLE.replace(",yes", ",TRUE").replace("\n", "\r\n"),
        "\ufeff" + TABLE,
        'input;mask;box;output;seed;lossless\na.mp4;m.png;;sub/x.mkv;3;1\n\nb.mp4;;"1,2,3,4 5,6,7,8";;;0\n',
    ],
)
def test_tables(tmp_path, text):
    first, second = plan(write(tmp_path, text, encoding="utf-8"))
    assert (first.input, first.mask, first.output) == (tmp_path / "a.mp4", tmp_path / "m.png", Path("out/sub/x.mkv"))
    assert first.options == Options(seed=3, lossless=True)
    assert (second.mask, second.boxes, second.output) == (None, ("1,2,3,4", "5,6,7,8"), Path("out/b.mp4"))
    assert second.options == Options()


def test_json_lines(tmp_path):
    lines = [{"input": "a.mp4", "box": ["1,2,3,4"], "crf": 20, "mask": None}, {"input": str(tmp_path / "b.mp4")}]
    text = "\n\n".join(map(json.dumps, lines))
    first, second = plan(write(tmp_path, text, "list.jsonl"), mask=Path("all.png"), options=Options(dilate=2))
    assert (first.boxes, first.mask, first.options) == (("1,2,3,4",), None, Options(dilate=2, crf=20))
    assert (second.input, second.mask, second.options) == (tmp_path / "b.mp4", Path("all.png"), Options(dilate=2))


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("l.csv", "video,mask\na.mp4,b.png\n", "line 1: there is no column 'video'"),
        ("l.csv", "input,mask,mask\na.mp4,b.png,c.png\n", "line 1: the column 'mask' stands there twice"),
        ("l.csv", "mask\nb.png\n", "'input' is missing"),
        ("l.csv", "input,box\na.mp4,1,2,3,4\n", "line 2: more values than columns"),
        ("l.csv", "input,seed\na.mp4,x\n", "line 2: seed 'x': give a whole number"),
        ("l.csv", "input,seed\na.mp4,1\n,2\n", "line 3: no input"),
        ("l.csv", "input,crf\na.mp4,99\n", "line 2: crf 99"),
        ("l.csv", "input,lossless\na.mp4,maybe\n", "lossless 'maybe'"),
        ("l.csv", 'input,box\na.mp4,"1,2"\n', "line 2: box 1,2"),
        ("l.csv", "input\n", "lists no videos"),
        ("l.jsonl", '{"input": "a.mp4"}\n{"inp', "line 2: give one JSON object"),
        ("l.jsonl", '{"input": "a.mp4", "hole": 1}', "no column 'hole'"),
        ("l.csv", f"input\n{'a' * 200_000}\n", "line 1: no line of a table"),
        ("l.csv", f"input,seed\na.mp4,{9**30}\n", "line 2: seed 4239"),
        ("l.csv", "input,seed\na.mp4,-1\n", "line 2: seed -1"),
        ("l.jsonl", '{"input": "a.mp4", "box": 5}', "line 1: box '5': give"),
        ("l.jsonl", '{"input": "a.mp4", "box": [5, 6]}', "line 1: box 5: give four whole numbers"),
        ("l.jsonl", '{"input": "a.mp4", "seed": 1e999}', "line 1: seed 'inf': give a whole number"),
        ("l.jsonl", '{"input": "a.mp4", "dilate": 1.5}', "line 1: dilate '1.5': give a whole number"),
        ("l.jsonl", '{"input": "a.mp4"}\n' + "[" * 100_000, "line 2: give one JSON object"),
        ("l.jsonl", '{"input": {"a": 1}}', "line 1: input .*: give a path"),
        ("l.jsonl", '{"input": "a\\u0000.mp4"}', "line 1: input .*: give a path"),
        ("l.jsonl", '{"input": "a.mp4", "output": "\\ud800"}', "line 1: output .*: give a path"),
        ("l.jsonl", json.dumps({"input": "a" * 300}), "line 1: input .*: give a path"),
        ("l.docx", "", "no list that can be read"),
    ],
)
def test_lists_that_cannot_be_read(tmp_path, name, text, says):
    with pytest.raises(UserError, match=says):
        plan(write(tmp_path, text, name))


def test_boxes_of_a_list(tmp_path):
    for box in ([1, 2, 3, 4], [[1, 2, 3, 4]], "1,2,3,4", ["1,2,3,4"]):
        (task,) = plan(write(tmp_path, json.dumps({"input": "a.mp4", "box": box}), "list.jsonl"))
        assert task.boxes == ("1,2,3,4",)


def test_a_list_of_absurd_size_is_not_read(tmp_path):
    path = write(tmp_path, "", "list.csv")
    os.truncate(path, MAX_TEXT + 1)
    with pytest.raises(UserError, match="bytes, more than"):
        plan(path)


def test_provenance_lies_beside_each_output(tmp_path):
    text = 'input,box,output,provenance\na.mp4,"1,2,3,4",,yes\nb.mp4,"1,2,3,4",frames.d/,yes\nc.mp4,"1,2,3,4",,\n'
    first, _, third = plan(write(tmp_path, text))
    assert [path.name for path in first.places] == ["a.mp4", "a.npz", "a.provenance.mp4"]
    assert third.provenance is None
    assert third.places == (third.output,)
    clash = 'input,box,output,provenance\na.mp4,"1,2,3,4",x.mp4,1\nb.mp4,"1,2,3,4",x.mkv,1\n'
    with pytest.raises(UserError, match="would both be written to"):
        plan(write(tmp_path, clash))


def test_nothing_there(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        plan(tmp_path / "no")
