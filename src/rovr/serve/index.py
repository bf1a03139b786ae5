"""What is known of a video once its packets were walked through: enough to show any of its frames at once."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

from rovr.errors import UserError
from rovr.serve.limits import Limits, Refused
from rovr.video.reader import video_stream
from rovr.video.source import VideoInfo, open_source

# Containers of one file. Play lists, which name further files, are not among them.
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,mxf,dv,ivf,gif,apng"
KINDS = "MP4, MOV, MKV, WebM, AVI, MPEG or WMV"


@dataclass(frozen=True)
class Index:
    """Where the frames of a video are.

    Attributes:
        path: the file.
        width: pixels as played.
        height: pixels as played.
        frames: their number.
        rate: frames per second on average.
        stamps: time stamp of each frame, rising; empty where the file has none to go by, so that frames must be
            counted from the start.
        keys: time stamps of those that can be decoded by themselves.
        matroska: whether the container is one of that family.
        audio: whether there is sound.
        aspect: width of a pixel over its height as played.
        times: when each frame is shown, in milliseconds from the first; empty where ``rate`` tells that.
    """

    path: Path
    width: int
    height: int
    frames: int
    rate: float
    stamps: list[int]
    keys: list[int]
    matroska: bool
    audio: bool
    aspect: float = 1.0
    times: list[int] = field(default_factory=list)


def open_safely(path: Path) -> Any:
    """Open a container that is one file and names no others.

    Raises:
        UserError: it is not a video of a known kind.
    """
    try:
        return av.open(str(path.absolute()), "r", metadata_errors="replace", options={"format_whitelist": FORMATS})
    except (FFmpegError, OSError, ValueError) as error:
        raise UserError(f"{path} is not a video that can be read; give {KINDS}.") from error


def examine(path: Path, limits: Limits) -> Index:
    """Walk through a video without decoding it.

    Raises:
        UserError: it cannot be read, or is larger than is taken.
    """
    with open_safely(path) as container:
        stream = video_stream(container, path)
        context = stream.codec_context
        # Before anything is decoded: a few bytes can announce a picture that fills the memory.
        if context.width * context.height > limits.pixels:
            raise Refused(f"{path} is {context.width}×{context.height}; the page takes up to {_size(limits)}.", 413)
        stamps, keys, known = _walk(container, stream, path, limits)
        matroska = "matroska" in container.format.name
        tick = 1000 * (stream.time_base or 0)
    if not stamps:
        raise UserError(f"{path} holds no pictures that can be read; check that it plays.")
    with open_source(path) as source:
        info = source.info
        if info.width * info.height > limits.pixels:
            raise Refused(f"{path} is {info.width}×{info.height}; the page takes up to {_size(limits)}.", 413)
    width, height = info.shown_size
    aspect = played_aspect(info)
    count, rate = len(stamps), float(info.rate)
    ordered = sorted(stamps) if known and len(set(stamps)) == count else []
    times = _uneven([round((stamp - ordered[0]) * tick) for stamp in ordered], rate)
    return Index(path, width, height, count, rate, ordered, sorted(keys), matroska, bool(info.audio), aspect, times)


def _uneven(times: list[int], rate: float) -> list[int]:
    """Times of frames in milliseconds, unless they follow from the rate as exactly as the page shows them."""
    return times if any(abs(time - 1000 * k / rate) > 10 for k, time in enumerate(times)) else []


def played_aspect(info: VideoInfo) -> float:
    """Width of a pixel over its height as played."""
    # What the file says may be nonsense, and shall not leave a line of the picture.
    return min(max(float(info.shown_aspect_ratio or 1), 0.2), 5.0)


def _size(limits: Limits) -> str:
    return f"{limits.pixels / 1e6:.0f} million pixels a frame"


def _walk(container: Any, stream: Any, path: Path, limits: Limits) -> tuple[list[int], list[int], bool]:
    """Time stamps of all shown packets and of key frames, and whether the file itself gave them all."""
    stamps: list[int] = []
    keys: list[int] = []
    known = True
    try:
        for packet in container.demux(stream):
            if not packet.size or packet.is_discard:
                continue
            known = known and packet.pts is not None
            stamps.append(packet.pts if packet.pts is not None else len(stamps))
            if packet.is_keyframe:
                keys.append(stamps[-1])
            if len(stamps) > limits.frames:
                raise Refused(f"{path} has more than {limits.frames:,} frames; cut it into shorter parts.", 413)
    except FFmpegError:
        # What can be read counts; whoever decodes it says what is wrong with the rest.
        pass
    return stamps, keys, known
