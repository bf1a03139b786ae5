"""Odd video files, made on the spot by FFmpeg: each is a function from a folder to a file, listed by what is odd."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from conftest import moving_texture, write_video

from rovr.video import pixels

WIDTH, HEIGHT, COUNT = 64, 48, 6

# Pixel format → a codec and container that keep its samples.
NATIVE = {
    "yuv420p": "ffv1", "yuvj420p": "mjpeg", "yuv422p": "ffv1", "yuv444p": "ffv1", "yuv411p": "ffv1", "yuv410p": "ffv1",
    "yuv440p": "ffv1", "yuv420p10le": "ffv1", "yuv422p10le": "ffv1", "yuv444p10le": "ffv1", "yuv420p12le": "ffv1",
    "yuv444p16le": "ffv1", "yuva420p": "ffv1", "yuva444p10le": "ffv1", "nv12": "rawvideo", "nv21": "rawvideo",
    "gray": "ffv1", "gray10le": "ffv1", "gray12le": "ffv1", "gray16le": "ffv1", "rgb24": "png",
    "bgr24": "rawvideo", "bgr0": "ffv1", "rgba": "png", "argb": "rawvideo", "gbrp": "utvideo", "gbrp10le": "ffv1",
    "gbrap": "utvideo", "rgb48le": "rawvideo", "rgba64le": "rawvideo",
}  # fmt: skip
# Formats that are converted once, aloud, before anything is edited.
CONVERTED = {
    "pal8": "rawvideo", "yuyv422": "rawvideo", "uyvy422": "rawvideo", "monow": "rawvideo", "ya8": "png",
    "rgb565le": "rawvideo", "gray16be": "png", "rgb48be": "png", "gbrpf32le": "rawvideo", "yuv420p10be": "rawvideo",
    "rgb555le": "rawvideo", "x2rgb10le": "rawvideo",
}  # fmt: skip
# File name → codec and pixel format; audio codec where there is sound.
CONTAINERS = {
    "mpeg4.avi": ("mpeg4", "yuv420p", "pcm_s16le"), "stereo.avi": ("mpeg4", "yuv420p", "pcm_s16le"),
    "surround.mkv": ("libx264", "yuv420p", "pcm_s16le"), "tape.dv": ("dvvideo", "yuv420p", "pcm_s16le"),
    "mjpeg.avi": ("mjpeg", "yuvj422p", "mp2"),
    "raw.avi": ("rawvideo", "bgr24", None), "huffyuv.avi": ("huffyuv", "yuv422p", None),
    "utvideo.avi": ("utvideo", "gbrp", None), "cinepak.avi": ("cinepak", "rgb24", None),
    "prores.mov": ("prores_ks", "yuv422p10le", "pcm_s24le"), "prores4444.mov": ("prores_ks", "yuva444p10le", None),
    "qtrle.mov": ("qtrle", "rgb24", None), "h264.mov": ("libx264", "yuv420p", "aac"),
    "png.mov": ("png", "rgba", "alac"), "mpeg4.3gp": ("mpeg4", "yuv420p", "aac"),
    "hevc.mp4": ("libx265", "yuv420p10le", "aac"), "av1.mp4": ("libsvtav1", "yuv420p", "libopus"),
    "h264.mkv": ("libx264", "yuv420p", "flac"), "vp8.mkv": ("libvpx", "yuv420p", "libopus"),
    "vp9.webm": ("libvpx-vp9", "yuv420p", "libopus"), "alpha.mkv": ("ffv1", "yuva420p", None),
    "h264.ts": ("libx264", "yuv420p", "ac3"), "mpeg2.ts": ("mpeg2video", "yuv420p", "mp2"),
    "h264.m2ts": ("libx264", "yuv420p", "eac3"), "mpeg2.mpg": ("mpeg2video", "yuv420p", "mp2"),
    "mpeg1.mpg": ("mpeg1video", "yuv420p", None), "vp8.ogv": ("libvpx", "yuv420p", "libopus"),
    "flv1.flv": ("flv", "yuv420p", "libmp3lame"), "h264.flv": ("libx264", "yuv420p", "aac"),
    "wmv2.wmv": ("wmv2", "yuv420p", "mp2"), "colours.gif": ("gif", "rgb8", None), "still.apng": ("apng", "rgb24", None),
    "alpha.apng": ("apng", "rgba", None), "raw.y4m": ("wrapped_avframe", "yuv422p", None),
    "raw.h264": ("libx264", "yuv420p", None), "raw.m4v": ("mpeg4", "yuv420p", None),
    "raw.hevc": ("libx265", "yuv420p", None), "raw.mjpeg": ("mjpeg", "yuvj420p", None),
    "snow.nut": ("snow", "yuv420p", None), "jpeg2000.mkv": ("jpeg2000", "yuv444p", None),
    "one.webp": ("libwebp", "yuv420p", None),
}  # fmt: skip


@dataclass(frozen=True)
class Odd:
    """What is odd about a file and what must come of it.

    Attributes:
        make: writes it into a folder.
        says: part of a note that must be heard, or empty.
        refused: part of the one line with which it is refused, or empty where it must work.
        frames: how many the repaired video has.
        size: (width, height) as played.
    """

    make: Callable[[Path], Path]
    says: str = ""
    refused: str = ""
    frames: int = COUNT
    size: tuple[int, int] = (WIDTH, HEIGHT)


def native(folder: Path, pix_fmt: str, width: int = WIDTH, height: int = HEIGHT) -> Path:
    """A file whose frames decode to this pixel format."""
    codec = {**NATIVE, **CONVERTED}[pix_fmt]
    ending = {"rawvideo": "nut", "mjpeg": "avi", "utvideo": "avi", "png": "mov"}.get(codec, "mkv")
    frames = moving_texture(COUNT, height, width)
    if pix_fmt == "pal8":
        return _paletted(folder / "pal8.nut", frames)
    options = {"strict": "-2"} if codec == "ffv1" else {}
    return write_video(folder / f"{pix_fmt}.{ending}", frames, codec=codec, pix_fmt=pix_fmt, options=options)


def _paletted(path: Path, frames: np.ndarray) -> Path:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("rawvideo", rate=25)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "pal8"
        palette = np.random.default_rng(0).integers(0, 256, (256, 4), dtype=np.uint8)
        palette[:, 0] = 255
        for index, rgb in enumerate(frames):
            frame = av.VideoFrame.from_ndarray((np.ascontiguousarray(rgb[..., 0]), palette), "pal8")
            frame.pts = index
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def in_container(folder: Path, name: str) -> Path:
    """A file of :data:`CONTAINERS`."""
    codec, pix_fmt, sound = CONTAINERS[name]
    if name.endswith("y4m") or pix_fmt == "rgb8":
        return _plainly(folder / name, codec, pix_fmt)
    width, height = {"3gp": (176, 144), "dv": (720, 576)}.get(name.rpartition(".")[2], (WIDTH, HEIGHT))
    count = 1 if name.endswith("webp") else COUNT
    path = write_video(folder / name, moving_texture(count, height, width), codec=codec, pix_fmt=pix_fmt)
    return with_sound(path, sound) if sound else path


def _plainly(path: Path, codec: str, pix_fmt: str) -> Path:
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pix_fmt
        for index, rgb in enumerate(moving_texture(COUNT)):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def put(given: Any, stream: Any, output: Any) -> None:
    """Copy the packets of a container's first video stream into a stream of another."""
    for packet in given.demux(video=0):
        if packet.size:
            packet.stream = stream
            output.mux(packet)


def remux(path: Path, target: Path, change: Callable[[Any], Any] = lambda packet: packet, **options: Any) -> Path:
    """Copy the packets of a file's first video stream, each after a change."""
    with av.open(str(path)) as given, av.open(str(target), "w", **options) as output:
        stream = output.add_stream_from_template(given.streams.video[0], opaque=True)
        for packet in given.demux(video=0):
            if packet.size and (packet := change(packet)) is not None:
                packet.stream = stream
                output.mux(packet)
    return target


def with_sound(path: Path, codec: str, seconds: float = 0.3) -> Path:
    """The file with a tone added to its video."""
    target = path.with_name(f"sound-{path.name}")
    with av.open(str(path)) as given, av.open(str(target), "w") as output:
        stream = output.add_stream_from_template(given.streams.video[0], opaque=True)
        two = codec in ("ac3", "eac3", "mp2") or path.stem in ("stereo", "tape")
        layout = "5.1" if path.stem == "surround" else "stereo" if two else "mono"
        sound = output.add_stream(codec, rate=48000, layout=layout)
        packets = [packet for packet in given.demux(video=0) if packet.size]
        resampler = av.AudioResampler(sound.format.name, sound.layout.name, 48000, frame_size=sound.frame_size or 1024)
        wave = np.sin(np.arange(int(seconds * 48000)) / 20).astype(np.float32)[None] * 0.3
        block = av.AudioFrame.from_ndarray(wave, "fltp", "mono")
        block.sample_rate, block.pts = 48000, 0
        output.start_encoding()
        for packet in packets:
            packet.stream = stream
            output.mux(packet)
        for part in (*resampler.resample(block), *resampler.resample(None)):
            output.mux(sound.encode(part))
        output.mux(sound.encode(None))
    path.unlink()
    return target


def rotated(degrees: int) -> Callable[[Path], Path]:
    """A recording of a telephone held upright."""
    return lambda folder: write_video(folder / "turned.mp4", moving_texture(COUNT), rotation=degrees)


def interlaced(folder: Path) -> Path:
    """Fields, top first, between which much moves."""
    options = {"flags": "+ildct+ilme", "top": "1", "x264-params": "interlaced=1:tff=1"}
    filmed = moving_texture(6 * COUNT, 64, 64)[::3]
    both = filmed[::2].copy()
    both[:, 1::2] = filmed[1::2, 1::2]
    return write_video(folder / "fields.mkv", both, options=options)


def variable_rate(folder: Path) -> Path:
    """Gaps between frames of a hundredth of a second to a second."""
    pts = [0, 900, 3900, 93900, 94900, 97900]
    return write_video(folder / "vfr.mp4", moving_texture(COUNT), time_base=Fraction(1, 90000), pts=pts, rate=30)


def size_changes(folder: Path) -> Path:
    """Two raw streams, one behind the other."""
    parts = [write_video(folder / f"{i}.h264", moving_texture(3, *size)) for i, size in enumerate([(48, 64), (32, 32)])]
    path = folder / "changes.h264"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def edit_list(folder: Path) -> Path:
    """The first two of eight frames lie before time zero, so that players skip them."""
    plain = write_video(folder / "plain.mp4", moving_texture(COUNT + 2), options={"bf": "0"})

    def earlier(packet: Any) -> Any:
        step = round(2 / 25 / packet.time_base)
        packet.pts, packet.dts = packet.pts - step, packet.dts - step
        return packet

    return remux(plain, folder / "edited.mp4", earlier, options={"avoid_negative_ts": "disabled"})


def starts_late(folder: Path) -> Path:
    """The first frame is due at ten hours."""

    def later(packet: Any) -> Any:
        step = round(36000 / packet.time_base)
        packet.pts = packet.dts = packet.pts + step
        return packet

    return remux(write_video(folder / "plain.mkv", moving_texture(COUNT), codec="ffv1"), folder / "late.mkv", later)


def starts_negative(folder: Path) -> Path:
    """Matroska with time stamps below zero."""

    def earlier(packet: Any) -> Any:
        packet.pts, packet.dts = packet.pts - 500, packet.dts - 500
        return packet

    plain = write_video(folder / "plain.mkv", moving_texture(COUNT), codec="ffv1")
    return remux(plain, folder / "negative.mkv", earlier, options={"avoid_negative_ts": "disabled"})


def many_b_frames(folder: Path) -> Path:
    """Frames stored in another order than shown."""
    return write_video(folder / "b.mp4", moving_texture(COUNT), options={"bf": "4", "b-pyramid": "strict"})


def times_missing(folder: Path) -> Path:
    """An AVI of B-frames, which holds no time stamps."""
    return write_video(folder / "b.avi", moving_texture(COUNT), codec="mpeg4", options={"bf": "2"})


def times_equal(folder: Path) -> Path:
    """All frames are due at once."""

    def same(packet: Any) -> Any:
        packet.pts = packet.dts = 0
        return packet

    return remux(write_video(folder / "p.mkv", moving_texture(COUNT), codec="ffv1"), folder / "same.mkv", same)


def cover_art(folder: Path) -> Path:
    """A picture beside the video, as music shops add it, before the video itself."""
    video = write_video(folder / "plain.mp4", moving_texture(COUNT))
    cover = write_video(folder / "cover.mov", moving_texture(1, 32, 32), codec="mjpeg", pix_fmt="yuvj420p")
    with (
        av.open(str(video)) as given, av.open(str(cover)) as art, av.open(str(folder / "art.mp4"), "w") as output
    ):  # fmt: skip
        picture = output.add_stream_from_template(art.streams.video[0])
        picture.disposition = av.stream.Disposition.attached_pic
        stream = output.add_stream_from_template(given.streams.video[0], opaque=True)
        for source, target in ((art, picture), (given, stream)):
            put(source, target, output)
    return folder / "art.mp4"


def two_videos(folder: Path) -> Path:
    """Two streams of moving pictures; the first counts."""
    paths = [write_video(folder / f"{i}.mp4", moving_texture(COUNT, *s)) for i, s in enumerate([(48, 64), (32, 32)])]
    with av.open(str(paths[0])) as a, av.open(str(paths[1])) as b, av.open(str(folder / "two.mkv"), "w") as output:
        pairs = [(given, output.add_stream_from_template(given.streams.video[0], opaque=True)) for given in (a, b)]
        for given, stream in pairs:
            put(given, stream, output)
    return folder / "two.mkv"


def data_stream(folder: Path) -> Path:
    """A time code track beside the video."""
    return write_video(folder / "timecode.mov", moving_texture(COUNT), metadata={"timecode": "01:00:00:00"})


def chapters(folder: Path) -> Path:
    """MP4 keeps chapters in a track of their own."""
    plain = write_video(folder / "plain.mp4", moving_texture(COUNT))
    chapter = {"id": 1, "start": 0, "end": 200, "time_base": Fraction(1, 1000), "metadata": {"title": "one"}}
    with av.open(str(plain)) as given, av.open(str(folder / "chapters.mp4"), "w") as output:
        stream = output.add_stream_from_template(given.streams.video[0], opaque=True)
        output.set_chapters([chapter])
        put(given, stream, output)
    return folder / "chapters.mp4"


def transparent_webm(folder: Path) -> Path:
    """VP9 whose transparency is a second picture beside the first, which FFmpeg's decoder leaves out."""
    return write_video(folder / "clear.webm", moving_texture(COUNT), codec="libvpx-vp9", pix_fmt="yuva420p")


def subtitles(codec: str, name: str) -> Callable[[Path], Path]:
    """A line of text in a format of subtitles."""

    def make(folder: Path) -> Path:
        plain = write_video(folder / "plain.mkv", moving_texture(COUNT))
        with av.open(str(plain)) as given, av.open(str(folder / name), "w") as output:
            stream = output.add_stream_from_template(given.streams.video[0], opaque=True)
            text = output.add_mux_stream(codec)
            put(given, stream, output)
            line = av.Packet({"ass": b"0,0,Default,,0,0,0,,hello", "mov_text": b"\0\5hello"}.get(codec, b"hello"))
            line.stream, line.pts, line.dts, line.duration = text, 0, 0, 200
            line.time_base = Fraction(1, 1000)
            output.mux(line)
        return folder / name

    return make


def long_header(folder: Path) -> Path:
    """An index that announces months of video."""
    path = write_video(folder / "long.mp4", moving_texture(COUNT))
    data = bytearray(path.read_bytes())
    for box, at in ((b"mvhd", 20), (b"mdhd", 20), (b"tkhd", 24)):
        place = data.index(box) + at
        data[place : place + 4] = struct.pack(">I", 0x7FFFFFF0)
    path.write_bytes(data)
    return path


def jumps_back(folder: Path) -> Path:
    """A recording that begins anew half way: all time stamps start over."""
    path = with_sound(write_video(folder / "part.ts", moving_texture(COUNT)), "ac3")
    data = path.read_bytes()
    (folder / "twice.ts").write_bytes(data + data)
    return folder / "twice.ts"


def unknown_sound(folder: Path) -> Path:
    """Sound of a codec that nobody knows."""
    path = write_video(folder / "unknown.mkv", moving_texture(COUNT), audio=0.3)
    data = path.read_bytes()
    assert data.count(b"A_AAC") == 1
    path.write_bytes(data.replace(b"A_AAC", b"A_XYZ"))
    return path


def sound_only(folder: Path) -> Path:
    """A tone, and no picture."""
    with av.open(str(folder / "tone.m4a"), "w") as output:
        sound = output.add_stream("aac", rate=48000, layout="mono")
        block = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        block.sample_rate = 48000
        output.mux(sound.encode(block))
        output.mux(sound.encode(None))
    return folder / "tone.m4a"


def write_dpx(path: Path, picture: np.ndarray, pix_fmt: str) -> list[np.ndarray]:
    """A film scan of (H, W, 4) uint16, RGB and opacity; returns its planes, of little endian."""
    frame = av.VideoFrame.from_ndarray(picture, "rgba64le").reformat(format=pix_fmt)
    with av.open(str(path), "w", format="image2", options={"update": "1"}) as container:
        stream = container.add_stream("dpx", rate=1)
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, pix_fmt
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return pixels.planes(frame.reformat(format=pix_fmt.replace("be", "le")))


def mislabelled(folder: Path) -> Path:
    """Matroska under the name of an MP4."""
    return write_video(folder / "plain.mkv", moving_texture(COUNT)).rename(folder / "false.mp4")


def one_frame(folder: Path) -> Path:
    """A video of a single frame."""
    return write_video(folder / "one.mp4", moving_texture(1))


ODD = {
    "rotated 90": Odd(rotated(90), size=(HEIGHT, WIDTH)),
    "rotated 180": Odd(rotated(180)),
    "rotated 270": Odd(rotated(270), size=(HEIGHT, WIDTH)),
    "rotated 45": Odd(rotated(45), says="quarter turns"),
    "interlaced": Odd(interlaced, says="fields are repaired one by one", size=(64, 64)),
    "variable frame rate": Odd(variable_rate),
    "one frame": Odd(one_frame, frames=1),
    "non-square pixels": Odd(lambda f: write_video(f / "wide.mp4", moving_texture(COUNT), aspect=Fraction(16, 11))),
    "size changes": Odd(size_changes, refused="split the file"),
    "edit list": Odd(edit_list),
    "starts late": Odd(starts_late),
    "starts before zero": Odd(starts_negative),
    "B-frames": Odd(many_b_frames),
    "no time stamps": Odd(times_missing),
    "equal time stamps": Odd(times_equal, says="do not rise"),
    "cover art": Odd(cover_art, says="dropped"),
    "two videos": Odd(two_videos, says="dropped"),
    "time code": Odd(data_stream),
    "chapters": Odd(chapters),
    "transparency of WebM": Odd(transparent_webm, says="transparency"),
    "SubRip": Odd(subtitles("subrip", "srt.mkv"), says="dropped"),
    "ASS": Odd(subtitles("ass", "ass.mkv"), says="dropped"),
    "WebVTT": Odd(subtitles("webvtt", "vtt.mkv"), says="dropped"),
    "mov_text": Odd(subtitles("mov_text", "text.mp4")),
    "months in the header": Odd(long_header),
    "jumps back": Odd(jumps_back, says="do not rise", frames=2 * COUNT),
    "sound only": Odd(sound_only, refused="no video stream"),
    "wrong extension": Odd(mislabelled),
}
