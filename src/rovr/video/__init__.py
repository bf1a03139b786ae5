"""Video in and out, frame by frame: sources, masks and sinks in constant memory."""

from rovr.video.colour import Colour, Frame
from rovr.video.masks import MaskSource, open_masks, parse_box
from rovr.video.outfile import Sink
from rovr.video.sink import open_sink
from rovr.video.source import Source, VideoInfo, count_frames, open_source

__all__ = [
    "Colour",
    "Frame",
    "MaskSource",
    "Sink",
    "Source",
    "VideoInfo",
    "count_frames",
    "open_masks",
    "open_sink",
    "open_source",
    "parse_box",
]
