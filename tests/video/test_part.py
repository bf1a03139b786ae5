"""Whoever begins in the middle of a video sees what others see there."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from conftest import moving_texture, write_video

from rovr.video import open_source
from rovr.video.masks import open_masks
from rovr.video.part import Mark, open_part
from rovr.video.reader import FileSource


@pytest.fixture(scope="module", params=["closed", "open", "mkv", "jumpy"])
def path(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("part")
    frames = moving_texture(60)
    if request.param == "jumpy":
        # The clock starts over in the middle, as in recordings of a broadcast.
        return write_video(
            folder / "a.ts", frames, options={"g": "10"}, pts=[i if i < 30 else i + 500 for i in range(60)]
        )
    ending = "mkv" if request.param == "mkv" else "mp4"
    options = {"g": "12", "bf": "3", "x264-params": f"open-gop={int(request.param == 'open')}"}
    return write_video(folder / f"a.{ending}", frames, options=options)


def marks(path):
    with open_source(path) as source:
        return [(Mark.of(index, frame), frame.rgb) for index, frame in enumerate(source)]


def test_every_frame_can_be_the_first(path):
    known = marks(path)
    for mark, _ in known[::7]:
        with open_part(path, mark) as (info, frames):
            assert info.width == 64
            seen = [frame.rgb for frame in frames][:10]
        np.testing.assert_array_equal(seen, [rgb for _, rgb in known[mark.index : mark.index + 10]])


def test_a_wrong_index_costs_time_alone(path, monkeypatch):
    known = marks(path)
    jumps = []
    real = FileSource.jump
    monkeypatch.setattr(FileSource, "jump", lambda self, pts: jumps.append(pts) or real(self, pts))
    mark = known[25][0]
    for wrong in (replace(mark, pts=known[30][0].pts), replace(mark, pts=-5), replace(mark, pts=1 << 40)):
        with open_part(path, wrong) as (_, frames):
            np.testing.assert_array_equal(next(frames).rgb, known[25][1])
    assert len(jumps) == 3


def test_an_index_is_used(path, monkeypatch):
    def refuse(*args):
        raise AssertionError("read from the beginning")

    if path.suffix == ".ts":
        pytest.skip("a transport stream has none")
    mark = marks(path)[25][0]
    monkeypatch.setattr("rovr.video.part.islice", refuse)
    with open_part(path, mark) as (_, frames):
        next(frames)


def test_folders(tmp_path):
    for index, frame in enumerate(moving_texture(12)):
        cv2.imwrite(str(tmp_path / f"{index}.png"), frame)
    known = marks(tmp_path)
    with open_part(tmp_path, known[5][0]) as (_, frames):
        np.testing.assert_array_equal([frame.rgb for frame in frames], [rgb for _, rgb in known[5:]])


@pytest.mark.parametrize("kind", ["folder", "video"])
def test_masks_from_the_middle(tmp_path, video, kind):
    holes = np.zeros((12, 48, 64, 3), np.uint8)
    for index in range(12):
        holes[index, 10:20, 4 * index : 4 * index + 9] = 255
    (tmp_path / "folder").mkdir()
    for index, picture in enumerate(holes):
        cv2.imwrite(str(tmp_path / "folder" / f"{index}.png"), picture)
    path = tmp_path / "folder" if kind == "folder" else write_video(tmp_path / "masks.mp4", holes)
    with open_source(video()) as source:
        masks = open_masks(source.info, path)
        whole = list(masks)
        np.testing.assert_array_equal(list(masks.begin_at(7)), whole[7:])
    assert len(whole) == 12
    assert not (whole[6] == whole[7]).all()
