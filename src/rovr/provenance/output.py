"""What ``rovr restore --provenance`` writes beside the repaired video: the file, and a video that shows it."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from av import VideoFormat
from numpy.typing import NDArray

from rovr.errors import UserError
from rovr.outputs import prepared, writing
from rovr.provenance.file import TraceWriter
from rovr.provenance.picture import tinted, with_legend
from rovr.provenance.tally import Tally
from rovr.provenance.trace import Trace
from rovr.video import pixels
from rovr.video.colour import Frame
from rovr.video.outfile import PendingOutput
from rovr.video.sink import open_sink
from rovr.video.source import VideoInfo

SUFFIX = ".npz"

COLOURED = "rgb24"
"""What grey pictures are turned into, since a tint needs colours."""

REACH = 7
"""Pixels: no chroma sample that covers a pixel lies outside a square of this side around it."""


def picture_path(path: Path) -> Path:
    """Where the video goes that belongs to a file: NAME.npz → NAME.provenance.mp4."""
    return path.with_suffix(".provenance.mp4")


class ProvenanceOutput:
    """Takes frames in order and holds a few of them at a time; nothing is to be seen until :meth:`commit`.

    Args:
        path: of the file, ``.npz``; the video's is made from it.
        info: of the input.
        overwrite: whether outputs that exist may be replaced.
        inputs: paths that must not be written to, the repaired video among them.

    Raises:
        UserError: one of both cannot be written, exists, or is an input.
    """

    def __init__(self, path: str | Path, info: VideoInfo, overwrite: bool, inputs: Sequence[Path]) -> None:
        path = Path(path)
        if path.suffix.lower() != SUFFIX:
            raise UserError(f"Provenance is written as {SUFFIX}; call it {path.with_suffix(SUFFIX)}, say.")
        path, picture = Path(prepared(path)), prepared(picture_path(path))
        self.info, self.frames, self.tally = info, 0, Tally()
        shown = replace(info, pix_fmt=COLOURED) if _is_grey(info.pix_fmt) else info
        self.pending = PendingOutput(path, False, overwrite, [info.path, *inputs])
        try:
            self.video = open_sink(picture, shown, _silent, overwrite=overwrite, inputs=inputs)
        except BaseException:
            self.pending.discard()
            raise
        with self._telling():
            self.writer = TraceWriter(self.pending.partial)

    def _telling(self) -> contextlib.AbstractContextManager[None]:
        # It may lie on another disk than the repaired video.
        return writing(self.pending.path)

    def write(self, frame: Frame, trace: Trace | None) -> None:
        """Take the next frame.

        Args:
            frame: repaired.
            trace: its provenance; None where nothing was missing.
        """
        with self._telling():
            self._write(frame, trace)

    def _write(self, frame: Frame, trace: Trace | None) -> None:
        frame = _coloured(frame)
        rgb = frame.rgb
        shown = rgb if trace is None else tinted(rgb, trace, self.frames)
        turn = self.info.orientation
        upright, changed = with_legend(turn.to_shown(shown))
        changed = turn.to_stored(changed)
        if trace is not None:
            changed.reshape(-1)[trace.places.numpy()] = True
            self.writer.add(self.frames, trace)
            self.tally.add(trace, self.frames)
        self.video.write(_painted(frame, turn.to_stored(upright), changed))
        self.frames += 1

    def finish(self) -> dict[str, Any]:
        """Write what is still held back; the summary in return."""
        summary = self.tally.summary()
        about = {"width": self.info.width, "height": self.info.height, "frames": self.frames, "summary": summary}
        with self._telling():
            turn = self.info.orientation
            self.writer.finish({**about, "rotation": turn.degrees, "mirrored": turn.mirrored})
            self.video.finish()
            self.video.release()
        return summary

    def commit(self) -> None:
        """Let both appear under their names, after :meth:`finish`."""
        with self._telling():
            self.video.pending.commit()
            self.pending.commit()

    def abort(self) -> None:
        """Leave nothing behind; harmless after :meth:`commit`."""
        self.video.abort()
        if not self.pending.done:
            # On a full disk closing fails as well, and must not hide why.
            with contextlib.suppress(Exception):
                self.writer.close()
        self.pending.discard()


def _is_grey(pix_fmt: str) -> bool:
    return len(VideoFormat(pix_fmt).components) < 3


def _coloured(frame: Frame) -> Frame:
    """The same picture, free to take colours."""
    grey = _is_grey(frame.native.format.name)
    return replace(frame, native=frame.colour.recast(frame.native, COLOURED) if grey else frame.native, grey=False)


def _painted(frame: Frame, rgb: NDArray[np.uint8], places: NDArray[np.bool_]) -> Frame:
    """As :meth:`Frame.pasted`, but a chroma sample that is covered in part takes the hue, too: scratches are thin.

    Args:
        frame: of whatever format.
        rgb: (H, W, 3), what to show.
        places: (H, W), where.
    """
    if not places.any():
        return frame
    inside, kernel = places.astype(np.float32), (REACH, REACH)
    around = np.maximum(cv2.blur(inside, kernel), 0.5 / REACH**2)
    hues = cv2.blur(rgb * inside[..., None], kernel) / around[..., None]
    spread = np.where(places[..., None], rgb, hues.round().clip(0, 255)).astype(np.uint8)
    wide = cv2.dilate(places.astype(np.uint8), np.ones(kernel, np.uint8)) > 0
    painted = frame.pasted(spread, wide)
    return replace(painted, native=pixels.merge(painted.native, frame.native, ~places))


def _silent(note: str) -> None:
    """What differs from the input was said of the repaired video already."""
