from dataclasses import replace
from fractions import Fraction
from itertools import islice

import cv2
import numpy as np
import pytest
from conftest import moving_texture, write_video

from rovr.errors import UserError
from rovr.video import open_masks, open_source, parse_box
from rovr.video.masks import widened


@pytest.fixture
def info(video):
    with open_source(video()) as source:
        return source.info


def first(masks):
    return next(iter(masks))


def save(path, array):
    cv2.imwrite(str(path), array)
    return path


def test_one_picture_serves_all_frames(info, hole):
    masks = open_masks(info, hole)
    assert masks.static
    for mask, _ in zip(masks, range(30), strict=False):
        assert mask.dtype == bool
        assert mask.sum() == 400
        assert mask[12:32, 20:40].all()


@pytest.mark.parametrize("value", [127, 128])
def test_threshold(info, tmp_path, value):
    mask = np.zeros((48, 64), np.uint8)
    mask[3, 4], mask[0, 0] = value, 255
    assert first(open_masks(info, save(tmp_path / "m.png", mask)))[3, 4] == (value > 127)


def test_alpha_of_a_drawing(info, tmp_path):
    drawing = np.full((48, 64, 4), 255, np.uint8)
    drawing[..., 3] = 0
    drawing[5:9, 5:9, 3] = 255
    said = []
    mask = first(open_masks(info, save(tmp_path / "m.png", drawing), say=said.append))
    assert mask.sum() == 16
    assert "alpha" in said[0]


@pytest.mark.parametrize(
    ("ground", "brush"), [(0, (0, 0, 255)), (255, (0, 0, 255)), (255, (0, 0, 0)), (0, (250, 255, 255))]
)
def test_a_layer_painted_on_in_one_colour(info, tmp_path, ground, brush):
    """As programs for pictures export it, whatever colour they leave where nothing was painted."""
    drawing = np.full((48, 64, 4), ground, np.uint8)
    drawing[..., 3] = 0
    drawing[10:20, 10:20] = (*brush, 255)
    drawing[20, 10:20] = (*brush, 90)
    said = []
    path = tmp_path / "m.png"
    assert cv2.imwrite(str(path), drawing)
    mask = first(open_masks(info, path, say=said.append))
    assert mask[10:20, 10:20].all()
    assert mask.sum() == 100
    assert "alpha" in said[0]


def test_a_layer_in_black_and_white_is_read_by_its_grey(info, tmp_path):
    drawing = np.zeros((48, 64, 4), np.uint8)
    drawing[5:40, 5:40, 3] = 255
    drawing[10:20, 10:20] = 255
    path = tmp_path / "m.png"
    assert cv2.imwrite(str(path), drawing)
    assert first(open_masks(info, path)).sum() == 100


@pytest.mark.parametrize(("rows", "told"), [(30, False), (44, True)])
def test_a_mask_that_hides_most_may_be_the_wrong_way_round(info, tmp_path, rows, told):
    holes = np.zeros((12, 48, 64, 3), np.uint8)
    holes[:, :rows] = 255
    said = []
    masks = open_masks(info, write_video(tmp_path / "m.mp4", holes), say=said.append)
    assert all(mask[:rows].all() for mask in masks)
    assert [text.split(" of the")[0] for text in said if "invert it" in text] == ["The mask hides 92%"] * told


def test_opaque_picture_is_read_by_its_grey(info, tmp_path):
    drawing = np.zeros((48, 64, 4), np.uint8)
    drawing[..., 3] = 255
    drawing[5:9, 5:9, :3] = 255
    assert first(open_masks(info, save(tmp_path / "m.png", drawing))).sum() == 16


def test_other_sizes_are_resized_aloud_and_once(info, tmp_path):
    folder = tmp_path / "masks"
    folder.mkdir()
    for index in range(12):
        mask = np.zeros((24, 32), np.uint8)
        mask[2:4, index : index + 2] = 255
        save(folder / f"{index}.png", mask)
    said = []
    masks = list(open_masks(info, folder, say=said.append))
    assert [m.sum() for m in masks] == [16] * 12
    assert masks[3][4:8, 6:10].all()
    assert len(said) == 1
    assert "32×24" in said[0]
    assert "resized to fit" in said[0]


@pytest.mark.parametrize("times", [2, 3, 2.3])
def test_scratches_in_larger_masks_are_not_lost(info, tmp_path, times):
    height, width = round(48 * times), round(64 * times)
    for place in range(20, 20 + int(3 * times)):
        grey = np.zeros((height, width), np.uint8)
        grey[:, place] = 255
        mask = first(open_masks(info, save(tmp_path / "scratch.png", grey)))
        columns = np.flatnonzero(mask.any(0))
        assert mask[:, columns].all()
        assert columns[0] == int(place * 64 / width)
        assert columns[-1] == int(np.ceil((place + 1) * 64 / width)) - 1


def test_masks_larger_one_way_and_smaller_the_other(info, tmp_path):
    grey = np.zeros((24, 128), np.uint8)
    grey[5, 41] = 255
    mask = first(open_masks(info, save(tmp_path / "mask.png", grey)))
    assert mask[10:12, 20].all()
    assert mask.sum() == 2


def test_one_picture_that_is_too_dark_is_refused_before_any_work(info, tmp_path):
    red = np.zeros((48, 64, 3), np.uint8)
    red[10:20, 10:20] = 0, 0, 255
    with pytest.raises(UserError, match="brightest value is 76"):
        open_masks(info, save(tmp_path / "red.png", red))
    open_masks(info, save(tmp_path / "empty.png", 0 * red))


def test_masks_of_another_shape_are_stretched_with_a_warning(info, tmp_path):
    said, mask = [], np.zeros((50, 50), np.uint8)
    mask[10:30, 10:30] = 255
    first(open_masks(info, save(tmp_path / "m.png", mask), say=said.append))
    assert len(said) == 1
    assert "stretched" in said[0]


def test_masks_drawn_in_the_shape_in_which_a_video_plays_are_resized_without_a_warning(info, tmp_path):
    # An editor shows pixels that are not square as they play, and so exports its masks.
    said, mask = [], np.zeros((48, 93), np.uint8)
    mask[10:30, 10:30] = 255
    wide = replace(info, sample_aspect_ratio=Fraction(16, 11))
    first(open_masks(wide, save(tmp_path / "m.png", mask), say=said.append))
    assert len(said) == 1
    assert "resized to fit" in said[0]


def test_mask_video(info, tmp_path):
    frames = np.zeros((12, 48, 64, 3), np.uint8)
    for index in range(12):
        frames[index, 8:24, 2 * index : 2 * index + 16] = 255
    masks = list(open_masks(info, write_video(tmp_path / "m.mp4", frames)))
    assert len(masks) == 12
    for mask, frame in zip(masks, frames, strict=True):
        assert (mask != (frame[..., 0] > 127)).mean() < 0.01


def test_boxes(info):
    said = []
    mask = first(open_masks(info, boxes=["1,2,3,4", (60, 40, 10, 20)], say=said.append))
    assert mask.sum() == 12 + 4 * 8
    assert mask[2:6, 1:4].all()
    assert "clipped" in said[0]


def test_boxes_join_the_mask(info, hole):
    assert first(open_masks(info, hole, ["0,0,2,2"])).sum() == 404


def test_boxes_follow_the_rotation(video):
    with open_source(video(rotation=270)) as source:
        info = source.info
    assert info.shown_size == (48, 64)
    mask = first(open_masks(info, boxes=["0,0,10,3"]))
    assert mask.shape == (48, 64)
    # A quarter turn clockwise shows the stored left edge at the top.
    assert mask[38:48, 0:3].all() or mask[0:10, 0:3].all()
    assert info.orientation.to_shown(mask)[:3, :10].all()


def test_masks_in_stored_orientation_are_recognised(video, hole):
    with open_source(video(rotation=270)) as source:
        info = source.info
    said = []
    mask = first(open_masks(info, hole, say=said.append))
    assert mask[12:32, 20:40].all()
    assert "stored" in said[0]


def test_dilate(info, tmp_path):
    mask = np.zeros((48, 64), np.uint8)
    mask[20, 30] = 255
    path = save(tmp_path / "m.png", mask)
    grown = first(open_masks(info, path, dilate=2))
    assert grown[18:23, 30].all()
    assert grown[20, 28:33].all()
    assert not grown[18, 28]
    assert grown.sum() < 25


@pytest.mark.parametrize(
    "box", ["1,2,3", "a,b,c,d", "1,2,0,4", "1,2,3,-4", "", (1, 2, 3), (1, 2, 0, 4), (1, 2, 3.5, 4), 7]
)
def test_bad_boxes(info, box):
    for read in (parse_box, lambda box: open_masks(info, boxes=[box])):
        with pytest.raises(UserError, match="--box"):
            read(box)


def test_boxes_may_be_numbers_and_one_may_stand_alone(info):
    for boxes in (["20,10,3,2"], [(20, 10, 3, 2)], [np.array([20, 10, 3, 2])], "20,10,3,2"):
        assert first(open_masks(info, boxes=boxes)).sum() == 6


@pytest.mark.parametrize("dilate", [-1, 1.5, "2"])
def test_holes_are_widened_by_whole_pixels(info, dilate):
    with pytest.raises(UserError, match="--dilate"):
        open_masks(info, boxes=["20,10,3,2"], dilate=dilate)


def test_box_outside(info):
    with pytest.raises(UserError, match="outside the 64×48"):
        open_masks(info, boxes=["64,0,5,5"])


def test_nothing_to_repair_named(info):
    with pytest.raises(UserError, match="--mask, which rovr mask finds or draws, or --box"):
        open_masks(info)


def test_everything_masked(info):
    with pytest.raises(UserError, match="covers every pixel"):
        open_masks(info, boxes=["0,0,64,48"])


def test_missing_mask(info, tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        open_masks(info, tmp_path / "no.png")


@pytest.mark.parametrize("count", [11, 13])
def test_other_number_of_masks(info, tmp_path, count):
    path = write_video(tmp_path / "m.mp4", np.zeros((count, 48, 64, 3), np.uint8))
    with pytest.raises(UserError, match=f"12 frames.*{count} masks"):
        open_masks(info, path).check_length()


def folders(tmp_path, frames, masks):
    """Two folders with pictures of such names; the n-th mask, from 1, has n holes."""
    for name, names in (("frames", frames), ("masks", masks)):
        (tmp_path / name).mkdir()
        for count, file in enumerate(names, 1):
            image = np.full((48, 64), 90, np.uint8) if name == "frames" else np.zeros((48, 64), np.uint8)
            if name == "masks":
                image[0, :count] = 255
            save(tmp_path / name / file, image)
    return open_source(tmp_path / "frames").info, tmp_path / "masks"


def test_masks_of_some_frames_are_found_by_the_frames_names(tmp_path):
    notes = []
    info, path = folders(tmp_path, [f"shot.{k}.png" for k in range(8, 12)], ["shot.9.bmp", "shot.11.bmp"])
    masks = open_masks(info, path, say=notes.append)
    masks.check_length()
    assert [mask.sum() for mask in masks] == [0, 1, 0, 2]
    assert [mask.sum() for mask in masks.begin_at(1)] == [1, 0, 2]
    assert notes == ["2 of 4 frames have no mask of the same name: left as they are."]


def test_boxes_are_missing_in_frames_without_a_mask_too(tmp_path):
    info, path = folders(tmp_path, ["a.png", "b.png"], ["b.png"])
    assert [mask.sum() for mask in open_masks(info, path, ["20,20,3,2"])] == [6, 7]


def test_a_first_frame_without_a_mask_does_not_hide_that_masks_are_the_wrong_way_round(tmp_path):
    notes = []
    info, path = folders(tmp_path, ["a.png", "b.png", "c.png"], [])
    image = np.full((48, 64), 255, np.uint8)
    image[:8] = 0
    save(path / "b.png", image)
    list(open_masks(info, path, say=notes.append))
    assert any("invert" in note for note in notes)


@pytest.mark.parametrize("names", [["1.png", "2.png", "3.png"], ["b.png", "c.png", "x.png"]])
def test_masks_of_other_names_go_by_their_order(tmp_path, names):
    info, path = folders(tmp_path, ["a.png", "b.png", "c.png"], names)
    masks = open_masks(info, path)
    masks.check_length()
    assert [mask.sum() for mask in masks] == [1, 2, 3]


def test_fewer_masks_of_other_names_are_refused(tmp_path):
    info, path = folders(tmp_path, ["a.png", "b.png", "c.png"], ["b.png", "x.png"])
    with pytest.raises(UserError, match=r"3 frames.*2 masks.*named as its frame"):
        open_masks(info, path).check_length()


@pytest.mark.parametrize(
    ("columns", "pix_fmt", "dilate", "says"),
    [
        (slice(20, 21), "yuv420p", 0, "--dilate 2"),
        (slice(20, 23), "yuv420p", 0, "--dilate 2"),
        (slice(20, 22), "yuv422p", 1, "--dilate 2"),
        (slice(20, 21), "yuv411p", 2, "--dilate 4"),
        (slice(20, 21), "yuv420p", 2, ""),
        (slice(20, 22), "yuv420p", 0, ""),
        (slice(21, 51), "yuv420p", 0, ""),
        (slice(20, 21), "yuv444p", 0, ""),
        (slice(0, 0), "yuv420p", 0, ""),
    ],
)
@pytest.mark.parametrize("single", [True, False])
def test_holes_too_narrow_for_the_colours_are_told(tmp_path, columns, pix_fmt, dilate, says, single):
    path = write_video(tmp_path / "in.mkv", moving_texture(3), codec="ffv1", pix_fmt=pix_fmt)
    mask = np.zeros((48, 64), np.uint8)
    mask[8:44, columns] = 255
    (tmp_path / "masks").mkdir()
    for index in range(3):
        cv2.imwrite(str(tmp_path / "masks" / f"{index}.png"), mask)
    said = []
    with open_source(path) as source:
        masks = open_masks(
            source.info, tmp_path / "masks" / "0.png" if single else tmp_path / "masks", (), dilate, said.append
        )
        list(islice(masks, 3))
    assert len(said) == bool(says)
    assert all("too narrow" in note and says in note for note in said)


@pytest.mark.parametrize("by", [16, 17, 20])
def test_holes_are_widened_by_a_disc(info, hole, by):
    mask = first(open_masks(info, hole, dilate=by))
    rows, columns = np.mgrid[:48, :64]
    away = np.hypot(
        np.maximum(0, np.maximum(12 - rows, rows - 31)), np.maximum(0, np.maximum(20 - columns, columns - 39))
    )
    # Up to here a brush does it, which is a little squarer.
    assert (mask == (away <= by)).mean() > (0.97 if by == 16 else 0.9999)


@pytest.mark.parametrize("by", [10**6, 10**30])
def test_widening_without_end_ends(info, hole, tmp_path, by):
    with pytest.raises(UserError, match="covers every pixel"):
        open_masks(info, hole, dilate=by)
    assert not first(open_masks(info, save(tmp_path / "m.png", np.zeros((48, 64), np.uint8)), dilate=by)).any()
    mask = np.zeros((5, 7), bool)
    mask[4, 0] = True
    assert widened(mask, by).all()


def test_opaque_pictures_of_which_the_first_has_no_hole(info, tmp_path):
    (tmp_path / "masks").mkdir()
    drawing = np.zeros((48, 64, 4), np.uint8)
    drawing[..., 3] = 255
    for k in range(info.frames or 12):
        drawing[5:9, 5:9, :3] = 255 * (k > 0)
        save(tmp_path / "masks" / f"{k:02}.png", drawing)
    sums = [int(mask.sum()) for mask in open_masks(info, tmp_path / "masks")]
    assert sums == [0, *[16] * (len(sums) - 1)]
