"""Where masks go that are made for a video: a video of their own or a folder of PNGs, in step with it and exact."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rovr.video.colour import Colour, Frame
from rovr.video.orient import Orientation
from rovr.video.outfile import Sink
from rovr.video.sink import open_sink
from rovr.video.source import VideoInfo

# AVColorRange and the tags of other colour properties that say nothing.
_FULL_RANGE, _UNSAID = 2, 2
_GREY = Colour(1, True)


def open_mask_sink(path: str | Path, info: VideoInfo, *, overwrite: bool = False, inputs: Iterable[Path] = ()) -> Sink:
    """Begin a mask video that reads back exactly, or a folder of PNGs.

    Args:
        path: ``.mp4``, ``.mov``, ``.m4v``, ``.mkv``, or a folder.
        info: of the video that the masks belong to.
        overwrite: whether an output that exists may be replaced.
        inputs: paths that must not be written to.

    Raises:
        UserError: the output cannot be written, exists, or is an input.
    """
    lossless = Path(path).suffix.lower() == ".mkv"
    inputs = [info.path, *inputs]
    return open_sink(path, _mask_info(info), _deaf, crf=0, lossless=lossless, overwrite=overwrite, inputs=inputs)


def mask_frame(mask: NDArray[np.bool_], beside: Any) -> Frame:
    """A mask (H, W) as a grey frame, white = missing, with the time stamp of the native frame it belongs to."""
    from av import VideoFrame

    native = VideoFrame.from_ndarray(mask.astype(np.uint8) * 255, "gray")
    native.pts, native.time_base, native.duration = beside.pts, beside.time_base, beside.duration
    return Frame(native, _GREY)


def _deaf(note: str) -> None:
    """What is said of the mask video, such as its missing sound, need not concern anyone."""


def _mask_info(info: VideoInfo) -> VideoInfo:
    """What the mask video looks like: grey, upright, in step with the video, and without its sound."""
    width, height = info.shown_size
    return replace(
        info,
        kind="folder",
        width=width,
        height=height,
        pix_fmt="gray",
        bits=8,
        orientation=Orientation(),
        sample_aspect_ratio=info.shown_aspect_ratio,
        color_range=_FULL_RANGE,
        color_primaries=_UNSAID,
        color_trc=_UNSAID,
        colorspace=_UNSAID,
        interlaced=False,
        audio=0,
        subtitles=0,
    )
