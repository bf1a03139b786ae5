"""A see-through logo: what it does to every sample below it, so that this can be undone.

Whoever laid it over the picture mixed the two, o = (1 − α) b + α w. So what was below is b = (o − αw) / (1 − α), where
the logo lets enough through; :mod:`rovr.translucent` learns the two numbers that this takes of each sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from rovr.errors import UserError
from rovr.video import pixels
from rovr.video.colour import Frame
from rovr.video.frames import duplicate
from rovr.video.source import VideoInfo

Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]

SUFFIX = ".npz"
"""What a file of an overlay is told by, among masks."""

LOSSY, EXACT = 8.0, 0.25
"""Square levels, of 255, by which compression and rounding usually change a sample; what is made up for grows them."""

AROUND = 5
"""Samples on a side of the square by which noise is told from what the picture shows."""

NEAR = 9
"""Samples on a side of the square whose mean stands for what lies below an edge."""

CERTAIN = 60.0
"""Squares of the edges that a logo draws, over what those of the picture are on average, from which on these tell."""

_KIND = "rovr overlay 1"


@dataclass(frozen=True)
class Overlay:
    """What lies over all frames of a video, in the orientation in which they are stored.

    Attributes:
        pix_fmt: FFmpeg's name of the video's format.
        area: (H, W), where it lies.
        hole: (H, W), where too little shines through: there the picture is missing.
        factors: 1 / (1 − α) of the samples in a box around the area, (rows, columns, channels), a plane of the format
            each; 1 beside the area.
        shifts: likewise −αw / (1 − α), in levels of 255; 0 beside the area.
        noise: square levels of what is seen.
        least: of :func:`shown`, where it shows; -inf where that does not tell.
    """

    pix_fmt: str
    area: Mask
    hole: Mask
    factors: Sequence[Floats]
    shifts: Sequence[Floats]
    noise: float = LOSSY
    least: float = 0.5

    @cached_property
    def parts(self) -> list[pixels.Samples]:
        """The samples of each plane that lie wholly in the area."""
        return pixels.samples(self.area, self.pix_fmt)

    def shows(self, frame: Frame) -> bool:
        """Whether a frame shows it: breaks, and what was recorded beside a programme, do not."""
        level = np.float32(pixels.values(self.pix_fmt)[0] / 255)
        planes = zip(pixels.planes(frame.native), self.parts, strict=True)
        seen = [plane[part.box][..., part.channels].astype(np.float32) / level for plane, part in planes]
        return shown(seen, [part.where for part in self.parts], self.factors, self.shifts) >= self.least

    def lift(self, frame: Frame) -> Frame:
        """The frame without it, and with the noise that was below it; everywhere else as it was."""
        native = duplicate(frame.native)
        highest, step = pixels.values(self.pix_fmt)
        level = highest / 255
        planes = pixels.planes(native)
        for plane, part, factor, shift in zip(planes, self.parts, self.factors, self.shifts, strict=True):
            for index, channel in enumerate(part.channels):
                seen = plane[*part.box, channel]
                below: Floats = seen.astype(np.float32) / np.float32(level) * factor[..., index] + shift[..., index]
                noise: Floats = np.float32(self.noise) * (np.square(factor[..., index]) - 1)
                # The lines of two fields show different times.
                for lines in (np.s_[::2], np.s_[1::2]) if frame.native.interlaced_frame else (np.s_[:],):
                    below[lines] = _quiet(below[lines], noise[lines])
                made = np.clip(np.rint(below * (level / step)) * step, 0, highest).astype(plane.dtype)
                np.copyto(seen, made, where=part.where)
        return replace(frame, native=native, lifted=True)

    def check(self, info: VideoInfo) -> None:
        """See that it belongs to a video.

        Raises:
            UserError: the video is of another size or format.
        """
        own = (self.area.shape[1], self.area.shape[0], self.pix_fmt)
        if own != (info.width, info.height, info.pix_fmt):
            width, height, pix_fmt = own
            raise UserError(
                f"The logo was learned from a video of {width}×{height} in {pix_fmt}, and this one is "
                f"{info.width}×{info.height} in {info.pix_fmt}; learn it from this one by rovr mask translucent."
            )

    def write(self, file: BinaryIO) -> None:
        """Write it into a file that :func:`read_overlay` reads."""
        parts: dict[str, Any] = {"kind": _KIND, "pix_fmt": self.pix_fmt, "area": self.area, "hole": self.hole}
        parts |= {"noise": self.noise, "least": self.least}
        for number, (factor, shift) in enumerate(zip(self.factors, self.shifts, strict=True)):
            parts |= {f"factor{number}": factor, f"shift{number}": shift}
        np.savez_compressed(file, **parts)


def noise_of(codec: str) -> float:
    """Square levels, of 255, by which a codec changes samples.

    Args:
        codec: FFmpeg's name, or the extension of pictures.
    """
    from av.codec import Codec
    from av.codec.codec import UnknownCodecError

    try:
        return LOSSY if Codec(codec, "r").lossy else EXACT
    except UnknownCodecError:
        return LOSSY if codec in ("jpg", "jpeg", "webp") else EXACT


def read_overlay(path: Path) -> Overlay:
    """Read what ``rovr mask translucent`` wrote.

    Raises:
        UserError: the file holds something else, or is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            if str(file["kind"]) != _KIND:
                raise KeyError("kind")
            pix_fmt, noise, least = str(file["pix_fmt"]), float(file["noise"]), float(file["least"])
            area, hole = (np.asarray(file[name], bool) for name in ("area", "hole"))
            own = pixels.samples(area, pix_fmt)
            factors, shifts = (
                [np.asarray(file[f"{name}{k}"], np.float32) for k in range(len(own))] for name in ("factor", "shift")
            )
    except Exception as error:
        # Damaged archives and headers of arrays raise whatever their parsers do.
        raise UserError(
            f"{path} holds no see-through logo; give what rovr mask translucent has written, or a video or pictures"
        ) from error
    shapes = [(*part.where.shape, len(part.channels)) for part in own]
    fits = area.shape == hole.shape and all([part.shape for part in kind] == shapes for kind in (factors, shifts))
    numbers = [noise, *(float(part.sum()) for part in (*factors, *shifts))]
    if not fits or np.isnan(least) or not np.isfinite(numbers).all():
        raise UserError(f"{path} is damaged; learn the logo again by rovr mask translucent")
    return Overlay(pix_fmt, area, hole, factors, shifts, noise, least)


def shown(seen: Sequence[Floats], where: Sequence[Mask], factors: Sequence[Floats], shifts: Sequence[Floats]) -> float:
    """How much of a logo a frame shows: about 1 where it lies over the picture, and about 0 where it does not.

    A matched filter: the edges that the logo draws into what lies below, among those that are seen. Where these drown
    them, so that it would tell nothing, it is 1.

    Args:
        seen: samples in a box around the logo, in levels of 255, (rows, columns, channels) a plane.
        where: those of the logo, (rows, columns) a plane.
        factors: as :attr:`Overlay.factors`.
        shifts: likewise.
    """
    found = sure = 0.0
    for plane, own, factor, shift in zip(seen, where, factors, shifts, strict=True):
        for channel in range(plane.shape[2]):
            drawn, edges = _edges(plane[..., channel], own, factor[..., channel], shift[..., channel])
            # Edges of the picture are the noise, of which there is little in planes of colour.
            noise = float(np.square(edges).mean()) + 1 if edges.size else 1.0
            found += float((drawn * edges).sum()) / noise
            sure += float(np.square(drawn).sum()) / noise
    return found / sure if sure > CERTAIN else 1.0


def mean_around(values: Floats, where: Mask, side: int) -> Floats:
    """The mean over a square around each place, of those that count: (H, W).

    Args:
        values: of all places, (H, W), 0 where they do not count.
        where: those that do.
        side: places on a side of the square.
    """
    count = np.maximum(cv2.blur(where.astype(np.float32), (side, side)), np.float32(1e-6))
    return np.asarray(cv2.blur(values, (side, side)) / count, np.float32)


def _edges(seen: Floats, where: Mask, factor: Floats, shift: Floats) -> tuple[Floats, Floats]:
    """Differences of neighbours that a logo draws into a plane, and those that are seen, of pairs in it, (N,) each."""
    share = np.reciprocal(factor)
    start = -shift * share
    below = mean_around(np.clip(seen * factor + shift, 0, 255) * where, where, NEAR)
    drawn, edges = [], []
    for one, two in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        both = where[one] & where[two]
        drawn.append(((share[two] - share[one]) * (below[one] + below[two]) / 2 + start[two] - start[one])[both])
        edges.append((seen[two] - seen[one])[both])
    return np.concatenate(drawn), np.concatenate(edges)


def _quiet(values: Floats, noise: Floats) -> Floats:
    """Values (H, W) without most of their noise, of which the variance is known at each place (Lee 1980).

    What varies no more than noise does is drawn to the mean of its surroundings, of which the least noisy count most.
    """
    sure: Floats = np.reciprocal(noise + 1)
    total = _mean(sure)
    mean = _mean(sure * values) / total
    variance = _mean(sure * np.square(values)) / total - np.square(mean)
    picture = np.maximum(variance - _mean(sure * noise) / total, 0)
    kept = np.where(noise > 0, picture / (picture + noise + np.float32(1e-6)), np.float32(1))
    return np.asarray(mean + kept * (values - mean), np.float32)


def _mean(values: Floats) -> Floats:
    return np.asarray(cv2.GaussianBlur(values, (AROUND, AROUND), 1.0), np.float32)
