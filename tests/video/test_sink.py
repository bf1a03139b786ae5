import errno
import os
from fractions import Fraction

import av
import cv2
import numpy as np
import odd_files
import pytest
from conftest import moving_texture, native_planes, packets, rgb_frames, write_video

from rovr.errors import UserError, no_room
from rovr.video import open_sink, open_source
from rovr.video.encoding import choose_encoding
from rovr.video.mask_sink import mask_frame, open_mask_sink


def copy(path, out, **options):
    """Through source and sink without a repair; returns what was said."""
    said = []
    with open_source(path, said.append) as source:
        sink = open_sink(out, source.info, said.append, **options)
        try:
            for frame in source:
                sink.write(frame)
            sink.commit()
        finally:
            sink.abort()
    return said


def left_behind(folder):
    return [p.name for p in folder.iterdir() if "partial" in p.name]


def assert_copied_exactly(path, out):
    assert copy(path, out, lossless=True) == []
    for old, new in zip(native_planes(path), native_planes(out), strict=True):
        for a, b in zip(old, new, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("size", [(48, 64), (47, 63)])
@pytest.mark.parametrize(
    "pix_fmt",
    [
        "yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le",
        "gray", "gray10le", "gbrp10le", "bgr0", "yuva420p",
    ],
)  # fmt: skip
def test_lossless_keeps_every_sample(tmp_path, pix_fmt, size):
    path = write_video(tmp_path / "in.mkv", moving_texture(5, *size), codec="ffv1", pix_fmt=pix_fmt)
    assert_copied_exactly(path, tmp_path / "out.mkv")


@pytest.mark.parametrize("size", [(37, 21), (22, 38)])
@pytest.mark.parametrize("pix_fmt", ["yuv410p", "yuv411p"])
def test_lossless_keeps_a_quarter_of_the_chroma(tmp_path, pix_fmt, size):
    path = write_video(tmp_path / "in.avi", moving_texture(5, *size), codec="rawvideo", pix_fmt=pix_fmt)
    assert_copied_exactly(path, tmp_path / "out.mkv")


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "becomes"),
    [
        ("mjpeg", "yuvj420p", "yuv420p"),
        ("rawvideo", "nv12", "yuv420p"),
        ("rawvideo", "bgr24", "bgr0"),
        ("png", "rgb24", "bgr0"),
        ("png", "rgba", "bgra"),
    ],
)
def test_lossless_repacks_without_a_change(tmp_path, codec, pix_fmt, becomes):
    ending = "mov" if codec == "png" else "avi"
    path = write_video(tmp_path / f"in.{ending}", moving_texture(3), codec=codec, pix_fmt=pix_fmt)
    before = rgb_frames(path)
    copy(path, tmp_path / "out.mkv", lossless=True)
    with open_source(tmp_path / "out.mkv") as source:
        assert source.info.pix_fmt == becomes
    if pix_fmt.startswith("yuvj"):
        for old, new in zip(native_planes(path), native_planes(tmp_path / "out.mkv"), strict=True):
            for a, b in zip(old, new, strict=True):
                np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(before, rgb_frames(tmp_path / "out.mkv"))


@pytest.mark.parametrize(
    ("pix_fmt", "size", "becomes"),
    [
        ("yuv420p", (64, 48), "yuv420p"),
        ("yuv420p10le", (64, 48), "yuv420p10le"),
        ("gray", (63, 47), "gray"),
        ("yuv420p", (63, 48), "yuv444p"),
        ("yuv422p", (64, 47), "yuv422p"),
        ("yuv422p10le", (63, 47), "yuv444p10le"),
        ("yuvj420p", (64, 47), "yuvj444p"),
        ("rgb24", (64, 48), "yuv420p"),
        ("gbrp10le", (64, 48), "yuv420p10le"),
        ("yuv420p12le", (64, 48), "yuv420p10le"),
        ("yuva444p", (64, 48), "yuv444p"),
        ("yuv411p", (64, 48), "yuv422p"),
        ("p010le", (64, 48), "yuv420p10le"),
    ],
)
def test_choice_of_pixel_format(pix_fmt, size, becomes):
    encoding = choose_encoding(pix_fmt, *size, lossless=False, crf=18)
    assert encoding.pix_fmt == becomes
    assert bool(encoding.note) == (becomes != pix_fmt)


def test_odd_sizes_play(video, tmp_path):
    path = write_video(tmp_path / "in.mkv", moving_texture(6, 47, 63), codec="ffv1")
    said = copy(path, tmp_path / "out.mp4")
    assert "odd" in said[0]
    assert np.abs(rgb_frames(path).astype(int) - rgb_frames(tmp_path / "out.mp4")).mean() < 4


@pytest.mark.parametrize("colour", [(1, 1, 1, 1), (6, 6, 6, 1), (9, 9, 18, 1), (1, 1, 1, 2), (2, 2, 2, 0)])
@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_colours_and_their_tags_are_kept(video, tmp_path, colour, ending):
    pix_fmt = "yuv420p10le" if colour[0] == 9 else "yuv420p"
    path = video(colour=colour, pix_fmt=pix_fmt)
    out = tmp_path / f"out.{ending}"
    copy(path, out)
    with open_source(path) as a, open_source(out) as b:
        for name in ("colorspace", "color_primaries", "color_trc", "color_range", "pix_fmt"):
            assert getattr(a.info, name) == getattr(b.info, name), name
    shift = (rgb_frames(path).astype(float) - rgb_frames(out)).mean((0, 1, 2))
    assert np.abs(shift).max() < 1


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
@pytest.mark.parametrize(
    ("primaries", "transfer", "becomes"),
    [(9, 16, (9, 9, 16, 1)), (12, 13, (1, 12, 13, 1)), (2, 2, (1, 1, 1, 1))],
)
def test_what_rgb_says_of_its_colours_is_kept(video, tmp_path, primaries, transfer, becomes, ending):
    path = video("in.mkv", codec="ffv1", pix_fmt="gbrp10le", colour=(0, primaries, transfer, 2))
    out = tmp_path / f"out.{ending}"
    copy(path, out)
    with open_source(out) as source:
        info = source.info
    assert (info.colorspace, info.color_primaries, info.color_trc, info.color_range) == becomes
    shift = (rgb_frames(path).astype(float) - rgb_frames(out)).mean((0, 1, 2))
    assert np.abs(shift).max() < 1


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_rotation_is_kept(video, tmp_path, rotation, ending):
    path = video(rotation=rotation)
    out = tmp_path / f"out.{ending}"
    copy(path, out)
    with open_source(path) as a, open_source(out) as b:
        assert a.info.orientation.degrees == b.info.orientation.degrees != 0
        assert (a.info.width, a.info.height) == (b.info.width, b.info.height)


def test_pixel_aspect_and_metadata_are_kept(video, tmp_path):
    path = video(aspect=Fraction(16, 11), metadata={"title": "A walk", "artist": "us"})
    copy(path, tmp_path / "out.mp4")
    with open_source(tmp_path / "out.mp4") as source:
        assert source.info.sample_aspect_ratio == Fraction(16, 11)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.metadata["title"] == "A walk"


@pytest.mark.parametrize("ending", ["mp4", "mov", "m4v", "mkv"])
@pytest.mark.parametrize("name", ["in.mp4", "in.mkv"])
def test_chapters_are_kept(video, tmp_path, name, ending):
    path = video("plain.mkv", count=50)
    chapters = [
        {"id": 1, "start": 0, "end": 1000, "time_base": Fraction(1, 1000), "metadata": {"title": "one"}},
        {"id": 2, "start": 1000, "end": 2000, "time_base": Fraction(1, 1000), "metadata": {"title": "two"}},
    ]
    with av.open(str(path)) as given, av.open(str(tmp_path / name), "w") as out:
        stream = out.add_stream_from_template(given.streams.video[0])
        out.set_chapters(chapters)
        for packet in given.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    assert copy(tmp_path / name, tmp_path / f"out.{ending}") == []
    with av.open(str(tmp_path / f"out.{ending}")) as container:
        assert [c["metadata"]["title"] for c in container.chapters()] == ["one", "two"]


@pytest.mark.parametrize("ending", ["mp4", "mov", "m4v", "mkv"])
def test_time_codes_are_kept_or_dropped_aloud(video, tmp_path, ending):
    path = video("in.mov", metadata={"timecode": "01:00:00:00"})
    said = copy(path, tmp_path / f"out.{ending}")
    with av.open(str(tmp_path / f"out.{ending}")) as container:
        tags = {key.lower(): value for key, value in container.streams.video[0].metadata.items()}
    kept = tags.get("timecode") == "01:00:00:00"
    assert kept == (ending != "m4v")
    assert any("dropped" in note for note in said) == (not kept)


@pytest.mark.parametrize("ending", ["mp4", "mov", "m4v"])
@pytest.mark.parametrize(
    "tags",
    [
        {"com.apple.quicktime.location.ISO6709": "+48.1371+011.5754/", "com.apple.quicktime.make": "Apple"},
        {"com.android.version": "14", "title": "A walk"},
        {"make": "Acme", "model": "One"},
        {"title": "A walk"},
    ],
)
def test_what_telephones_and_cameras_note_is_kept(tmp_path, tags, ending):
    path = tmp_path / "in.mov"
    with av.open(str(path), "w", container_options={"movflags": "use_metadata_tags"}) as output:
        output.metadata.update(tags)
        stream = output.add_stream("libx264", rate=25, width=64, height=48)
        output.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        output.mux(stream.encode(None))
    copy(path, tmp_path / f"out.{ending}")
    data = (tmp_path / f"out.{ending}").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    # The other way of writing is taken only where it is needed.
    assert (b"mdta" in data) == (tags.keys() != {"title"})
    with av.open(str(tmp_path / f"out.{ending}")) as container:
        assert tags.items() <= container.metadata.items()


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_sound_is_copied_packet_by_packet(video, tmp_path, ending):
    path = video(f"in.{ending}", count=50, audio=2.5)
    copy(path, tmp_path / f"out.{ending}")
    old, new = packets(path, "audio"), packets(tmp_path / f"out.{ending}", "audio")
    assert len(old) > 100
    assert [data for _, data in old] == [data for _, data in new]
    assert max(abs(a - b) for (a, _), (b, _) in zip(old, new, strict=True)) < 0.0011


def test_subtitles_are_copied_or_dropped_aloud(video, tmp_path):
    path = video("in.mkv", count=20, subtitles=True, audio=0.5)
    assert copy(path, tmp_path / "out.mkv") == []
    assert [data for _, data in packets(tmp_path / "out.mkv", "subtitle")] == [b"hello"]
    said = copy(path, tmp_path / "out.mp4")
    assert "dropped; .mkv would keep it" in said[0]
    assert packets(tmp_path / "out.mp4", "subtitle") == []
    assert len(packets(tmp_path / "out.mp4", "audio")) == len(packets(path, "audio"))


def test_matroska_is_not_recommended_for_what_it_refuses_too(tmp_path):
    path = odd_files.with_sound(write_video(tmp_path / "in.avi", moving_texture(6), codec="mpeg4"), "adpcm_ima_wav")
    said = copy(path, tmp_path / "out.mp4")
    assert "dropped." in said[0]
    assert copy(path, tmp_path / "out.mkv") == said


@pytest.mark.parametrize("first", [0, 900, 45000])
@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_variable_frame_rate_is_kept(tmp_path, first, ending):
    gaps = [3003, 3003, 6006, 1501, 9009, 3003, 90000, 3003, 4500, 3003, 3003]
    pts = [first + sum(gaps[:i]) for i in range(12)]
    path = write_video(
        tmp_path / f"in.{ending}", moving_texture(12), time_base=Fraction(1, 90000), pts=pts, rate=30,
        audio=2, options={"bf": "3"},
    )  # fmt: skip
    out = tmp_path / f"out.{ending}"
    copy(path, out)

    def times(name):
        with av.open(str(name)) as container:
            return [frame.pts * frame.time_base for frame in container.decode(video=0)]

    assert times(path) == times(out)
    sound = [packets(name, "audio")[0][0] for name in (path, out)]
    assert abs(sound[0] - sound[1]) < 0.0011


def test_broadcast_recordings_start_near_zero_and_in_sync(video, tmp_path):
    path = video("in.ts", count=50, audio=2)

    def starts(name):
        with av.open(str(name)) as container:
            return [float((s.start_time or 0) * s.time_base) for s in container.streams]

    copy(path, tmp_path / "out.mp4")
    old, new = starts(path), starts(tmp_path / "out.mp4")
    assert min(old) > 0.05
    assert min(new) == 0
    assert abs((old[0] - old[1]) - (new[0] - new[1])) < 0.001


@pytest.mark.parametrize("name", ["mask.mp4", "mask.mkv"])
def test_masks_of_a_broadcast_recording_start_where_its_repair_does(video, tmp_path, name):
    """What is recorded starts at any hour, and nobody waits so long for the first mask."""

    def later(packet):
        packet.pts, packet.dts = packet.pts + 40_000 * 90_000, packet.dts + 40_000 * 90_000
        return packet

    path = odd_files.remux(video("plain.ts", count=6), tmp_path / "in.ts", later, options={"mpegts_copyts": "1"})
    copy(path, tmp_path / "out.mkv")
    with open_source(path) as source:
        sink = open_mask_sink(tmp_path / name, source.info)
        for frame in source:
            sink.write(mask_frame(np.zeros((48, 64), bool), frame.native))
        sink.commit()
    with av.open(str(path)) as a, av.open(str(tmp_path / "out.mkv")) as b, av.open(str(tmp_path / name)) as c:
        given, repaired, mask = (next(container.decode(video=0)).time for container in (a, b, c))
    assert given > 40_000
    assert abs(mask - repaired) < 0.002


def test_folder_of_pngs(video, tmp_path):
    path = video(count=4, rotation=270)
    said = copy(path, tmp_path / "frames")
    files = sorted((tmp_path / "frames").iterdir())
    assert [f.name for f in files] == ["00000.png", "00001.png", "00002.png", "00003.png"]
    with open_source(path) as source:
        shown = source.info.orientation.to_shown(next(iter(source)).rgb)
    np.testing.assert_array_equal(cv2.imread(str(files[0]))[..., ::-1], shown)
    assert said == []


def test_folder_in_folder_out_is_identical(tmp_path):
    (tmp_path / "in").mkdir()
    frames = moving_texture(3)
    for index, frame in enumerate(frames):
        cv2.imwrite(str(tmp_path / "in" / f"{index}.png"), frame[..., ::-1])
    copy(tmp_path / "in", tmp_path / "out")
    np.testing.assert_array_equal(rgb_frames(tmp_path / "out"), frames)


def test_pictures_of_16_bits_keep_them_outside_the_hole(tmp_path):
    (tmp_path / "in").mkdir()
    frames = np.random.default_rng(0).integers(0, 1 << 16, (4, 48, 64, 3), dtype=np.uint16)
    # One of them has 8 bits, as programs write where that is enough.
    frames[2] = frames[2] // 257 * 257
    for index, frame in enumerate(frames):
        picture = frame if index != 2 else (frame // 257).astype(np.uint8)
        cv2.imwrite(str(tmp_path / "in" / f"shot.{998 + index}.{'tif' if index else 'png'}"), picture[..., ::-1])
    mask = np.zeros((48, 64), bool)
    mask[10:20, 10:20] = True
    said = []
    with open_source(tmp_path / "in", said.append) as source:
        sinks = [
            open_sink(tmp_path / name, source.info, said.append, lossless=name != "out") for name in ("out", "out.mkv")
        ]
        for frame in source:
            repaired = frame.pasted(255 - frame.rgb, mask)
            for sink in sinks:
                sink.write(repaired)
        for sink in sinks:
            sink.commit()
    assert said == []
    names = [f"shot.{998 + index}.png" for index in range(4)]
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == sorted(names)
    pictures = [cv2.imread(str(tmp_path / "out" / name), cv2.IMREAD_UNCHANGED)[..., ::-1] for name in names]
    for picture, video, truth in zip(pictures, native_planes(tmp_path / "out.mkv"), frames, strict=True):
        np.testing.assert_array_equal(picture[~mask], truth[~mask])
        assert (picture[mask] != truth[mask]).mean() > 0.9
        # FFV1 keeps green, blue and red apart.
        np.testing.assert_array_equal(np.concatenate([video[2], video[0], video[1]], -1), picture)


def test_pictures_of_one_name_are_numbered(tmp_path):
    (tmp_path / "in").mkdir()
    for name, frame in zip(("a.png", "a.bmp"), moving_texture(2), strict=True):
        cv2.imwrite(str(tmp_path / "in" / name), frame)
    copy(tmp_path / "in", tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["00000.png", "00001.png"]


def test_what_becomes_of_transparent_pictures_is_said(tmp_path):
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "1.png"), np.full((48, 64, 4), 100, np.uint8))
    assert "alpha" in copy(tmp_path / "in", tmp_path / "out")[0]


@pytest.mark.parametrize("deep", [False, True])
def test_grey_pictures_stay_grey_and_so_do_their_repairs(tmp_path, deep):
    """Among coloured ones, too: some programs write a picture without colours as a grey one."""
    (tmp_path / "in").mkdir()
    chance = np.random.default_rng(0)
    kind, top = (np.uint16, 65536) if deep else (np.uint8, 256)
    truths = [chance.integers(0, top, shape, kind) for shape in ((48, 64), (48, 64, 3), (48, 64))]
    for index, truth in enumerate(truths):
        cv2.imwrite(str(tmp_path / "in" / f"{index}.png"), truth)
    mask = np.zeros((48, 64), bool)
    mask[10:20, 10:30] = True
    said: list[str] = []
    with open_source(tmp_path / "in", said.append) as source:
        sink = open_sink(tmp_path / "out", source.info, said.append)
        for frame in source:
            sink.write(frame.pasted(np.full((48, 64, 3), (200, 100, 50), np.uint8), mask))
        sink.commit()
    assert said == []
    for index, truth in enumerate(truths):
        found = cv2.imread(str(tmp_path / "out" / f"{index}.png"), cv2.IMREAD_UNCHANGED)
        assert (found.shape, found.dtype) == (truth.shape, truth.dtype)
        np.testing.assert_array_equal(found[~mask], truth[~mask])
        inside = found[mask] / (257 if deep else 1)
        luma = 0.299 * 200 + 0.587 * 100 + 0.114 * 50
        assert np.abs(inside - (luma if truth.ndim == 2 else (50, 100, 200))).max() <= 1.5


def test_grey_video_becomes_grey_pictures(tmp_path):
    frames = moving_texture(2)
    write_video(tmp_path / "in.mkv", frames, pix_fmt="gray", codec="ffv1")
    copy(tmp_path / "in.mkv", tmp_path / "out")
    found = cv2.imread(str(tmp_path / "out" / "00000.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(found, native_planes(tmp_path / "in.mkv")[0][0][..., 0])


def test_pictures_that_opencv_remarks_upon_are_refused_with_one_line_alone(tmp_path, capfd):
    (tmp_path / "in").mkdir()
    data = cv2.imencode(".png", np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8))[1].tobytes()
    (tmp_path / "in" / "1.png").write_bytes(data)
    (tmp_path / "in" / "2.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match=r"2\.png is not a picture"):
        copy(tmp_path / "in", tmp_path / "out")
    assert capfd.readouterr() == ("", "")


def test_folder_to_video(tmp_path):
    (tmp_path / "in").mkdir()
    for index, frame in enumerate(moving_texture(10)):
        cv2.imwrite(str(tmp_path / "in" / f"{index}.png"), frame[..., ::-1])
    said = copy(tmp_path / "in", tmp_path / "out.mp4")
    assert "yuv420p" in said[0]
    with open_source(tmp_path / "out.mp4") as source:
        assert (source.info.frames, source.info.rate, source.info.colorspace) == (10, 25, 1)
    shift = (rgb_frames(tmp_path / "out.mp4").astype(float) - moving_texture(10)).mean((0, 1, 2))
    assert np.abs(shift).max() < 1
    copy(tmp_path / "in", tmp_path / "out.mkv", lossless=True)
    np.testing.assert_array_equal(rgb_frames(tmp_path / "out.mkv"), moving_texture(10))


def test_output_shows_only_when_complete(video, tmp_path):
    path, out = video(), tmp_path / "out.mp4"
    with open_source(path) as source:
        sink = open_sink(out, source.info, print)
        for frame in source:
            sink.write(frame)
        assert not out.exists()
        assert left_behind(tmp_path)
        sink.abort()
    assert not out.exists()
    assert not left_behind(tmp_path)


@pytest.mark.parametrize("name", ["out.mp4", "frames"])
def test_overwrite(video, tmp_path, name):
    path = video(count=3)
    copy(path, tmp_path / name)
    with pytest.raises(UserError, match="--overwrite"):
        copy(path, tmp_path / name)
    copy(video("two.mp4", count=2), tmp_path / name, overwrite=True)
    assert len(rgb_frames(tmp_path / name)) == 2
    assert not left_behind(tmp_path)


def test_a_folder_with_other_things_is_never_replaced(video, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match="more than pictures"):
        copy(video(), tmp_path / "mine", overwrite=True)
    assert (tmp_path / "mine" / "letter.txt").exists()


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("in.mp4", {"overwrite": True}, "which is read or written too"),
        ("no/out.mp4", {}, "does not exist"),
        ("in.mp4/out.mp4", {}, "does not exist"),
        ("out.avi", {}, r"\.mp4"),
        ("out.webm", {}, r"\.mp4"),
        ("out.mp4", {"lossless": True}, r"out\.mkv"),
    ],
)
def test_outputs_that_are_refused(video, tmp_path, name, options, says):
    path = video()
    before = path.read_bytes()
    with pytest.raises(UserError, match=says):
        copy(path, tmp_path / name, **options)
    assert path.read_bytes() == before
    assert not left_behind(tmp_path)


def test_folder_that_holds_the_input_is_refused(video, tmp_path):
    with pytest.raises(UserError, match="is or holds"):
        copy(video(), tmp_path)


def test_folder_that_cannot_be_written(video, tmp_path):
    if not os.path.isdir("/proc/self"):
        pytest.skip("needs a folder that even root cannot write to")
    with pytest.raises(UserError, match="Nothing can be written"):
        copy(video(), "/proc/self/out.mp4")


def test_want_of_room_is_recognised(tmp_path):
    assert "ran full while writing" in str(no_room(OSError(errno.ENOSPC, "no space"), tmp_path))
    assert "no larger file" in str(no_room(OSError(errno.EFBIG, "too large")))
    assert no_room(OSError(errno.EPERM, "no"), tmp_path) is None
