"""Repaired frames as pictures in a folder."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from rovr.errors import UserError
from rovr.video import pixels
from rovr.video.colour import Frame
from rovr.video.dpx import HEADER, is_kept, layout_of, with_samples
from rovr.video.encoding import has_alpha
from rovr.video.folder import list_images
from rovr.video.frames import in_words
from rovr.video.outfile import PendingOutput, Sink
from rovr.video.side_data import Losses, fits, side_data
from rovr.video.source import Say, VideoInfo

# Numbers of FFmpeg: BT.2020 and both P3 among primaries, PQ and HLG among transfers.
_WIDE, _HDR = (9, 11, 12), (16, 18)
# What 16-bit PNGs hold as it is.
_DEEP = "rgb48le"


class FolderSink(Sink):
    """PNGs, upright since they cannot say how to be turned; DPX where the input is a folder of these.

    They are called 00000.png, 00001.png, …, or like the pictures of the input where it is a folder.
    """

    def __init__(self, pending: PendingOutput, info: VideoInfo, say: Say) -> None:
        self.pending = pending
        self.orientation = info.orientation
        self.count = 0
        files = list_images(info.path) if info.kind == "folder" and info.path.is_dir() else []
        names = [path.stem for path in files]
        # A folder may hold a.png beside a.jpg.
        self.names = names if len({name.lower() for name in names}) == len(names) else []
        if info.audio or info.subtitles:
            say("A folder of pictures holds no sound or subtitles: dropped.")
        self.losses = Losses("png", say)
        self.losses.look(info.side_data)
        if info.sample_aspect_ratio:
            say(f"The PNGs do not say that pixels are {in_words(info.sample_aspect_ratio)}: they look stretched.")
        if info.color_primaries in _WIDE or info.color_trc in _HDR:
            say("The PNGs do not say that their colours are wide-gamut or HDR: they look pale.")
        if has_alpha(info.pix_fmt):
            say("The PNGs are written without transparency.")
        if info.bits > 8 and info.pix_fmt != _DEEP:
            say(f"The PNGs hold 8 bits a sample of the video's {info.bits}.")
        self.scans = files if all(path.suffix.lower() == ".dpx" for path in files) else []
        if self.scans and not _are_kept(self.scans):
            self.scans = []
            say("DPX of this kind can be read and not be written: the output is PNGs.")

    def write(self, frame: Frame) -> None:
        """Write one picture."""
        self.losses.look(side_data(frame.native))
        name = self.names[self.count] if self.count < len(self.names) else f"{self.count:05d}"
        if self.scans:
            suffix, data = ".dpx", self._scan(frame)
        else:
            suffix, data = ".png", self._png(frame)
        # Python's own writing raises where the disk is full; cv2.imwrite only returns False.
        (self.pending.partial / f"{name}{suffix}").write_bytes(data)
        self.count += 1

    def _scan(self, frame: Frame) -> bytes:
        """The scan that the frame was, with what is repaired in it."""
        rgb = pixels.planes(frame.native)[0] if frame.native.format.name == _DEEP else frame.rgb
        path = self.scans[self.count]
        try:
            return with_samples(path.read_bytes(), rgb[..., :1] if frame.grey else rgb)
        except (TypeError, ValueError):
            raise UserError(f"{path} is cut off; replace or remove it.") from None

    def _png(self, frame: Frame) -> bytes:
        deep = frame.native.format.name == _DEEP
        rgb = pixels.planes(frame.native)[0] if deep else frame.rgb
        shown = self.orientation.to_shown(rgb)
        grey = frame.grey or len(frame.native.format.components) == 1
        image = np.ascontiguousarray(shown[..., 0]) if grey else cv2.cvtColor(shown, cv2.COLOR_RGB2BGR)
        if frame.profile and fits(frame.profile, grey):
            profile = np.frombuffer(frame.profile, np.uint8)
            data = cv2.imencodeWithMetadata(".png", image, [cv2.IMAGE_METADATA_ICCP], [profile])[1]
        else:
            data = cv2.imencode(".png", image)[1]
        return data.tobytes()

    def finish(self) -> None:
        """Every picture is written already."""

    def release(self) -> None:
        """Nothing is held open."""


def _are_kept(scans: Sequence[Path]) -> bool:
    """Whether all of some DPX are laid out alike, in a way that is written."""
    layouts = set()
    for path in scans:
        with path.open("rb") as file:
            layouts.add(layout_of(file.read(HEADER)))
    return len(layouts) == 1 and is_kept(scans[0].read_bytes())
