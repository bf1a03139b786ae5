"""Whole frames: copies of them, and what they say beside their samples."""

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import av


def filtered(frame: "av.VideoFrame", name: str, setting: str | None = None) -> "av.VideoFrame":
    """What one of FFmpeg's filters makes of a frame, with its time stamps and colour tags.

    Fields, captions, pixel shape and other side data stay, to which PyAV gives no access otherwise.

    Args:
        frame: of any format.
        name: of the filter.
        setting: of the filter.
    """
    from av.filter import Graph

    graph = Graph()
    # Threads would be begun anew for each frame.
    graph.threads = 1
    start = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1)
    )
    graph.link_nodes(start, graph.add(name, setting), graph.add("buffersink")).configure()
    graph.vpush(frame)
    new = graph.vpull()
    copy_tags(frame, new)
    return new


def duplicate(frame: "av.VideoFrame") -> "av.VideoFrame":
    """A frame with samples of its own and all else the same."""
    return filtered(frame, "copy")


def pixel_shape(frame: "av.VideoFrame") -> Fraction | None:
    """Width of the frame's pixels over their height, None if square, unknown or beyond 1:4 and 4:1.

    PyAV tells it of streams alone, and FFV1 in Matroska writes it into the frames alone; but swscale's filter knows it.
    """
    from av.error import FFmpegError

    unit = 18480
    try:
        scaled = filtered(frame, "scale", f"w='round(clip(sar,0.2,5)*{unit})':h=1:eval=frame:flags=neighbor")
    except FFmpegError:
        # Not every format can be scaled.
        return None
    shape = Fraction(scaled.width, unit).limit_denominator(99)
    return shape if shape != 1 and Fraction(1, 4) <= shape <= 4 else None


def copy_tags(source: "av.VideoFrame", target: "av.VideoFrame") -> None:
    """Give a frame the time stamps and colour tags of another."""
    target.pts = source.pts
    if source.time_base is not None:
        target.time_base = source.time_base
    target.duration = source.duration
    target.colorspace = source.colorspace
    target.color_range = source.color_range
    target.color_primaries = source.color_primaries
    target.color_trc = source.color_trc


def in_words(shape: Fraction) -> str:
    """A ratio of width to height as people write it, as in 16:15."""
    return f"{shape.numerator}:{shape.denominator}"
