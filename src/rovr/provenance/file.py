"""Provenance on disk: a zip archive of NumPy arrays, one a frame, with an index; docs/provenance.md defines it."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from rovr.errors import UserError
from rovr.provenance.tally import check_summary
from rovr.provenance.trace import NOBODY, SLOTS, Trace, layout
from rovr.video.limits import MAX_PIXELS, MAX_TEXT, check_pixels
from rovr.video.orient import Orientation

FORMAT = "rovr-provenance"
VERSION = 1
INDEX = "index.json"
# Frames of a video: a week of them.
_LONGEST = 1 << 26
# Of a frame whose every pixel was repaired.
_BYTES_A_PIXEL, _HEADER = layout((1, 1), 1).itemsize, 1 << 16


class TraceWriter:
    """Writes traces as they come; the file is good once :meth:`finish` was called.

    Args:
        path: where to write.
    """

    def __init__(self, path: Path) -> None:
        self.archive = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, allowZip64=True)

    def add(self, frame: int, trace: Trace) -> None:
        """Write the trace of a frame."""
        with self.archive.open(f"{frame}.npy", "w", force_zip64=True) as member:
            np.lib.format.write_array(member, trace.record(), allow_pickle=False)

    def finish(self, about: dict[str, Any]) -> None:
        """Write the index and close.

        Args:
            about: what the index is to say of the video.
        """
        index = {"format": FORMAT, "version": VERSION, "slots": SLOTS, **about}
        # Without the time of day, so that the same repair gives the same file.
        self.archive.writestr(zipfile.ZipInfo(INDEX), json.dumps(index, indent=1) + "\n", zipfile.ZIP_DEFLATED)
        self.archive.close()

    def close(self) -> None:
        """Let go of the file, finished or not."""
        self.archive.close()


class TraceFile:
    """Reads provenance.

    Args:
        path: of the file.
        max_pixels: that a frame may have.

    Attributes:
        size: height and width of the video.
        length: number of its frames.
        orientation: how a player turns it.
        summary: as :meth:`rovr.provenance.Tally.summary` says it.
        frames: the repaired frames, ascending.

    Raises:
        UserError: nothing there, or not provenance that this version knows, or frames that are too large.
    """

    def __init__(self, path: Path, max_pixels: int = MAX_PIXELS) -> None:
        self.path = path
        if not path.is_file():
            raise UserError(f"{path} does not exist; rovr restore --provenance writes such a file.")
        try:
            self.archive = zipfile.ZipFile(path)
            if self.archive.getinfo(INDEX).file_size > MAX_TEXT:
                raise self._damaged()
            index = json.loads(self.archive.read(INDEX))
            known = index["format"] == FORMAT and index["version"] == VERSION and index["slots"] == SLOTS
            self.size = (int(index["height"]), int(index["width"]))
            # Files of before say nothing of mirrorings.
            self.orientation = Orientation.turned(index.get("rotation", 0), index.get("mirrored", False))
            self.length, self.summary = int(index["frames"]), dict(index["summary"])
            if known:
                check_summary(self.summary)
        except Exception as error:
            # A damaged file can make its readers fail in any way.
            raise self._damaged() from error
        if not known:
            raise UserError(f"{path} was written by another version of ROVR; write it again with this one.")
        if not 0 <= self.length <= _LONGEST or min(self.size) < 1:
            raise self._damaged()
        check_pixels(path, self.size[1], self.size[0], max_pixels)
        names = (name.removesuffix(".npy") for name in self.archive.namelist() if name.endswith(".npy"))
        self.frames = sorted(int(name) for name in names if name.isdecimal())

    def _damaged(self) -> UserError:
        return UserError(f"{self.path} is damaged or not a file that rovr restore --provenance wrote.")

    def read(self, frame: int) -> Trace:
        """The trace of a repaired frame.

        Raises:
            UserError: the frame was not repaired, or the file is damaged.
        """
        if frame not in self.frames:
            raise UserError(f"Frame {frame} was not repaired; those that were are in {_told(self.frames)}.")
        try:
            if self.archive.getinfo(f"{frame}.npy").file_size > _HEADER + self.size[0] * self.size[1] * _BYTES_A_PIXEL:
                raise self._damaged()
            with self.archive.open(f"{frame}.npy") as member:
                record = np.lib.format.read_array(member, allow_pickle=False)
            whole = record.shape == () and record.dtype == layout(self.size, int(record["hole"].sum()))
        except Exception as error:
            raise self._damaged() from error
        # Frames that are none would be counted by their distance, which takes as much memory as it is far.
        if not whole or record["frames"].max(initial=0) >= self.length or record["frames"].min(initial=0) < NOBODY:
            raise self._damaged()
        return Trace.from_record(record)

    def __iter__(self) -> Iterator[tuple[int, Trace]]:
        for frame in self.frames:
            yield frame, self.read(frame)


def _told(frames: list[int]) -> str:
    """Runs of frames in words."""
    if not frames:
        return "no frame at all"
    starts = [f for f, before in zip(frames, [None, *frames], strict=False) if before != f - 1]
    ends = [f for f, after in zip(frames, [*frames[1:], None], strict=True) if after != f + 1]
    runs = [f"{a}–{b}" if a != b else str(a) for a, b in zip(starts, ends, strict=True)]
    return ", ".join(runs[:5]) + (", …" if len(runs) > 5 else "")
