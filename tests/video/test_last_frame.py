"""What a viewer would notice of an output besides its pixels: how long it is, what is heard, and that grey stays as
dark.
"""

from fractions import Fraction

import av
import numpy as np
import pytest
from conftest import moving_texture, packets, rgb_frames, write_video

from rovr.video import open_source
from rovr.video.sink import open_sink

NEGATIVE = {"avoid_negative_ts": "disabled"}
TIMES = (0, 40, 80, 120, 160)


def film(path, lasts, pix_fmt="yuv420p", codec="libx264", color_range=0):
    """Five frames, the last of which lasts so many milliseconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            codec, rate=25, width=64, height=48, options={"crf": "0"} if codec[0] == "l" else {}
        )
        stream.pix_fmt, stream.codec_context.time_base = pix_fmt, Fraction(1, 1000)
        stream.codec_context.flags |= 1 << 8
        stream.codec_context.color_range = color_range
        for k, time in enumerate(TIMES):
            picture = np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1))
            frame = av.VideoFrame.from_ndarray(picture, "gray").reformat(format=pix_fmt)
            frame.pts, frame.time_base, frame.color_range = time, Fraction(1, 1000), color_range
            frame.duration = lasts if k == len(TIMES) - 1 else 40
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def copied(path, out):
    with open_source(path) as source:
        sink = open_sink(out, source.info, lambda note: None, lossless=out.suffix == ".mkv", crf=0)
        for frame in source:
            sink.write(frame)
        sink.commit()
    return out


def seconds(path):
    with av.open(str(path)) as container:
        last = list(container.decode(video=0))[-1]
        return float((last.pts + last.duration) * last.time_base)


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_a_last_picture_stands_as_long_as_it_did(tmp_path, name):
    path = film(tmp_path / "in.mp4", 3000)
    assert seconds(path) == pytest.approx(3.16, abs=0.01)
    assert seconds(copied(path, tmp_path / name)) == pytest.approx(3.16, abs=0.05)


@pytest.mark.parametrize("color_range", [0, 1, 2])
def test_grey_stays_as_dark_as_it_was(tmp_path, color_range):
    path = film(tmp_path / "in.mkv", 40, "gray", "ffv1", color_range)
    out = copied(path, tmp_path / "out.mp4")
    assert np.abs(rgb_frames(path).astype(int) - rgb_frames(out)).max() <= 2


def test_sound_that_an_edit_list_cuts_away_is_not_heard(tmp_path):
    """Matroska has no edit lists; MP4 keeps its own, and the sound behind it."""
    plain = write_video(tmp_path / "plain.mp4", moving_texture(25), audio=2)
    with av.open(str(plain)) as given, av.open(str(tmp_path / "in.mp4"), "w", options=NEGATIVE) as output:
        targets = {stream.index: output.add_stream_from_template(stream) for stream in given.streams}
        for packet in given.demux():
            if packet.size:
                early = round(1 / packet.time_base) if packet.stream.type == "audio" else 0
                packet.pts, packet.dts = packet.pts - early, packet.dts - early
                packet.stream = targets[packet.stream_index]
                output.mux(packet)
    before = packets(tmp_path / "in.mp4", "audio")
    assert before[0][0] < -0.9
    assert packets(copied(tmp_path / "in.mp4", tmp_path / "out.mp4"), "audio") == before
    after = packets(copied(tmp_path / "in.mp4", tmp_path / "out.mkv"), "audio")
    heard = [payload for time, payload in before if time >= 0]
    assert [payload for _, payload in after][-len(heard) :] == heard
    # A little stays for decoders to get going.
    assert len(heard) < len(after) <= len(heard) + 6
