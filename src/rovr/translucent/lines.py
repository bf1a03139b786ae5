"""What was seen of a see-through logo, what repairs say lay below it, and the lines through such pairs."""

import cv2
import numpy as np
from numpy.typing import NDArray

from rovr.errors import UserError
from rovr.video import pixels
from rovr.video.colour import Frame
from rovr.video.masks import Mask
from rovr.video.overlay import AROUND, Overlay, stray

Floats = NDArray[np.float32]

CLEAR = 0.2
"""Least share of the picture that has to shine through; below, what is seen is mostly noise once it is made up for."""

SURE = 0.1
"""Least weight of a sample, that of one which the repair made up altogether; of one that some frame saw it is 1."""

ROUNDS, FAR = 3, 2.0
"""Times that the line is drawn again, with less weight for what was usual distances times FAR away from it."""

SCARCE = 4.0
"""Square levels, of 255, of a sample's variance at which its own line counts as much as what is known beforehand."""

QUIET = 0.5
"""Share of the grown noise that is left once it was taken off, about."""

OFTEN, LEAST, MOST = 2.0, 1.0, 1.6
"""Times the usual :func:`rovr.video.overlay.stray` of a logo from which on a frame does not show it, at least and at
most. On validation clips frames with a well-known logo stay below 0.5 and those without lie above 2.2; of a faint one,
below 1.0 and above 1.3; and of one that is hardly known some with it reach 1.5."""

FEWEST = 0.25
"""Least share of the logo that has to be seen through; what is less is no gain over a hole."""

STRIP = 1 << 12
"""Samples worked on at a time."""


class Gathered:
    """What was seen of a logo, and what repairs say lay below it.

    Args:
        area: (H, W), where the logo is.
        pix_fmt: FFmpeg's name of the video's format.
        noise: square levels, of 255, of what is seen.
    """

    def __init__(self, area: Mask, pix_fmt: str, noise: float) -> None:
        self.area, self.pix_fmt, self.noise = area, pix_fmt, noise
        self.parts = pixels.samples(area, pix_fmt)
        self.steps = pixels.steps(pix_fmt)
        self.most = MOST
        # In levels of 255, whatever the depth.
        self.level = pixels.values(pix_fmt)[0] / 255
        self.seen: list[list[pixels.Array]] = [[] for _ in self.parts]
        self.below: list[list[pixels.Array]] = [[] for _ in self.parts]
        self.doubt: list[list[pixels.Array]] = [[] for _ in self.parts]

    def add(self, seen: Frame, repaired: Frame, doubt: NDArray[np.uint8]) -> None:
        """Take a frame, the same repaired, and the doubt of the repair, (H, W)."""
        both = (pixels.planes(frame.native) for frame in (seen, repaired))
        for number, (ours, theirs) in enumerate(zip(*both, strict=True)):
            part, (across, down) = self.parts[number], self.steps[number]
            for kept, plane in ((self.seen, ours), (self.below, theirs)):
                kept[number].append(plane[part.box][part.where][:, part.channels])
            self.doubt[number].append(doubt[:: 1 << down, :: 1 << across][part.box][part.where])

    def overlay(self) -> Overlay:
        """The logo.

        Raises:
            UserError: too little is behind it that moves, or it is opaque.
        """
        self._leave_out()
        factors, shifts = [], []
        hole = np.zeros_like(self.area)
        usual: Floats | None = None
        for number, (part, step) in enumerate(zip(self.parts, self.steps, strict=True)):
            share, shift, off = self._lines(number, None if usual is None else _at(usual, part, step))
            if usual is None:
                hole[part.box] = well_repaired(part.where, share[..., 0], off, self.noise)
                usual = np.ones(self.area.shape, np.float32)
                usual[part.box] = share[..., 0]
            hole |= _pixels_of(share.min(2, initial=1) < CLEAR, part, step, hole.shape)
            share = np.maximum(share, np.float32(CLEAR))
            factors.append(np.reciprocal(share))
            shifts.append(np.asarray(-shift / share, np.float32))
        # What is repaired takes its colours along where these are stored for several pixels together.
        for part, step in zip(self.parts, self.steps, strict=True):
            hole |= _pixels_of(pixels.touched(hole, *step)[part.box], part, step, hole.shape)
        hole &= self.area
        if hole.sum() > (1 - FEWEST) * self.area.sum():
            raise UserError(
                "Hardly anything can be seen through it: the logo is opaque, or too little moves behind it; repair it "
                "as a hole."
            )
        return Overlay(self.pix_fmt, self.area, hole, factors, shifts, self.noise, self.most)

    def _leave_out(self) -> None:
        """Let go of frames that do not show the logo, as a first look at it tells."""
        where = self.parts[0].where
        slopes, starts, _ = self._lines(0, None)
        share, found = np.maximum(slopes[..., 0], np.float32(CLEAR)), []
        factor, shift = np.reciprocal(share), np.asarray(-starts[..., 0] / share, np.float32)
        for values in self.seen[0]:
            seen = np.zeros(where.shape, np.float32)
            seen[where] = values[:, 0] / self.level
            found.append(stray(seen, where, factor, shift))
        self.most = float(np.clip(OFTEN * np.median(found), LEAST, MOST))
        shows = [each < self.most for each in found]
        if not any(shows):
            return
        for planes in (self.seen, self.below, self.doubt):
            for kept in planes:
                kept[:] = [values for values, show in zip(kept, shows, strict=True) if show]

    def _lines(self, number: int, known: Floats | None) -> tuple[Floats, Floats, Floats]:
        """As :func:`through` of a plane, a strip at a time; slopes and intercepts in a box, 1 and 0 beside the logo."""
        part = self.parts[number]
        shape = (*part.where.shape, len(part.channels))
        share, shift = np.ones(shape, np.float32), np.zeros(shape, np.float32)
        seen, below, doubt = (np.stack(kept[number]) for kept in (self.seen, self.below, self.doubt))
        if not seen.size:
            return share, shift, np.zeros(0, np.float32)
        found = []
        for first in range(0, seen.shape[1], STRIP):
            strip = slice(first, first + STRIP)
            ours, theirs = (each[:, strip].astype(np.float32) / np.float32(self.level) for each in (seen, below))
            weight = np.maximum(np.float32(SURE), 1 - doubt[:, strip] / np.float32(255))
            found.append(through(ours, theirs, weight, None if known is None else known[strip]))
        share[part.where], shift[part.where], off = (np.concatenate(each) for each in zip(*found, strict=True))
        return share, shift, off


def through(seen: Floats, below: Floats, weight: Floats, known: Floats | None) -> tuple[Floats, Floats, Floats]:
    """Lines through what was seen over what was below it, one a sample.

    Args:
        seen: (T, N, channels), in levels of 255.
        below: likewise.
        weight: (T, N).
        known: (N,), slopes known beforehand, which samples that hardly vary take; None where nothing is.

    Returns:
        Slopes, 1 − α, in [0, 1], and intercepts, αw in levels, (N, channels) each; and the mean square of how far pairs
        are off the line, (N,).
    """
    held = np.ones_like(weight)
    for turn in range(ROUNDS + 1):
        own = (weight * held)[..., None]
        total = own.sum(0)
        middle = [(own * part).sum(0) / total for part in (below, seen)]
        off_below, off_seen = below - middle[0], seen - middle[1]
        variance = (own * off_below * off_below).sum(0) / total
        common = (own * off_below * off_seen).sum(0) / total
        if known is None:
            slope = common / np.maximum(variance, 1e-3)
        else:
            slope = (common + SCARCE * known[:, None]) / (variance + SCARCE)
        slope = np.clip(slope, 0, 1)
        if turn < ROUNDS:
            away = np.abs(off_seen - slope * off_below).max(2)
            held = 1 / (1 + np.square(away / (FAR * np.maximum(np.median(away, 0), 1))))
    start = middle[1] - slope * middle[0]
    return slope, start, np.square(seen - slope * below - start).mean((0, 2))


def well_repaired(where: Mask, share: Floats, off: Floats, noise: float) -> Mask:
    """Samples in a box (H, W) of which repairs tell at least as much as noise lets what shines through tell.

    Pairs are off the line by noise, and by the errors of repairs as far as they shine through.

    Args:
        where: the samples of the logo, (H, W).
        share: their slopes, (H, W).
        off: as from :func:`through`, (N,).
        noise: square levels, of 255, of what is seen.
    """
    spread = np.zeros(where.shape, np.float32)
    spread[where] = off
    count = np.maximum(cv2.blur(where.astype(np.float32), (AROUND, AROUND)), np.float32(1e-6))
    grown = noise * (1 + QUIET * (1 - np.square(share)))
    return np.asarray(where & (cv2.blur(spread, (AROUND, AROUND)) / count < grown))


def _at(values: Floats, part: pixels.Samples, step: tuple[int, int]) -> Floats:
    """Values of pixels (H, W), averaged over those of each sample: (N,)."""
    across, down = step
    whole = np.pad(values, ((0, -values.shape[0] % (1 << down)), (0, -values.shape[1] % (1 << across))), mode="edge")
    shared = whole.reshape(whole.shape[0] >> down, 1 << down, whole.shape[1] >> across, 1 << across).mean((1, 3))
    return np.asarray(shared[part.box][part.where], np.float32)


def _pixels_of(some: Mask, part: pixels.Samples, step: tuple[int, int], shape: tuple[int, ...]) -> Mask:
    """The pixels (H, W) of some samples in the box of a plane."""
    across, down = step
    plane = np.zeros((-(-shape[0] >> down), -(-shape[1] >> across)), bool)
    plane[part.box] = some
    return plane.repeat(1 << down, 0).repeat(1 << across, 1)[: shape[0], : shape[1]]
