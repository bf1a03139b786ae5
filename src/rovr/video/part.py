"""Part of a video, read by someone who did not read what comes before it."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from rovr.video.colour import Frame
from rovr.video.folder import FolderSource
from rovr.video.limits import MAX_PIXELS
from rovr.video.reader import FileSource
from rovr.video.source import VideoInfo, open_source


@dataclass(frozen=True)
class Mark:
    """A frame by which others find the place.

    Attributes:
        index: in the video.
        pts: its time stamp; of no use in a folder of pictures.
        digest: of its pixels.
    """

    index: int
    pts: int
    digest: bytes

    @classmethod
    def of(cls, index: int, frame: Frame) -> "Mark":
        """Of a frame that was just read."""
        return cls(index, frame.native.pts or 0, _digest(frame))


@contextmanager
def open_part(
    path: str | Path, mark: Mark, max_pixels: int = MAX_PIXELS
) -> Iterator[tuple[VideoInfo, Iterator[Frame]]]:
    """Read a video from a mark on.

    A file is not trusted to be where its index says: unless the very picture of the mark is found there, everything
    before it is decoded and counted.

    Args:
        path: a video, or a folder of frames.
        mark: of the first frame to hand out.
        max_pixels: that a frame may have.

    Raises:
        UserError: as :func:`rovr.video.source.open_source`.
    """
    with open_source(path, max_pixels=max_pixels) as source:
        if isinstance(source, FolderSource):
            source.files = source.files[mark.index :]
        if isinstance(source, FolderSource) or mark.index == 0:
            yield source.info, iter(source)
            return
        if isinstance(source, FileSource) and source.jump(mark.pts):
            frames = iter(source)
            first = next(frames)
            if _digest(first) == mark.digest:
                yield source.info, chain([first], frames)
                return
    with open_source(path, max_pixels=max_pixels) as source:
        yield source.info, islice(source, mark.index, None)


def _digest(frame: Frame) -> bytes:
    return hashlib.blake2b(frame.planar.data, digest_size=16).digest()
