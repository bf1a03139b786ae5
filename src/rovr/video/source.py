"""Where frames come from: any video FFmpeg reads or a folder of pictures, one frame at a time."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

from rovr.errors import UserError
from rovr.video.colour import Frame
from rovr.video.limits import MAX_PIXELS
from rovr.video.orient import Orientation

Say = Callable[[str], None]
"""Takes one sentence the user should hear."""


INTERLACED = "The video is interlaced: both fields of a frame are repaired as one picture."
"""What is said where fields are not repaired one by one."""


@dataclass(frozen=True)
class VideoInfo:
    """What is known of a video before it is read through.

    Attributes:
        path: the file or folder.
        kind: ``video`` or ``folder``.
        codec: FFmpeg's name, or the extension of the pictures.
        width: pixels as stored.
        height: pixels as stored.
        frames: count, None if only reading through would tell.
        rate: frames per second on average.
        time_base: seconds per tick of the time stamps.
        start: seconds that outputs take off all time stamps: recordings of a broadcast start anywhere.
        pix_fmt: the format of the frames handed out, which is the file's unless it had to be converted.
        bits: per sample.
        orientation: how a player turns the picture.
        sample_aspect_ratio: width of a pixel over its height, None if square or unknown.
        color_range: AVColorRange.
        color_primaries: AVColorPrimaries.
        color_trc: AVColorTransferCharacteristic.
        colorspace: AVColorSpace.
        interlaced: whether the first frame says so.
        side_data: what else the first frame carries, see :func:`rovr.video.side_data.side_data`.
        audio: number of audio streams.
        subtitles: number of subtitle streams.
        max_pixels: that a frame may have.
    """

    path: Path
    kind: str
    codec: str
    width: int
    height: int
    frames: int | None
    rate: Fraction
    time_base: Fraction
    pix_fmt: str
    bits: int
    start: float = 0.0
    orientation: Orientation = field(default_factory=Orientation)
    sample_aspect_ratio: Fraction | None = None
    color_range: int = 0
    color_primaries: int = 2
    color_trc: int = 2
    colorspace: int = 2
    interlaced: bool = False
    side_data: dict[str, bytes] = field(default_factory=dict)
    audio: int = 0
    subtitles: int = 0
    max_pixels: int = MAX_PIXELS

    @property
    def shown_size(self) -> tuple[int, int]:
        """(width, height) as played."""
        return self.orientation.shown_size(self.width, self.height)

    @property
    def shown_aspect_ratio(self) -> Fraction | None:
        """Width of a pixel over its height as played, None if square or unknown."""
        aspect = self.sample_aspect_ratio
        return 1 / aspect if aspect and self.orientation.transpose else aspect


class Source(ABC):
    """A video that can be read once, front to back, in constant memory.

    Attributes:
        info: known from the first frame on.
    """

    info: VideoInfo

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]:
        """Hand out every frame; raises UserError where the file is damaged."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_source(
    path: str | Path,
    say: Say = lambda note: None,
    rate: Fraction | None = None,
    max_pixels: int = MAX_PIXELS,
    conceal: bool = True,
) -> Source:
    """Open a video or a folder of frames.

    Args:
        path: file or folder.
        say: told whatever the user should know, once each.
        rate: frames per second of a folder; a video knows its own.
        max_pixels: that a frame may have.
        conceal: whether a decoder fills in what a damaged file has lost.

    Raises:
        UserError: nothing there, not a video, too large, no pictures, or the first frame cannot be read.
    """
    from rovr.video.folder import FolderSource
    from rovr.video.reader import FileSource

    if not str(path):
        raise UserError("The name of the video is empty; give a file or a folder of frames.")
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path} does not exist; check the path.")
    if path.is_dir():
        return FolderSource(path, say, rate or Fraction(25), max_pixels)
    return FileSource(path, say, max_pixels, conceal)


def count_frames(path: str | Path, max_pixels: int = MAX_PIXELS, seconds: float = math.inf) -> int | None:
    """Number of frames without decoding, from the folder or the packets; None if that cannot be told in time.

    An encoder may store packets that show nothing, so a surprising answer should be checked by
    :func:`count_decoded`.
    """
    from rovr.video.folder import list_images
    from rovr.video.reader import count_packets

    path = Path(path)
    return len(list_images(path)) if path.is_dir() else count_packets(path, max_pixels, seconds)


def expected_frames(info: VideoInfo) -> int | None:
    """How many frames to expect, for whoever waits for them: by the header, else by the packets if that is quick."""
    return info.frames or count_frames(info.path, info.max_pixels, seconds=10)


def count_decoded(path: str | Path, max_pixels: int = MAX_PIXELS) -> int:
    """Number of frames by decoding them all: slow, but the truth."""
    with open_source(path, max_pixels=max_pixels) as source:
        return sum(1 for _ in source)
