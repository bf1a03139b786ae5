"""Sound, subtitles, chapters and metadata, copied packet by packet from the input."""

import io
from fractions import Fraction
from typing import Any

import av
from av.error import FFmpegError
from av.stream import Discard

from rovr.video.reader import STARTS_OVER, open_input, video_stream
from rovr.video.source import Say, VideoInfo

RUN_UP = 0.1
"""Seconds of hidden sound that stay: decoders need some packets to get going."""

# Written by muxers about themselves, or about streams that are now encoded anew.
_STALE = {
    "major_brand", "minor_version", "compatible_brands", "encoder", "duration", "bps", "number_of_frames",
    "number_of_bytes", "_statistics_writing_app", "_statistics_writing_date_utc", "_statistics_tags", "vendor_id",
    "alpha_mode",
}  # fmt: skip


def lasting(metadata: dict[str, str]) -> dict[str, str]:
    """The entries that still hold for a copy."""
    return {k: v for k, v in metadata.items() if k.lower().partition("-eng")[0] not in _STALE}


# Only its packets tell all that the MP4 family writes of such sound, so that there is no header without them.
_TOLD_BY_PACKETS = {"ac3", "eac3", "truehd"}

# Sound of so many channels that does not say where they are to be heard, and FFmpeg's usual order of as many.
_USUAL = {
    "2 channels": "stereo", "3 channels": "2.1", "4 channels": "4.0", "5 channels": "5.0", "6 channels": "5.1",
    "7 channels": "6.1", "8 channels": "7.1",
}  # fmt: skip


def mov_flags(metadata: dict[str, str]) -> str:
    """What MP4 and MOV are to be told so that they keep these entries of the whole file.

    Titles and artists have places of their own; all else takes another way of writing, which fewer players look at.
    """
    return "+faststart" + "+use_metadata_tags" * any("." in key or key in ("make", "model") for key in metadata)


def _fits(stream: Any, format_name: str, layout: str = "") -> bool:
    """Whether a container takes this stream; the sure way to know is to write a header.

    Args:
        stream: of the input.
        format_name: FFmpeg's name of the container.
        layout: to give the channels of a sound, empty to leave it as it is.
    """
    # Otherwise MP4 describes its streams, and refuses them, at the very end.
    # Where FFmpeg does not know the codec, the stream has no name.
    at_once = format_name != "matroska" and getattr(stream, "name", None) not in _TOLD_BY_PACKETS
    options = {"movflags": "empty_moov"} if at_once else {}
    try:
        with av.open(io.BytesIO(), "w", format=format_name, options=options) as trial:
            _place(trial.add_stream_from_template(stream), layout)
            trial.start_encoding()
    except (FFmpegError, ValueError, RuntimeError, TypeError):
        return False
    return True


def _place(target: Any, layout: str) -> Any:
    """Say where the channels of a new stream are to be heard, unless that is left open."""
    if layout:
        target.codec_context.layout = layout
    return target


class StreamCopier:
    """Carries over all that is not the picture, in step with it.

    It reads the input through a handle of its own, so that frames may be held back while sound goes on.

    Args:
        info: of the input.
        output: the container to write to, its video stream already added.
        say: told which streams cannot be carried.
    """

    def __init__(self, info: VideoInfo, output: Any, say: Say) -> None:
        self.output = output
        self.start = info.start
        self.container = open_input(info.path, info.max_pixels)
        video = video_stream(self.container, info.path)
        self.video_metadata = lasting(video.metadata)
        self.targets: dict[int, Any] = {}
        for stream in self.container.streams:
            target = None if stream.index == video.index else self._add(stream, say)
            if target is not None:
                self.targets[stream.index] = target
        output.metadata.update(lasting(self.container.metadata))
        if self.container.chapters():
            output.set_chapters(self.container.chapters())
        streams = [self.container.streams[index] for index in self.targets]
        self._packets = self.container.demux(*streams) if streams else iter(())
        self._say = say
        self._last: dict[int, int] = {}
        self._lifts: dict[int, int] = {}
        self._next: Any = None

    @property
    def _matroska(self) -> bool:
        return bool(self.output.format.name == "matroska")

    def _add(self, stream: Any, say: Say) -> Any:
        if stream.type in ("audio", "subtitle"):
            # There is no codec context where FFmpeg does not know the codec; packets may be copied all the same.
            channels = getattr(stream.codec_context, "layout", None)
            usual = _USUAL.get(channels.name, "") if channels else ""
            for layout in dict.fromkeys(("", usual)):
                if _fits(stream, self.output.format.name, layout):
                    target = _place(self.output.add_stream_from_template(stream), layout)
                    target.metadata.update(lasting(stream.metadata))
                    target.disposition = stream.disposition
                    return target
        if self._told_otherwise(stream):
            return None
        if stream.type == "attachment" and self._matroska:
            self.output.add_attachment(stream.name or "attachment", stream.mimetype or "", stream.data)
            return None
        label = getattr(stream, "name", None) or "unknown"
        would = stream.type in ("audio", "subtitle") and not self._matroska and _fits(stream, "matroska")
        hint = "; .mkv would keep it" * would
        say(f"Stream {stream.index} ({stream.type}, {label}) cannot be carried in this container: dropped{hint}.")
        return None

    def _told_otherwise(self, stream: Any) -> bool:
        """Whether a track of data says what muxers write anyway: chapters, or the video's time code."""
        if stream.type != "data":
            return False
        if "mp4" in self.container.format.name and stream.discard == Discard.all:
            return bool(self.container.chapters())
        timecode = stream.metadata.get("timecode")
        # FFmpeg does not write time codes into .m4v.
        return bool(timecode) and timecode == self.video_metadata.get("timecode") and self.output.format.name != "ipod"

    def advance(self, seconds: float) -> None:
        """Copy everything that is due before this time of the input."""
        while True:
            if self._next is None:
                self._next = next(self._packets, None)
            packet = self._next
            if packet is None:
                return
            if packet.dts is None:
                if packet.pts is None:
                    # The demuxer's way of saying that a stream is over.
                    self._next = None
                    continue
                packet.dts = packet.pts
            if float(packet.dts * packet.time_base) > seconds:
                return
            self._next = None
            if self._matroska and packet.is_discard and _before_start(packet):
                # Cut away by an edit list, which Matroska has not: it would be heard, before the first picture.
                continue
            offset = round(self.start / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts - offset
            packet.dts -= offset
            self._rise(packet)
            packet.stream = self.targets[packet.stream_index]
            self.output.mux(packet)

    def _rise(self, packet: Any) -> None:
        """Make time stamps rise, as every muxer asks; those of a recording may start over."""
        index, base = packet.stream_index, packet.time_base
        lift = self._lifts.get(index, 0)
        packet.dts += lift
        packet.pts = packet.dts if packet.pts is None else max(packet.pts + lift, packet.dts)
        last = self._last.get(index)
        equal = self._matroska or self.container.streams[index].type == "subtitle"
        if last is not None and packet.dts < last + (not equal):
            self._say(f"Some time stamps of stream {index} do not rise: they are moved.")
            # A millisecond is more than a tick in any container.
            least = last + max(1, round(Fraction(1, 1000) / base))
            if (last - packet.dts) * base > STARTS_OVER:
                least = last + (packet.duration or least - last)
                self._lifts[index] = lift + least - packet.dts
            packet.pts, packet.dts = packet.pts + least - packet.dts, least
        self._last[index] = packet.dts

    def close(self) -> None:
        """Let go of the input."""
        self.container.close()


def _before_start(packet: Any) -> bool:
    """Whether a packet ends before the start by more than what decoders need to get going."""
    return packet.pts is not None and float((packet.pts + (packet.duration or 0)) * packet.time_base) < -RUN_UP
