"""Any frame of a video at once is the frame that reading from the start gives."""

import random
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from conftest import moving_texture, rgb_frames, without, write_video

from rovr.errors import UserError
from rovr.serve.frames import Reader
from rovr.serve.index import examine
from rovr.serve.limits import Limits
from rovr.serve.pictures import Pictures

COUNT = 40


def video_of(tmp_path, kind):
    frames, path = moving_texture(COUNT), tmp_path / f"in.{kind if kind in ('mkv', 'ts') else 'mp4'}"
    options = {
        "plain": {},
        "b-frames": {"options": {"g": "12", "bf": "3", "b_strategy": "0"}},
        "open gop": {"options": {"g": "10", "bf": "2", "x264-params": "open-gop=1"}},
        "every frame a key": {"options": {"g": "1"}},
        "variable rate": {"time_base": Fraction(1, 1000), "pts": [k * k + 7 * k for k in range(COUNT)]},
        "mkv": {"options": {"g": "8"}},
        "ts": {"options": {"g": "8", "bf": "2", "b_strategy": "0"}},
        "turned": {"rotation": 90},
        "late start": {"pts": [k + 50 for k in range(COUNT)]},
    }[kind]
    return write_video(path, frames, **options)


KINDS = ["plain", "b-frames", "open gop", "every frame a key", "variable rate", "mkv", "ts", "turned", "late start"]


@pytest.mark.parametrize("kind", KINDS)
def test_frames_in_any_order_are_those_read_in_order(tmp_path, kind):
    path = video_of(tmp_path, kind)
    index = examine(path, Limits())
    wanted = rgb_frames(path)
    if kind == "turned":
        wanted = np.rot90(wanted, 1, (1, 2))
        wanted = wanted if np.abs(wanted[0].astype(int) - Reader(index).rgb(0)).mean() < 1 else wanted[:, ::-1, ::-1]
    assert (index.frames, index.height, index.width) == wanted.shape[:3]
    reader = Reader(index)
    order = [0, 39, 20, 21, 22, 5, 4, 3, 38, *random.Random(0).sample(range(COUNT), 20)]
    for number in order:
        assert np.array_equal(reader.rgb(number), wanted[number]), number


@pytest.mark.parametrize("kind", KINDS)
def test_times_are_told_where_the_rate_does_not(tmp_path, kind):
    index = examine(video_of(tmp_path, kind), Limits())
    wanted = [k * k + 7 * k for k in range(COUNT)] if kind == "variable rate" else []
    assert index.times == wanted


def test_without_time_stamps_frames_are_counted(tmp_path):
    path = video_of(tmp_path, "b-frames")
    index = examine(path, Limits())
    blind = type(index)(**{**vars(index), "stamps": [], "keys": []})
    reader, wanted = Reader(blind), rgb_frames(path)
    for number in (7, 8, 3, 30):
        assert np.array_equal(reader.rgb(number), wanted[number])


def test_what_cannot_be_decoded_does_not_hide_what_follows(tmp_path):
    path = write_video(tmp_path / "in.avi", moving_texture(40), codec="mpeg4", options={"g": "20"})
    index = examine(without(path, tmp_path / "gap.avi", [5]), Limits())
    wanted, reader = rgb_frames(path), Reader(index)
    assert np.array_equal(reader.rgb(25), wanted[25])
    # The next one stands for it; it is not what it was, as it follows from the one that is lost.
    for number in (5, 6):
        assert np.abs(reader.rgb(number).astype(int) - wanted[6]).mean() < 12


def test_few_frames_are_held(tmp_path):
    reader = Reader(examine(video_of(tmp_path, "plain"), Limits()))
    for number in range(COUNT):
        reader.rgb(number)
    assert len(reader._recent) <= 16


def test_a_frame_that_is_not_there_is_said(tmp_path):
    reader = Reader(examine(video_of(tmp_path, "plain"), Limits()))
    with pytest.raises(UserError, match="no frame 40"):
        reader.rgb(40)


def test_pictures_are_as_wide_as_asked_and_kept(tmp_path):
    path = write_video(tmp_path / "wide.mp4", moving_texture(4, 96, 800))
    pictures = Pictures()
    index = examine(path, Limits())
    data = pictures.frame(index, 2, 300)
    assert cv2.imdecode(np.frombuffer(data, np.uint8), 1).shape == (38, 320, 3)
    assert pictures.frame(index, 2, 310) is data
    pictures.forget(tmp_path)
    assert not pictures._readers
    assert not pictures._kept


def test_a_list_of_other_files_is_no_video(tmp_path):
    write_video(tmp_path / "secret.mp4", moving_texture(4))
    text = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.mp4\n#EXT-X-ENDLIST\n"
    (tmp_path / "list").write_text(text)
    with pytest.raises(UserError, match="not a video"):
        examine(tmp_path / "list", Limits())
    (tmp_path / "concat").write_text("ffconcat version 1.0\nfile secret.mp4\n")
    with pytest.raises(UserError, match="not a video"):
        examine(tmp_path / "concat", Limits())
    # The check would be worth nothing if FFmpeg did not read these anyway.
    with av.open(str(tmp_path / "concat")) as container:
        assert container.format.name == "concat"


def test_what_is_too_large_is_refused_before_it_is_decoded(tmp_path):
    path = write_video(tmp_path / "in.mp4", moving_texture(12))
    with pytest.raises(UserError, match="more than 10 frames"):
        examine(path, Limits(frames=10))
    with pytest.raises(UserError, match="64×48"):
        examine(path, Limits(pixels=1000))
