"""Burnt-in subtitles, found by when they come and go."""

import cv2
import numpy as np
import pytest
from conftest import write_video
from panned import colour, pan, precision_recall, shown, widen

from rovr.cli import main
from rovr.errors import UserError
from rovr.masking.subtitles import drawn, finding_subtitles, texts_in

COUNT = 60


def lettering(height, width, text="ROVR", bottom=12, scale=1.0, thick=2):
    """The strokes of a text and those with their outline, (H, W) bool."""
    strokes = []
    for width_of_pen in (thick, 2 * thick + 1):
        picture = np.zeros((height, width), np.uint8)
        cv2.putText(picture, text, (width // 8, height - bottom), cv2.FONT_HERSHEY_DUPLEX, scale, 1, width_of_pen)
        strokes.append(picture > 0)
    return strokes


def titled(frames, text, first, end, fade=0, level=240):
    """Frames with white letters outlined in black, and where they are, (T, H, W)."""
    strokes, outlined = text
    frames, holes = frames.astype(float), np.zeros(frames.shape, bool)
    for t in range(first, end):
        share = min(1.0, (t - first + 1) / (fade + 1), (end - t) / (fade + 1))
        under = np.where(outlined, frames[t] * (1 - share), frames[t])
        frames[t] = np.where(strokes, under * (1 - share) + level * share, under)
        holes[t] = outlined
    return frames.round().astype(np.uint8), holes


def masks_of(frames, **options):
    texts, size = texts_in(iter(frames), 25, **options)
    return np.stack(list(drawn(texts, size, shown(frames))))


@pytest.fixture(scope="module")
def scene():
    # The bundled clip is shorter than two texts take.
    there = pan(45, step=4)
    return np.concatenate([there, there[::-1]])[:COUNT]


def test_each_text_is_found_in_its_time(scene):
    first, second = lettering(*scene.shape[1:]), lettering(*scene.shape[1:], "Hello", 30)
    frames, one = titled(scene, first, 5, 28)
    frames, two = titled(frames, second, 33, 56)
    found = masks_of(frames)
    assert min(precision_recall(found, one | two, 4)) > 0.85
    assert not found[[*range(4), *range(29, 32), *range(57, COUNT)]].any()


def test_a_text_that_fades_in_and_out_is_found_while_it_can_be_seen(scene):
    frames, holes = titled(scene, lettering(*scene.shape[1:]), 8, 50, fade=4)
    found = masks_of(frames)
    assert precision_recall(found, holes, 4)[0] > 0.9
    assert precision_recall(found[10:48], holes[10:48], 4)[1] > 0.9


def test_a_scene_without_texts_has_none(scene):
    assert not masks_of(scene).any()
    still = np.repeat(scene[:1], COUNT, 0)
    assert not masks_of(still).any()


def test_a_text_before_a_camera_that_stands_still_is_found(scene):
    still = np.repeat(scene[:1], COUNT, 0)
    frames, holes = titled(still, lettering(*scene.shape[1:]), 10, 50)
    precision, recall = precision_recall(masks_of(frames), holes, 4)
    assert min(precision, recall) > 0.9


def test_shots_that_stand_still_between_cuts_are_no_texts(scene):
    shots = np.concatenate([np.repeat(scene[k : k + 1], 30, 0) for k in (0, 20, 40)])
    assert not masks_of(shots).any()


def test_a_logo_that_is_there_throughout_is_left_to_another_finder(scene):
    frames, _ = titled(scene, lettering(*scene.shape[1:]), 0, COUNT)
    assert not masks_of(frames).any()


def test_it_is_looked_for_in_the_box_alone(scene):
    height, width = scene.shape[1:]
    frames, low = titled(scene, lettering(height, width), 5, 40)
    frames, high = titled(frames, lettering(height, width, "Top", 70), 5, 40)
    found = masks_of(frames, box=(0, height // 2, width, height // 2))
    assert precision_recall(found, low, 4)[1] > 0.9
    assert not (found & high & ~np.stack([widen(one, 4) for one in low])).any()
    with pytest.raises(UserError, match="lies outside"):
        masks_of(frames, box=(width, 0, 5, 5))


def test_large_pictures_are_searched_made_smaller(scene):
    large = np.stack([cv2.resize(frame, (1200, 720)) for frame in scene[:45]])
    frames, holes = titled(large, lettering(720, 1200, "A line of text", 60, 2.0, 4), 5, 40)
    found = masks_of(frames)
    assert found.shape == frames.shape
    precision, recall = precision_recall(found, holes, 8)
    # Between letters that are so far apart there is more than they take themselves.
    assert precision > 0.75
    assert recall > 0.95


@pytest.mark.parametrize("sensitivity", [0.0, -1.0, 101.0, float("nan")])
def test_a_sensitivity_is_above_nothing_and_below_everything(sensitivity, tmp_path):
    with pytest.raises(UserError, match="--sensitivity"):
        finding_subtitles(tmp_path / "no.mp4", sensitivity)


def test_the_command_writes_a_mask(scene, tmp_path, capsys):
    frames, holes = titled(scene, lettering(*scene.shape[1:]), 5, 40)
    path, plain = (write_video(tmp_path / name, colour(one)) for name, one in (("a.mp4", frames), ("b.mp4", scene)))
    assert main(["mask", "subtitles", str(path), "-o", str(tmp_path / "masks"), "--quiet"]) == 0
    found = np.stack([cv2.imread(str(file), 0) > 127 for file in sorted((tmp_path / "masks").iterdir())])
    assert precision_recall(found, holes, 4)[1] > 0.9
    assert main(["mask", "subtitles", str(plain), "-o", str(tmp_path / "none.mkv"), "--quiet"]) == 2
    assert "No subtitles were found" in capsys.readouterr().err
    assert not (tmp_path / "none.mkv").exists()
