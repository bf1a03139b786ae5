"""Folders of pictures as videos, in and out."""

import contextlib
import re
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from rovr.errors import UserError
from rovr.video.colour import Colour, Frame
from rovr.video.dpx import MAGIC, read_dpx
from rovr.video.limits import MAX_PIXELS, check_bytes, check_pixels, picture_bytes
from rovr.video.picture_size import picture_size
from rovr.video.side_data import PROFILE, fits
from rovr.video.source import Say, Source, VideoInfo
from rovr.video.tiff import read_tags

# What OpenCV remarks of damaged pictures, we say in one line.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

# A tag of TIFF.
_PROFILE = 34675

SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".dpx"}

VIDEOS = {
    ".3gp", ".asf", ".avi", ".dv", ".flv", ".gif", ".m2ts", ".m2v", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg",
    ".mts", ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv", ".y4m",
}  # fmt: skip


def is_video(path: Path) -> bool:
    """Whether the name is that of a video file."""
    return path.suffix.lower() in VIDEOS and not path.name.startswith(".")


def is_image(path: Path) -> bool:
    """Whether the name is that of a picture we read."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def natural_key(path: Path) -> list[tuple[int, int, str]]:
    """Sorts frame2 before frame10."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


def list_images(folder: Path) -> list[Path]:
    """The pictures of a folder in natural order."""
    return sorted((path for path in folder.iterdir() if is_image(path)), key=natural_key)


def read_image(path: Path, flags: int, max_pixels: int = MAX_PIXELS) -> NDArray[Any]:
    """Decode a picture.

    Args:
        path: any file of :data:`SUFFIXES`.
        flags: of ``cv2.imread``.
        max_pixels: that it may have.

    Raises:
        UserError: it cannot be read, or is too large.
    """
    return read_profiled(path, flags, max_pixels)[0]


def read_profiled(path: Path, flags: int, max_pixels: int = MAX_PIXELS) -> tuple[NDArray[Any], bytes]:
    """The same with the picture's colour profile (ICC), empty where it has none."""
    check_bytes(path, picture_bytes(max_pixels))
    image, profile = None, b""
    with contextlib.suppress(OSError, cv2.error, FFmpegError, StopIteration):
        # Not cv2.imread, which cannot open every path on every system.
        data = path.read_bytes()
        # What has no size is refused too: the decoder might find one where we do not.
        if size := picture_size(data):
            check_pixels(path, *size, max_pixels)
            if data.startswith(MAGIC):
                image = read_dpx(data, flags, max_pixels)
            else:
                image, kinds, values = cv2.imdecodeWithMetadata(np.frombuffer(data, np.uint8), flags=flags)
                found = dict(zip(kinds, values, strict=True)).get(cv2.IMAGE_METADATA_ICCP)
                profile = tiff_profile(data) if found is None else found.tobytes()
    if image is None:
        raise UserError(f"{path} is not a picture that can be read; replace or remove it.")
    return np.asarray(image), profile


def tiff_profile(data: bytes) -> bytes:
    """The colour profile of a TIFF, which OpenCV passes over; empty where there is none, or the file is no TIFF."""
    if data[:2] in (b"II", b"MM"):
        with contextlib.suppress(struct.error, KeyError):
            return read_tags(data, (_PROFILE,)).get(_PROFILE, b"")
    return b""


def _check_samples(file: Path, image: NDArray[Any]) -> None:
    if image.dtype not in (np.uint8, np.uint16):
        raise UserError(f"{file} has samples of {image.dtype}; convert the pictures to 8 or 16 bits, without sign.")


class FolderSource(Source):
    """A folder of frames, all of one size, in natural order of their names.

    They have 8 bits a sample, or 16 where the first of them does, and are handed out as RGB; each remembers whether it
    is grey, and its colour profile. What bits later ones have more are dropped aloud.

    Args:
        path: the folder.
        say: told what the user should know.
        rate: frames per second to play them at.
        max_pixels: that a picture may have.
    """

    def __init__(self, path: Path, say: Say, rate: Fraction, max_pixels: int = MAX_PIXELS) -> None:
        self.files = list_images(path)
        if not self.files:
            kinds = ", ".join(sorted(SUFFIXES))
            raise UserError(f"{path} holds no pictures; a folder of frames needs files ending in {kinds}.")
        self.say = say
        first = read_image(self.files[0], cv2.IMREAD_UNCHANGED, max_pixels)
        _check_samples(self.files[0], first)
        self.deep = first.dtype == np.uint16
        if first.ndim == 3 and first.shape[2] == 4:
            say("The pictures have an alpha channel: it is dropped.")
        image, profile = read_profiled(self.files[0], cv2.IMREAD_ANYCOLOR, max_pixels)
        if profile and not fits(profile, grey=image.ndim == 2):
            say("The pictures have a colour profile (ICC) for colours of another kind: dropped.")
            profile = b""
        height, width = image.shape[:2]
        self.colour = Colour(1, True)
        self.info = VideoInfo(
            path=path,
            kind="folder",
            codec=self.files[0].suffix.lower().lstrip("."),
            width=width,
            height=height,
            frames=len(self.files),
            rate=rate,
            time_base=1 / rate,
            pix_fmt="rgb48le" if self.deep else "rgb24",
            bits=16 if self.deep else 8,
            side_data={PROFILE: profile} if profile else {},
            max_pixels=max_pixels,
        )

    def close(self) -> None:
        """Nothing is held open."""

    def __iter__(self) -> Iterator[Frame]:
        from av import VideoFrame

        for index, file in enumerate(self.files):
            image, profile = read_profiled(file, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH, self.info.max_pixels)
            _check_samples(file, image)
            height, width = image.shape[:2]
            if (width, height) != (self.info.width, self.info.height):
                raise UserError(
                    f"{file} is {width}×{height}, {self.files[0].name} is {self.info.width}×{self.info.height}; "
                    "all frames of a folder must have one size."
                )
            grey = image.ndim == 2
            rgb: Any = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB if grey else cv2.COLOR_BGR2RGB)
            if self.deep and rgb.dtype == np.uint8:
                rgb = rgb.astype(np.uint16) * 257
            elif not self.deep and rgb.dtype == np.uint16:
                self.say(f"Some pictures have 16 bits a sample and the first, {self.files[0].name}, 8: all become 8.")
                rgb = ((rgb.astype(np.uint32) + 128) // 257).astype(np.uint8)
            native = VideoFrame.from_ndarray(rgb, self.info.pix_fmt)
            native.pts, native.time_base, native.duration = index, self.info.time_base, 1
            yield Frame(native, self.colour, grey, profile)
