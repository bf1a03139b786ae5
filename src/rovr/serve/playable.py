"""A copy of a video that every browser plays, where the video itself is none: H.264 4:2:0, read and written in step."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.error import FFmpegError

from rovr.video.colour import Colour
from rovr.video.frames import pixel_shape
from rovr.video.orient import Orientation
from rovr.video.reader import open_input, video_stream

# Browsers show films in windows: more pixels only cost time.
WIDEST = 1280
_PLAYED = {"yuv420p", "yuvj420p"}


def plays(path: Path) -> bool:
    """Whether browsers play a file as it is."""
    with open_input(path) as container:
        context = video_stream(container, path).codec_context
        # There is no codec context where FFmpeg does not know the codec.
        sounds = {getattr(stream.codec_context, "name", None) for stream in container.streams.audio}
        mp4 = "mp4" in container.format.name and path.suffix.lower() in (".mp4", ".m4v")
        picture = context.name == "h264" and context.pix_fmt in _PLAYED
        return bool(mp4 and picture and sounds <= {"aac", "mp3"})


def make_playable(path: Path, out: Path) -> bool:
    """Write a copy that plays in browsers where the video itself does not.

    Args:
        path: a video.
        out: ``.mp4``.

    Returns:
        Whether a copy was needed.
    """
    if plays(path):
        return False
    part = out.with_suffix(".part.mp4")
    with open_input(path) as source, av.open(str(part), "w", container_options={"movflags": "+faststart"}) as target:
        stream = video_stream(source, path)
        stream.thread_type = "AUTO"
        first = next(iter(source.decode(stream)))
        orientation, colour = Orientation.of(first), Colour.of(first)
        width, height = orientation.shown_size(first.width, first.height)
        scale = min(1.0, WIDEST / width)
        size = tuple(max(2, round(side * scale / 2) * 2) for side in (width, height))
        source.seek(0)
        rate = (stream.average_rate or Fraction(25)).limit_denominator(100_000)
        video: Any = target.add_stream("libx264", rate=rate, options={"crf": "23", "preset": "veryfast"})
        video.width, video.height, video.pix_fmt = size[0], size[1], "yuv420p"
        video.codec_context.time_base = stream.time_base
        if aspect := stream.sample_aspect_ratio or pixel_shape(first):
            video.codec_context.sample_aspect_ratio = 1 / aspect if orientation.transpose else aspect
        sound = next((one for one in source.streams.audio if one.codec_context is not None), None)
        speech: Any = target.add_stream("aac", rate=48000, layout="stereo") if sound else None
        resampler = av.AudioResampler("fltp", "stereo", 48000) if sound else None
        last: int | None = None
        for packet in source.demux([stream, sound] if sound else [stream]):
            for frame in _decoded(packet, packet.stream is sound):
                if resampler is not None and not hasattr(frame, "pict_type"):
                    for piece in resampler.resample(frame):
                        target.mux(speech.encode(piece))
                    continue
                picture = orientation.to_shown(colour.rgb(frame))
                picture = np.ascontiguousarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
                made = av.VideoFrame.from_ndarray(picture, "rgb24")
                stamp = frame.pts if frame.pts is not None else (last or 0) + 1
                made.pts = last = stamp if last is None or stamp > last else last + 1
                made.time_base = stream.time_base
                target.mux(video.encode(made))
        target.mux(video.encode(None))
        if speech is not None:
            target.mux(speech.encode(None))
    part.replace(out)
    return True


def _decoded(packet: Any, is_sound: bool) -> list[Any]:
    """Frames of a packet; sound that is damaged is left out, as players do."""
    try:
        return list(packet.decode())
    except FFmpegError:
        if is_sound:
            return []
        raise
