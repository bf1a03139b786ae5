"""Where repaired frames go: a video file, or a folder of pictures; complete or not at all."""

import contextlib
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from av.error import FFmpegError

from rovr.errors import UserError
from rovr.video import frames, pixels
from rovr.video.colour import Colour, Frame, matrix_of
from rovr.video.encoding import check_suffix, choose_encoding
from rovr.video.folder_sink import FolderSink
from rovr.video.frames import in_words
from rovr.video.outfile import PendingOutput, Sink, is_folder_output
from rovr.video.side_data import Losses, hdr_params, side_data
from rovr.video.source import Say, VideoInfo

_INTERLACED_DCT = 1 << 18
_FRAME_DURATION = 1 << 8
# Numbers of FFmpeg for primaries, transfer and matrix alike; reserved and unspecified.
_BT709, _BT2020, _UNSAID = 1, 9, (0, 2, 3)


def open_sink(
    path: str | Path,
    info: VideoInfo,
    say: Say,
    *,
    crf: int = 18,
    lossless: bool = False,
    overwrite: bool = False,
    inputs: Iterable[Path] = (),
) -> Sink:
    """Begin an output that resembles its input.

    Args:
        path: ``.mp4``, ``.mov``, ``.m4v``, ``.mkv``, or a folder, of PNGs; of DPX where the input is one.
        info: of the input.
        say: told what differs from the input.
        crf: quality of H.264, lower is better.
        lossless: FFV1 with the samples exactly as they are.
        overwrite: whether an output that exists may be replaced.
        inputs: paths that must not be written to.

    Raises:
        UserError: the output cannot be written, exists, or is an input.
    """
    folder = is_folder_output(path)
    path = Path(path)
    if not folder:
        check_suffix(path, lossless)
    pending = PendingOutput(path, folder, overwrite, [info.path, *inputs])
    try:
        return FolderSink(pending, info, say) if folder else FileSink(pending, info, say, crf, lossless)
    except BaseException:
        pending.discard()
        raise


class FileSink(Sink):
    """A video file with the input's time stamps, tags, sound and subtitles."""

    def __init__(self, pending: PendingOutput, info: VideoInfo, say: Say, crf: int, lossless: bool) -> None:
        import av

        from rovr.video.streams import StreamCopier, mov_flags

        self.pending = pending
        self.info = info
        self.say = say
        self._fields_told = info.interlaced
        self.encoding = choose_encoding(
            info.pix_fmt, info.width, info.height, lossless, crf, hdr_params(info.side_data)
        )
        if self.encoding.note:
            say(self.encoding.note)
        self.losses = Losses(self.encoding.codec, say)
        self.losses.look(info.side_data)
        if lossless and info.sample_aspect_ratio:
            shape = in_words(info.sample_aspect_ratio)
            say(f"The pixel shape {shape} stands in the pictures and not in Matroska's header: some players miss it.")
        self.copier: StreamCopier | None = None
        self.container: Any = av.open(str(pending.partial.absolute()), "w")
        try:
            self.stream = self._add_video()
            if info.kind == "video":
                self.copier = StreamCopier(info, self.container, say)
                self.stream.metadata.update(self.copier.video_metadata)
            if pending.path.suffix.lower() != ".mkv":
                self.container.container_options["movflags"] = mov_flags(self.container.metadata)
        except BaseException:
            self.release()
            raise

    def _add_video(self) -> Any:
        info, encoding = self.info, self.encoding
        # x264 counts ticks in 32 bits; a rate this fine is noise in the average anyway.
        rate = info.rate.limit_denominator(100_000)
        stream = self.container.add_stream(
            encoding.codec,
            rate=rate,
            options=dict(encoding.options),
            width=info.width,
            height=info.height,
            time_base=info.time_base,
        )
        context = stream.codec_context
        context.pix_fmt = encoding.pix_fmt
        context.thread_type = "AUTO"
        # A last picture may stand for seconds; without this it would end as soon as any other.
        context.flags |= _FRAME_DURATION
        if self._rgb_to_yuv():
            # RGB that says nothing of its colours is taken as BT.709; wide-gamut video goes by its own matrix.
            matrix = _BT2020 if info.color_primaries == _BT2020 else _BT709
            said = (value if value not in _UNSAID else _BT709 for value in (info.color_primaries, info.color_trc))
            self.colour = Colour(matrix, False)
            tags = (matrix, *said, 1)
        else:
            # Grey is taken as full range whatever its tag, here as by FFmpeg.
            full = info.pix_fmt.startswith(("yuvj", "gray")) or info.color_range == 2
            self.colour = Colour(matrix_of(info.colorspace, info.width, info.height), full)
            tags = (info.colorspace, info.color_primaries, info.color_trc, 2 if full else info.color_range)
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = tags
        self.tags = tags
        if info.sample_aspect_ratio:
            context.sample_aspect_ratio = info.sample_aspect_ratio
        if info.interlaced and encoding.codec == "libx264":
            rows = pixels.field_rows(encoding.pix_fmt)
            if info.height % rows == 0:
                context.flags |= _INTERLACED_DCT
            else:
                self.say(
                    f"H.264 in {encoding.pix_fmt} takes fields only where {rows} divides the height: marked as not "
                    "interlaced; --lossless keeps the fields."
                )
        if info.orientation.matrix:
            stream.set_display_matrix(info.orientation.matrix)
        return stream

    def _rgb_to_yuv(self) -> bool:
        from av import VideoFormat

        return bool(VideoFormat(self.info.pix_fmt).is_rgb and not VideoFormat(self.encoding.pix_fmt).is_rgb)

    def _fit(self, native: Any) -> Any:
        """The frame in the encoder's pixel format, its samples untouched where the formats allow."""
        native = self.colour.recast(native, self.encoding.pix_fmt)
        if self.info.sample_aspect_ratio and self.encoding.codec == "ffv1":
            # FFV1 takes it from the frames, and theirs is not set where only the container knew.
            native = frames.filtered(native, "setsar", f"{self.info.sample_aspect_ratio}:max={2**31 - 1}")
        return native

    def write(self, frame: Frame) -> None:
        """Encode one frame."""
        self.losses.look(side_data(frame.native))
        if frame.native.interlaced_frame and not self._fields_told and self.encoding.codec == "libx264":
            self._fields_told = True
            self.say(
                "H.264 is told of fields when it begins, and the first frame has none: marked as not interlaced; "
                "--lossless keeps the fields."
            )
        native = self._fit(frame.native)
        if native is not frame.native:
            native.colorspace, native.color_primaries, native.color_trc, native.color_range = self.tags
        with self._muxing():
            self._mux(self.stream.encode(native))

    @contextlib.contextmanager
    def _muxing(self) -> Iterator[None]:
        """Errors of the container, which holds packets back and so tells late of what was wrong with one."""
        try:
            yield
        except FFmpegError as error:
            # A full disk is told apart by who catches it.
            if isinstance(error, OSError):
                raise
            raise UserError(
                f"{self.pending.path.suffix} cannot hold what was to be written ({error.strerror}): a stream of "
                f"{self.info.path} does not fit or is damaged; write .mkv, or a folder of pictures."
            ) from error

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            # Half a second ahead, so that neither waits for the other in the muxer.
            due = float(packet.dts * packet.time_base) + 0.5
            offset = round(self.info.start / packet.time_base)
            packet.pts, packet.dts = packet.pts - offset, packet.dts - offset
            self.container.mux(packet)
            if self.copier:
                self.copier.advance(due)

    def finish(self) -> None:
        """Flush the encoder, copy the rest of the sound, write the index."""
        with self._muxing():
            self._mux(self.stream.encode(None))
            if self.copier:
                self.copier.advance(math.inf)
            self.container.close()

    def release(self) -> None:
        """Close both files."""
        if self.copier:
            self.copier.close()
        with contextlib.suppress(Exception):
            self.container.close()
