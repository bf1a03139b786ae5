from fractions import Fraction
from itertools import pairwise

import av
import cv2
import numpy as np
import pytest
from conftest import moving_texture, without, write_video

from rovr.errors import UserError
from rovr.video import count_frames, open_source
from rovr.video.folder import list_images
from rovr.video.source import count_decoded


def test_info_of_a_file(video):
    path = video(audio=0.5, colour=(1, 1, 1, 1), aspect=Fraction(4, 3), rate=Fraction(30000, 1001))
    with open_source(path) as source:
        info = source.info
        frames = list(source)
    assert (info.width, info.height, info.frames, info.pix_fmt, info.bits) == (64, 48, 12, "yuv420p", 8)
    assert info.rate == Fraction(30000, 1001)
    assert info.sample_aspect_ratio == Fraction(4, 3)
    assert (info.colorspace, info.color_primaries, info.color_trc, info.color_range) == (1, 1, 1, 1)
    assert (info.audio, info.subtitles, info.interlaced) == (1, 0, False)
    assert len(frames) == 12
    assert frames[0].rgb.shape == (48, 64, 3)
    assert np.abs(frames[5].rgb.astype(int) - moving_texture(12)[5]).mean() < 12
    assert count_frames(path) == count_decoded(path) == 12
    assert count_frames(path, seconds=-1) is None


def test_formats_that_are_not_plain_are_converted_aloud(tmp_path):
    path = write_video(tmp_path / "in.mkv", moving_texture(3), codec="ffv1", pix_fmt="ya8")
    said = []
    with open_source(path, said.append) as source:
        frames = list(source)
    assert source.info.pix_fmt == frames[0].native.format.name == "gray"
    assert "ya8" in said[0]


def test_folder_is_sorted_naturally(tmp_path):
    for index, name in [(2, "f10.png"), (0, "f1.png"), (1, "F2.PNG"), (3, "notes.txt")]:
        if name.endswith("txt"):
            (tmp_path / name).write_text("no picture")
        else:
            cv2.imwrite(str(tmp_path / name), np.full((5, 7, 3), index * 10, np.uint8))
    assert [p.name for p in list_images(tmp_path)] == ["f1.png", "F2.PNG", "f10.png"]
    with open_source(tmp_path) as source:
        assert [int(frame.rgb[0, 0, 0]) for frame in source] == [0, 10, 20]
        assert (source.info.width, source.info.height, source.info.frames) == (7, 5, 3)


def test_folder_colours_are_rgb(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((4, 4, 3), (255, 0, 0), np.uint8))
    with open_source(tmp_path) as source:
        assert next(iter(source)).rgb[0, 0].tolist() == [0, 0, 255]


def test_bits_that_the_first_picture_has_not_are_dropped_aloud(tmp_path):
    deep = np.random.default_rng(0).integers(0, 1 << 16, (4, 5, 3), dtype=np.uint16)
    shallow = np.round(deep / 257).astype(np.uint8)
    for name, picture in (("a.png", shallow), ("b.png", deep), ("c.tif", deep)):
        cv2.imwrite(str(tmp_path / name), picture)
    said = []
    with open_source(tmp_path, said.append) as source:
        assert said == []
        pictures = [frame.rgb for frame in source]
    for picture in pictures:
        np.testing.assert_array_equal(picture[..., ::-1], shallow)
    assert len(set(said)) == 1
    assert "a.png" in said[0]


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("kind", [np.float32, np.int32, np.int16])
def test_pictures_of_other_samples_are_refused(tmp_path, kind, bits, at):
    """Values of scenes have no white, so that none can be taken for it."""
    pictures = [np.zeros((4, 5, 3), f"u{bits // 8}") for _ in range(3)]
    pictures[at] = pictures[at].astype(kind)
    for index, picture in enumerate(pictures):
        cv2.imwrite(str(tmp_path / f"{index}.tif"), picture)
    says = rf"{at}\.tif has samples of {np.dtype(kind)}; convert"
    with pytest.raises(UserError, match=says), open_source(tmp_path) as source:
        list(source)


def test_folder_of_differing_sizes(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((4, 4, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "b.png"), np.zeros((4, 5, 3), np.uint8))
    with open_source(tmp_path) as source, pytest.raises(UserError, match=r"5×4.*4×4"):
        list(source)


@pytest.mark.parametrize("name", ["missing.mp4", "text.mp4", "empty.mp4", "folder", "broken"])
def test_inputs_that_are_no_video(tmp_path, name):
    (tmp_path / "text.mp4").write_text("this is no video, " * 100)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.png").write_bytes(b"\x89PNG no")
    with pytest.raises(UserError) as error:
        open_source(tmp_path / name)
    assert "\n" not in str(error.value)
    assert name in str(error.value)


def test_sound_alone_is_refused(tmp_path):
    with av.open(str(tmp_path / "a.m4a"), "w") as output:
        sound = output.add_stream("aac", rate=48000, layout="mono")
        block = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        block.sample_rate = 48000
        output.mux(sound.encode(block))
        output.mux(sound.encode(None))
    with pytest.raises(UserError, match="no video stream"):
        open_source(tmp_path / "a.m4a")


def test_file_without_index_is_refused(video, tmp_path):
    data = video(count=40).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match="cut short"):
        open_source(tmp_path / "cut.mp4")


@pytest.mark.parametrize("kind", ["mp4", "mkv"])
def test_file_cut_short_is_refused_while_reading(tmp_path, kind):
    # Noise, so that every frame has many bytes to lose.
    noise = np.random.default_rng(0).integers(0, 256, (40, 48, 64, 3), dtype=np.uint8)
    path = tmp_path / f"whole.{kind}"
    write_video(path, noise)
    if kind == "mp4":
        # With the index first, a cut file opens like a whole one.
        with (
            av.open(str(path)) as given,
            av.open(str(tmp_path / "fast.mp4"), "w", container_options={"movflags": "+faststart"}) as out,
        ):
            stream = out.add_stream_from_template(given.streams.video[0])
            for packet in given.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    out.mux(packet)
        path = tmp_path / "fast.mp4"
    data = path.read_bytes()
    cut = tmp_path / f"cut.{kind}"
    cut.write_bytes(data[: int(len(data) * 0.6)])
    with pytest.raises(UserError, match=r"cut short|damaged"), open_source(cut) as source:
        list(source)


def test_frames_that_cannot_be_decoded_are_left_out_aloud(tmp_path):
    path = write_video(tmp_path / "in.avi", moving_texture(40), codec="mpeg4", options={"g": "10"})
    said, gone = [], [5, 17, 18]
    with open_source(path) as source:
        whole = [frame.native.pts for frame in source]
    with open_source(without(path, tmp_path / "gaps.avi", gone), said.append) as source:
        stamps = [frame.native.pts for frame in source]
    # Those that are left are shown when they were.
    assert stamps == [stamp for index, stamp in enumerate(whole) if index not in gone]
    assert said[0].startswith("3 frames cannot be decoded: left out")
    with (
        pytest.raises(UserError, match="is damaged: frame 5 cannot be decoded"),
        open_source(without(path, tmp_path / "most.avi", range(5, 40))) as source,
    ):
        list(source)


def test_time_stamps_rise(tmp_path):
    # Raw H.264 has no time stamps at all.
    path = write_video(tmp_path / "in.h264", moving_texture(10), options={"bf": "2"})
    with open_source(path) as source:
        stamps = [frame.native.pts for frame in source]
    assert len(stamps) == 10
    assert all(a < b for a, b in pairwise(stamps))


def test_an_empty_name_is_not_the_current_folder():
    with pytest.raises(UserError, match="name of the video is empty"):
        open_source("")
