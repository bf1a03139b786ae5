"""What frames say of themselves beside their samples: kept on repaired frames as on all others."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import odd_files
import pytest
from conftest import moving_texture, write_video
from PIL import Image

from rovr.video import frames, open_sink, open_source
from rovr.video.folder import tiff_profile
from rovr.video.side_data import hdr_params, lost

COUNT = 4
OUTPUTS = ["out.mp4", "out.mov", "out.mkv", "lossless.mkv"]


def repaired(path: Path, out: Path, chosen: set[int]) -> list[str]:
    """Through source and sink with a hole pasted over in some frames; returns what was said."""
    said: list[str] = []
    with open_source(path, said.append) as source:
        mask = np.zeros((source.info.height, source.info.width), bool)
        mask[8:24, 8:24] = True
        sink = open_sink(out, source.info, said.append, lossless=out.stem == "lossless")
        try:
            for index, frame in enumerate(source):
                sink.write(frame.pasted(255 - frame.rgb, mask) if index in chosen else frame)
            sink.commit()
        finally:
            sink.abort()
    return said


def fields(path: Path) -> list[str]:
    """Which field of each frame comes first, by FFmpeg's own word."""
    kinds = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            for kind in ("PROGRESSIVE", "TOPFIRST", "BOTTOMFIRST"):
                try:
                    frames.filtered(frame, "select", f"eq(interlace_type,{kind})")
                except BlockingIOError:
                    continue
                kinds.append(kind)
    return kinds


def interlaced(
    path: Path, order: str, codec: str = "libx264", pix_fmt: str = "yuv420p", height: int = 64, first: int = 0
) -> Path:
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25, options={"flags": "+ildct+ilme"})
        stream.width, stream.height, stream.pix_fmt = 64, height, pix_fmt
        for index, rgb in enumerate(moving_texture(COUNT, height, 64)):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            output.mux(stream.encode(frames.filtered(frame, "setfield", order if index >= first else "prog")))
        output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("out", OUTPUTS)
@pytest.mark.parametrize("chosen", [{0, 1, 2, 3}, {1}, set()])
@pytest.mark.parametrize(("order", "kind"), [("tff", "TOPFIRST"), ("bff", "BOTTOMFIRST")])
def test_the_order_of_fields_is_kept(tmp_path, order, kind, chosen, out):
    path = interlaced(tmp_path / "in.mkv", order)
    repaired(path, tmp_path / out, chosen)
    assert fields(path) == fields(tmp_path / out) == [kind] * COUNT


@pytest.mark.parametrize("out", OUTPUTS)
@pytest.mark.parametrize(
    ("pix_fmt", "height", "fits"),
    [("yuv420p", 52, True), ("yuv420p", 54, False), ("yuv422p10le", 54, True), ("yuv422p", 53, False),
     ("yuv444p", 54, True), ("gray", 54, True)],
)  # fmt: skip
def test_fields_of_any_height_are_kept_or_dropped_aloud(tmp_path, pix_fmt, height, fits, out):
    """Digital tapes of NTSC have 486 lines, which four does not divide."""
    path = interlaced(tmp_path / "in.mkv", "bff", "ffv1", pix_fmt, height)
    said = repaired(path, tmp_path / out, {1})
    kept = fits or out == "lossless.mkv"
    assert fields(tmp_path / out) == ["BOTTOMFIRST" if kept else "PROGRESSIVE"] * COUNT
    assert any("not interlaced" in note for note in said) == (not kept)


@pytest.mark.parametrize("out", OUTPUTS)
def test_fields_that_begin_late_are_kept_or_dropped_aloud(tmp_path, out):
    path = interlaced(tmp_path / "in.mkv", "tff", "ffv1", first=2)
    kinds = fields(path)
    assert kinds == ["PROGRESSIVE", "PROGRESSIVE", "TOPFIRST", "TOPFIRST"]
    said = repaired(path, tmp_path / out, {2})
    assert said.pop(0).startswith("The video is interlaced")
    assert fields(tmp_path / out) == (kinds if out == "lossless.mkv" else ["PROGRESSIVE"] * COUNT)
    assert ["not interlaced" in note for note in said] == [True] * (out != "lossless.mkv")


def captioned(path: Path, first: int = 0) -> Path:
    """A raw stream of H.264 with closed captions, different ones in each frame from the first that has some on."""
    plain = write_video(path.with_name("plain.h264"), moving_texture(COUNT), options={"preset": "ultrafast"})
    pieces, count = [], 0
    for unit in plain.read_bytes().replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]:
        if unit[0] & 31 in (1, 5):
            data = b"\xb5\x00\x31GA94\x03\x42\xff" + bytes([0xFC, 0x80 + count, 0x41, 0xFD, 0x42, 0x43]) + b"\xff"
            if count >= first:
                pieces.append(b"\x06\x04" + bytes([len(data)]) + data + b"\x80")
            count += 1
        pieces.append(unit)
    path.write_bytes(b"".join(b"\0\0\0\1" + piece for piece in pieces))
    return path


def captions(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [
            bytes(data) for frame in container.decode(video=0) for data in frame.side_data if data.type.name == "A53_CC"
        ]


@pytest.mark.parametrize("out", OUTPUTS[:3])
def test_closed_captions_are_kept(tmp_path, out):
    path = captioned(tmp_path / "in.h264")
    assert len(set(captions(path))) == COUNT
    repaired(path, tmp_path / out, {1, 2})
    assert captions(tmp_path / out) == captions(path)


@pytest.mark.parametrize("out", ["out.mp4", "lossless.mkv", "folder"])
def test_captions_that_begin_late_are_kept_or_dropped_aloud(tmp_path, out):
    path = captioned(tmp_path / "in.h264", first=2)
    assert len(captions(path)) == COUNT - 2
    said = repaired(path, tmp_path / out, {2})
    assert said == ["Closed captions are not carried over."] * (out != "out.mp4")
    if out == "out.mp4":
        assert captions(tmp_path / out) == captions(path)


@pytest.mark.parametrize("out", OUTPUTS)
@pytest.mark.parametrize("shape", [Fraction(16, 11), Fraction(118, 81), Fraction(8, 9)])
@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"), [("in.mp4", "libx264", "yuv420p"), ("in.mov", "prores_ks", "yuv422p10le")]
)
def test_the_shape_of_pixels_is_kept(tmp_path, name, codec, pix_fmt, shape, out):
    path = write_video(tmp_path / name, moving_texture(COUNT), codec=codec, pix_fmt=pix_fmt, aspect=shape)
    said = repaired(path, tmp_path / out, {1})
    for file in (path, tmp_path / out):
        with open_source(file) as source:
            assert source.info.sample_aspect_ratio == shape
    assert any("pixel shape" in note for note in said) == (out == "lossless.mkv")


@pytest.mark.parametrize(
    ("aspect", "colour", "says"),
    [
        (None, (1, 1, 1, 1), []),
        (Fraction(16, 11), (1, 1, 1, 1), ["16:11"]),
        (None, (9, 9, 16, 1), ["wide-gamut"]),
        (None, (1, 12, 1, 1), ["wide-gamut"]),
    ],
)
def test_what_pngs_do_not_say_of_a_video_is_said(tmp_path, aspect, colour, says):
    path = write_video(tmp_path / "in.mp4", moving_texture(COUNT), aspect=aspect, colour=colour)
    said = repaired(path, tmp_path / "folder", {1})
    assert len(said) == len(says)
    assert all(word in note for word, note in zip(says, said, strict=True))


def test_no_output_claims_a_transparency_that_it_has_not(tmp_path):
    path = odd_files.transparent_webm(tmp_path)
    said = repaired(path, tmp_path / "out.mkv", set())
    assert any("transparency" in note for note in said)
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert "alpha_mode" not in {key.lower() for key in container.streams.video[0].metadata}


DISPLAY = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"


@pytest.mark.parametrize("out", OUTPUTS)
def test_hdr_mastering_metadata_is_kept_or_dropped_aloud(tmp_path, out):
    options = {"x265-params": f"hdr10=1:master-display={DISPLAY}:max-cll=1000,400:log-level=none"}
    frames = moving_texture(COUNT)
    path = write_video(tmp_path / "in.mp4", frames, codec="libx265", pix_fmt="yuv420p10le", options=options)
    said = repaired(path, tmp_path / out, {1})
    with open_source(path) as one, open_source(tmp_path / out) as two:
        assert set(one.info.side_data) == {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"}
        lossless = out == "lossless.mkv"
        assert two.info.side_data == ({} if lossless else one.info.side_data)
    assert any("mastering" in note for note in said) == lossless


@pytest.mark.parametrize("out", OUTPUTS)
def test_the_packing_of_both_eyes_is_kept_or_dropped_aloud(tmp_path, out):
    path = write_video(tmp_path / "in.mkv", moving_texture(COUNT), options={"x264-params": "frame-packing=3"})
    said = repaired(path, tmp_path / out, {0})
    with open_source(tmp_path / out) as source:
        assert ("STEREO3D" in source.info.side_data) == (out != "lossless.mkv")
    assert any("eye" in note for note in said) == (out == "lossless.mkv")


@pytest.mark.parametrize(
    ("values", "params"),
    [
        (
            [1, 2] * 8 + [1, 100, 600, 1, 1, 1],
            "G(25000,25000)B(25000,25000)R(25000,25000)WP(25000,25000)L(6000000,100)",
        ),
        ([1, 2] * 8 + [1, 100, 600, 1, 1, 0], ""),
        ([-1, 2] * 8 + [1, 100, 600, 1, 1, 1], ""),
        ([9, 2] * 8 + [1, 100, 600, 1, 1, 1], ""),
        ([9, 0] * 8 + [1, 0, 600, 0, 1, 1], ""),
    ],
)
def test_x264_is_told_of_mastering_displays_that_it_takes(values, params):
    found = {"MASTERING_DISPLAY_METADATA": struct.pack("<22i", *values)}
    assert hdr_params(found) == (f"mastering-display={params}" if params else "")
    assert hdr_params({"CONTENT_LIGHT_LEVEL": struct.pack("<2I", 1000, 1 << 20)}) == ""


def test_all_else_is_dropped_aloud():
    for name in ("SPHERICAL", "DOVI_METADATA", "DYNAMIC_HDR_PLUS"):
        assert name in av.sidedata.sidedata.Type.__members__
        assert len(lost({name: b""}, "libx264")) == len(lost({name: b""}, "ffv1")) == 1
    assert lost({}, "ffv1") == []


def profile(space: bytes) -> bytes:
    """A colour profile that readers take: a header, and a tag of noise, since short ones are refused."""
    noise = np.random.default_rng(0).bytes(300)
    white = struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D)
    head = struct.pack(">I4sI4s4s4s12x4s28x", 144 + len(noise), b"", 0x02400000, b"mntr", space, b"XYZ ", b"acsp")
    return (head + white).ljust(128, b"\0") + struct.pack(">I4sII", 1, b"cprt", 144, len(noise)) + noise


def save(path: Path, picture: np.ndarray, profile: bytes) -> None:
    if path.suffix == ".tif":
        Image.fromarray(picture).save(path, icc_profile=profile)  # OpenCV writes none into this kind
        return
    chunk = [np.frombuffer(profile, np.uint8)]
    path.write_bytes(cv2.imencodeWithMetadata(path.suffix, picture, [cv2.IMAGE_METADATA_ICCP], chunk)[1].tobytes())


def profiles(folder: Path) -> list[bytes]:
    return [Image.open(path).info.get("icc_profile", b"") for path in sorted(folder.iterdir())]


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("kind", [".png", ".jpg", ".webp", ".tif"])
def test_colour_profiles_of_pictures(tmp_path, kind, grey):
    (tmp_path / "in").mkdir()
    chance = np.random.default_rng(0)
    shape = (32, 40) if grey and kind != ".webp" else (32, 40, 3)
    own = profile(b"RGB " if len(shape) == 3 else b"GRAY")
    given = [own, own[:-1] + b"x", b""]
    for index, icc in enumerate(given):
        picture = chance.integers(0, 256, shape, np.uint8)
        path = tmp_path / "in" / f"{index}{kind}"
        if icc:
            save(path, picture, icc)
        else:
            cv2.imwrite(str(path), picture)
    assert repaired(tmp_path / "in", tmp_path / "out", {1}) == []
    assert profiles(tmp_path / "out") == given
    assert "colour profile" in " ".join(repaired(tmp_path / "in", tmp_path / "out.mkv", set()))


@pytest.mark.parametrize("kind", [".jpg", ".tif"])
def test_a_profile_for_other_colours_is_dropped_aloud(tmp_path, kind):
    (tmp_path / "in").mkdir()
    picture = np.random.default_rng(0).integers(0, 256, (32, 40, 3), np.uint8)
    save(tmp_path / "in" / f"0{kind}", picture, profile(b"CMYK"))
    (said,) = repaired(tmp_path / "in", tmp_path / "out", set())
    assert "colour profile" in said
    assert profiles(tmp_path / "out") == [b""]


def test_tags_of_a_tiff_that_lie():
    """Found outside the file, of no known type, and more than there are."""
    for kind, count, value in ((7, 1 << 31, 8), (7, 100, 1 << 30), (99, 1, 0)):
        entry = struct.pack("<HHII", 34675, kind, count, value)
        data = b"II*\0" + struct.pack("<IH", 8, 9000) + entry
        assert len(tiff_profile(data)) <= len(data)
