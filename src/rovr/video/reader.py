"""Video files, read through PyAV."""

import logging
import math
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

from rovr.errors import UserError
from rovr.types import counted
from rovr.video import frames, pixels
from rovr.video.colour import Colour, Frame
from rovr.video.encoding import has_alpha
from rovr.video.limits import MAX_PIXELS, check_pixels
from rovr.video.orient import Orientation
from rovr.video.picture_size import picture_size
from rovr.video.side_data import PROFILE, side_data
from rovr.video.source import INTERLACED, Say, Source, VideoInfo

# FFmpeg's own remarks repeat what we say in one line, or do not concern the user.
logging.getLogger("libav").setLevel(logging.CRITICAL)

STARTS_OVER = Fraction(1, 5)
"""Seconds by which time stamps jump back where a recording begins anew, and not one stamp is wrong."""


SPARED, SPARED_SHARE = 8, 0.25
"""Frames, and share of those before, that may fail to be decoded before a file is refused."""


def open_input(path: Path, max_pixels: int = MAX_PIXELS) -> Any:
    """Open a container for reading.

    Args:
        path: the file.
        max_pixels: that a frame may have; larger ones are not decoded.

    Raises:
        UserError: it cannot be read or is not audio-visual.
    """
    try:
        # Absolute, because FFmpeg takes what stands before a colon for a protocol.
        # The option reaches the decoders by which streams are probed.
        options = {"max_pixels": str(max_pixels)}
        return av.open(str(path.absolute()), "r", options=options, metadata_errors="replace")
    except PermissionError as error:
        raise UserError(f"{path} may not be read; check its permissions.") from error
    except (FFmpegError, OSError, ValueError) as error:
        hint = "is empty" if path.is_file() and not path.stat().st_size else "is not a video FFmpeg can read"
        raise UserError(f"{path} {hint}, or it is cut short; check that it plays.") from error


def video_stream(container: Any, path: Path) -> Any:
    """The first stream of moving pictures; cover art does not count.

    Raises:
        UserError: there is none.
    """
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic and stream.codec_context is not None:
            return stream
    raise UserError(f"{path} has no video stream; give a file with pictures in it.")


def count_packets(path: Path, max_pixels: int = MAX_PIXELS, seconds: float = math.inf) -> int | None:
    """Number of shown video packets; quick, since nothing is decoded. None where that fails or takes too long.

    Args:
        path: the file.
        max_pixels: that a frame may have.
        seconds: that it may take.
    """
    count, end = 0, time.monotonic() + seconds
    with open_input(path, max_pixels) as container:
        stream = video_stream(container, path)
        try:
            for packet in container.demux(stream):
                count += bool(packet.size and not packet.is_discard)
                if time.monotonic() > end:
                    return None
        except FFmpegError:
            return None
    return count


class FileSource(Source):
    """A video file.

    Args:
        path: the file.
        say: told what the user should know.
        max_pixels: that a frame may have.
        conceal: whether the decoder fills in what a damaged file has lost.
    """

    def __init__(self, path: Path, say: Say, max_pixels: int = MAX_PIXELS, conceal: bool = True) -> None:
        self.path = path
        self.say = say
        self.max_pixels = max_pixels
        self._lift = 0
        self._whole = True
        self.container = open_input(path, max_pixels)
        try:
            self.stream = video_stream(self.container, path)
            context = self.stream.codec_context
            size = context.width, context.height
            if not all(size):
                # Perhaps a picture too large to be probed; its own header tells more.
                with path.open("rb") as file:
                    size = picture_size(file.read(1 << 20)) or size
            check_pixels(path, *size, max_pixels)
            # Later frames may be larger than the first.
            context.options = {"max_pixels": str(max_pixels)} | ({} if conceal else {"ec": "0"})
            self.stream.thread_type = "AUTO"
            self._decoder = self._decode()
            first = next(self._decoder, None)
            if first is None:
                raise UserError(f"{path} holds no frame that can be decoded; check that it plays.")
            self._first: Any = first
            self.colour = Colour.of(first)
            self.info = self._describe(first)
        except BaseException:
            self.container.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self.container.close()

    def _describe(self, first: Any) -> VideoInfo:
        stream, context = self.stream, self.stream.codec_context
        name = first.format.name
        negative = any(plane.line_size < 0 for plane in first.planes)
        plain = pixels.is_plain(name) and not negative
        pix_fmt = name if plain else "rgb24" if negative else pixels.plain_substitute(name)
        if not plain and not negative:
            drops = " without its transparency" * (has_alpha(name) and not has_alpha(pix_fmt))
            self.say(f"Pixel format {name} cannot be edited in place: converted to {pix_fmt}{drops}.")
        if "1" in (stream.metadata.get(key) for key in ("alpha_mode", "ALPHA_MODE")) and not has_alpha(name):
            self.say("The video's transparency is stored beside its picture, where it is not read: dropped.")
        orientation = Orientation.of(first)
        if not orientation.exact:
            self.say("The display matrix is not made of quarter turns: masks are taken as the frames are stored.")
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        if rate > 1000 and rate * stream.time_base >= 1:
            # FFmpeg takes every tick of a DV tape for a frame.
            rate = min(rate, stream.guessed_rate or rate)
        broadcast = "mpegts" in self.container.format.name or self.container.format.name == "mpeg"
        # The container's word counts before the codec's, as in players.
        aspect = stream.sample_aspect_ratio or frames.pixel_shape(first)
        return VideoInfo(
            path=self.path,
            kind="video",
            codec=context.name,
            width=first.width,
            height=first.height,
            frames=self._promised(),
            rate=Fraction(rate),
            time_base=Fraction(stream.time_base),
            start=(self.container.start_time or 0) / av.time_base if broadcast else 0.0,
            pix_fmt=pix_fmt,
            bits=first.format.components[0].bits,
            orientation=orientation,
            sample_aspect_ratio=Fraction(aspect) if aspect and aspect != 1 else None,
            color_range=int(first.color_range),
            color_primaries=int(first.color_primaries),
            color_trc=int(first.color_trc),
            colorspace=int(first.colorspace),
            interlaced=bool(first.interlaced_frame),
            side_data=side_data(first),
            audio=len(self.container.streams.audio),
            subtitles=len(self.container.streams.subtitles),
            max_pixels=self.max_pixels,
        )

    def _promised(self) -> int | None:
        """Frames that the header announces: its index where it has a full one."""
        if "mp4" in self.container.format.name and self.stream.frames:
            # Samples outside the edit list are stored but never shown.
            shown = sum(1 for entry in self.stream.index_entries if not entry.is_discard)
            return shown or None
        return self.stream.frames or None

    def _announced_end(self) -> float | None:
        """Seconds at which the stream should end by its own tag, as Matroska writers leave it."""
        tag = self.stream.metadata.get("DURATION", "")
        try:
            hours, minutes, seconds = tag.split(":")
            return int(hours) * 3600 + int(minutes) * 60 + float(seconds[:12])
        except (ValueError, OverflowError):
            return None

    def _decode(self) -> Iterator[Any]:
        """Every shown frame as the decoder gives it."""
        count = skipped = damaged = read = lost = 0
        packets = self.container.demux(self.stream)
        end = 0.0
        while True:
            packet = None
            try:
                packet = next(packets)
                if packet.size and not packet.is_discard:
                    read += 1
                if packet.pts is not None:
                    end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
                frames = packet.decode()
            except (StopIteration, EOFError):
                break
            except FFmpegError as error:
                if not count and skipped < 1000:
                    # A recording may begin between key frames; the first picture counts.
                    skipped += 1
                    continue
                lost += 1
                if packet is not None and self._spares(count, lost):
                    continue
                raise UserError(
                    f"{self.path} is damaged: frame {count} cannot be decoded ({error.strerror}); "
                    "fetch or export it again."
                ) from error
            for frame in frames:
                damaged += bool(count and frame.is_corrupt)
                count += 1
                yield frame
        if lost:
            self.say(f"{counted(lost, 'frame')} cannot be decoded: left out, so that what is before stands for longer.")
        if damaged:
            self.say(f"{counted(damaged, 'frame')} damaged in the file: taken as the decoder patched what it could.")
        if count and self._whole:
            self._check_end(count, read, end)

    def _spares(self, count: int, lost: int) -> bool:
        """Whether reading goes on after frames that cannot be decoded."""
        context = self.stream.codec_context
        fits = context.width * context.height <= self.max_pixels
        return fits and lost <= max(SPARED, count * SPARED_SHARE)

    def _check_end(self, count: int, read: int, end: float) -> None:
        """Tell a file that was cut short from one whose header is slightly off.

        Args:
            count: frames decoded.
            read: packets found.
            end: seconds at which the last of them ends.
        """
        promised, cut = self._promised(), False
        if promised and "mp4" in self.container.format.name:
            cut = promised - read > max(2, promised // 100)
        announced = self._announced_end()
        if announced is not None and (announced - end) * float(self.stream.average_rate or 25) > 3:
            # A last picture that stands still for long leaves a gap too.
            cut = announced - end > announced / 10
            self.say(f"The header announces {announced:.2f} s of video, but it ends at {end:.2f} s.")
        if cut:
            raise UserError(
                f"{self.path} is cut short: it ends after {counted(count, 'frame')}; fetch or export it again."
            )
        if promised and count < promised:
            if promised - count > max(2, promised // 10) and count < read:
                raise UserError(
                    f"{self.path} is damaged: only {count} of {counted(promised, 'frame')} can be decoded; "
                    "fetch or export it again."
                )
            self.say(f"The header announces {counted(promised, 'frame')}, but {count} could be decoded.")

    def __iter__(self) -> Iterator[Frame]:
        index, last = 0, None
        frame = self._first
        self._first = None
        info = self.info
        told = info.interlaced
        while frame is not None:
            if frame.interlaced_frame and not told:
                told = True
                self.say(INTERLACED)
            if (frame.width, frame.height) != (info.width, info.height):
                raise UserError(
                    f"{self.path}: frame {index} is {frame.width}×{frame.height}, the ones before "
                    f"{info.width}×{info.height}; split the file where its size changes."
                )
            native = self.colour.plain(frame, info.pix_fmt)
            last = self._stamp(native, last)
            # The decoder's picture types would otherwise be forced on the encoder.
            native.pict_type = 0
            yield Frame(native, self.colour, profile=info.side_data.get(PROFILE, b""))
            index += 1
            frame = next(self._decoder, None)

    def jump(self, pts: int) -> bool:
        """Go on with the frame of this time stamp; where False comes back, the source is of no more use."""
        self._whole = False
        self._decoder = self._decode()
        try:
            self.container.seek(pts, stream=self.stream)
            self._first = next((frame for frame in self._decoder if frame.pts is None or frame.pts >= pts), None)
        except (FFmpegError, OverflowError, UserError):
            return False
        return self._first is not None and self._first.pts == pts

    def _stamp(self, frame: Any, last: int | None) -> int:
        """Make time stamps rise strictly, as every muxer asks."""
        step = max(1, round(1 / (self.info.rate * self.info.time_base)))
        if frame.pts is None:
            frame.pts = 0 if last is None else last + step
            frame.time_base = self.info.time_base
            return int(frame.pts)
        frame.pts += self._lift
        if last is not None and frame.pts <= last:
            back = last - frame.pts
            if back * self.info.time_base > STARTS_OVER:
                self.say("The time stamps do not rise but start over: what follows is moved behind what came before.")
                self._lift += back + step
                frame.pts = last + step
            else:
                self.say("Some time stamps do not rise: they are moved by one tick.")
                frame.pts = last + 1
        return int(frame.pts)
