"""What was seen of a see-through logo and what repairs say lay below it, and the logo that follows from such pairs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rovr.errors import UserError
from rovr.translucent.edges import APART
from rovr.translucent.lines import QUIET, through, well_repaired
from rovr.translucent.moments import Moments, Pairs, moments_of
from rovr.translucent.told import nearest, tell
from rovr.video import pixels
from rovr.video.colour import Frame
from rovr.video.masks import Mask
from rovr.video.overlay import Overlay, mean_around, shown

Floats = NDArray[np.float32]

CLEAR = 0.2
"""Least share of the picture that has to shine through; below, what is seen is mostly noise once it is made up for."""

SURE = 0.1
"""Least weight of a sample, that of one which the repair made up altogether; of one that some frame saw it is 1."""

PART, TOLD = 0.2, 0.8
"""Of the usual :func:`rovr.video.overlay.shown` the share below which a frame does not show the logo; and what has to
be usual so that it tells. On validation clips flat logos, and those with a shadow, lie between 0.84 and 1.1 where they
are and below 0.15 mostly where they are not; what is badly known, or drowned by water, lies anywhere between."""

FEWEST = 0.25
"""Least share of the logo that has to be seen through; what is less is no gain over a hole."""

STRIP = 1 << 12
"""Samples worked on at a time."""

KEPT = 24
"""Frames of which the surroundings are kept, too: inks are measured where they end."""

MANY = 1 << 18
"""Samples of a logo beyond which no inks are looked for, which would take long."""

STILL, STEADY = 100.0, 9
"""Square levels, of 255, by which what lies below varies, in the mean over a square of so many samples on a side, from
which on each sample's own line tells all there is to tell; soft shadows, say, are told by lines alone."""

WRONG = 100.0
"""Square levels by which what shines through an ink may be wrong, from which on it is repaired."""


@dataclass(frozen=True)
class Drawn:
    """What is known of a logo.

    Attributes:
        planes: 1 − α and αw in levels of 255, in the box of each plane, (rows, columns, channels) each.
        known: pixels that are seen through so, (H, W).
    """

    planes: Sequence[tuple[Floats, Floats]]
    known: Mask


class Gathered:
    """What was seen of a logo, and what repairs say lay below it.

    Args:
        area: (H, W), where the logo is.
        pix_fmt: FFmpeg's name of the video's format.
        noise: square levels, of 255, of what is seen.
        frames: that there are going to be.
    """

    def __init__(self, area: Mask, pix_fmt: str, noise: float, frames: int) -> None:
        self.area, self.pix_fmt, self.noise = area, pix_fmt, noise
        self.parts = pixels.samples(area, pix_fmt)
        self.steps = pixels.steps(pix_fmt)
        # In levels of 255, whatever the depth.
        self.level = pixels.values(pix_fmt)[0] / 255
        self.seen: list[list[pixels.Array]] = [[] for _ in self.parts]
        self.below: list[list[pixels.Array]] = [[] for _ in self.parts]
        self.doubt: list[list[pixels.Array]] = [[] for _ in self.parts]
        border = max(APART)
        rows, columns = (slice(max(0, own.start - border), own.stop + border) for own in self.parts[0].box)
        self.wide, self.every = (rows, columns), -(-frames // KEPT)
        self.around: dict[int, pixels.Array] = {}

    def add(self, seen: Frame, repaired: Frame, doubt: NDArray[np.uint8]) -> None:
        """Take a frame, the same repaired, and the doubt of the repair, (H, W)."""
        both = [pixels.planes(frame.native) for frame in (seen, repaired)]
        if self.frames % self.every == 0:
            self.around[self.frames] = both[0][0][self.wide][..., self.parts[0].channels]
        for number, (ours, theirs) in enumerate(zip(*both, strict=True)):
            part, (across, down) = self.parts[number], self.steps[number]
            for kept, plane in ((self.seen, ours), (self.below, theirs)):
                kept[number].append(plane[part.box][part.where][:, part.channels])
            self.doubt[number].append(doubt[:: 1 << down, :: 1 << across][part.box][part.where])

    @property
    def frames(self) -> int:
        """How many there are."""
        return len(self.seen[0])

    def overlay(self) -> Overlay:
        """The logo.

        Raises:
            UserError: it is opaque, or neither lines nor inks tell enough.
        """
        self._leave_out()
        lines, drawn = self._by_lines(), self._by_inks()
        hole = ~(lines.known | drawn.known)
        undoing = []
        for part, step, line, ink in zip(self.parts, self.steps, lines.planes, drawn.planes, strict=True):
            by_ink = pixels.plane_mask(~lines.known, *step)[part.box][..., None]
            share, shift = (np.where(by_ink, *both) for both in zip(ink, line, strict=True))
            hole |= _pixels_of(share.min(2, initial=1) < CLEAR, part, step, hole.shape)
            undoing.append(_undoing(share, shift))
        # What is repaired takes its colours along where these are stored for several pixels together.
        for part, step in zip(self.parts, self.steps, strict=True):
            hole |= _pixels_of(pixels.touched(hole & self.area, *step)[part.box], part, step, hole.shape)
        hole &= self.area
        if hole.sum() > (1 - FEWEST) * self.area.sum():
            raise UserError(
                "Hardly anything can be seen through it: the logo is opaque, or too little is known of what lies below "
                "it; repair it as a hole."
            )
        factors, shifts = zip(*undoing, strict=True)
        least = _least(self._shown(factors, shifts))
        return Overlay(self.pix_fmt, self.area, hole, factors, shifts, self.noise, least)

    def _by_lines(self) -> Drawn:
        """By a line of each sample."""
        planes = [self._lines(0, None)]
        (share, _), off = planes[0]
        first = self.parts[0]
        known = np.ones_like(self.area)
        known[first.box] = ~well_repaired(first.where, share[..., 0], off, self.noise)
        usual = np.ones(self.area.shape, np.float32)
        usual[first.box] = share[..., 0]
        for number in range(1, len(self.parts)):
            planes.append(self._lines(number, _at(usual, self.parts[number], self.steps[number])))
        for ((share, _), _), part, step in zip(planes, self.parts, self.steps, strict=True):
            known &= ~_pixels_of(share.min(2, initial=1) < CLEAR, part, step, known.shape)
        return Drawn([plane for plane, _ in planes], known)

    def _by_inks(self) -> Drawn:
        """By what all samples tell together, where what lies below hardly varies."""
        first = self.parts[0]
        planes = [_nothing(part) for part in self.parts]
        known = np.zeros_like(self.area)
        if not 0 < first.where.sum() <= MANY:
            return Drawn(planes, known)
        around = np.stack(list(self.around.values())).astype(np.float32) / np.float32(self.level)
        # The same samples in the same order, in a wider box.
        where = np.zeros(around.shape[1:3], bool)
        top, left = (own.start - wide.start for own, wide in zip(first.box, self.wide, strict=True))
        where[top : top + first.where.shape[0], left : left + first.where.shape[1]] = first.where
        moments = self._moments()
        told = tell(moments, where, self.noise, around)
        if told is None:
            return Drawn(planes, known)
        grown = self.noise * QUIET * (1 / np.square(np.maximum(told.share, CLEAR)) - 1)
        varies = np.zeros(first.where.shape, np.float32)
        varies[first.where] = moments.below_below[:, : moments.fine].mean(1)
        still = mean_around(varies, first.where, STEADY)[first.where] < STILL
        known[first.box][first.where] = still & (told.doubt < WRONG) & (told.doubt + grown < told.errors)
        usual, shifts = self._pixels(told.share), iter(told.shift.T)
        for (share, shift), part, step in zip(planes, self.parts, self.steps, strict=True):
            for channel in range(len(part.channels) if part.where.any() else 0):
                share[part.where, channel] = _at(usual, part, step)
                shift[part.where, channel] = _at(self._pixels(next(shifts)), part, step)
        return Drawn(planes, known)

    def _pixels(self, values: Floats) -> Floats:
        """A value of each sample of the first plane, at its pixel: (H, W)."""
        plane = np.zeros(self.area.shape, np.float32)
        plane[self.parts[0].box][self.parts[0].where] = values
        return plane

    def _moments(self) -> Moments:
        """Of the samples of all planes, at each of the first plane; of others, of the nearest that there is."""
        first = self.parts[0]
        planes = []
        for number, (part, (across, down)) in enumerate(zip(self.parts, self.steps, strict=True)):
            if not (part.channels and part.where.any()):
                continue
            index = np.full([-(-side >> step) for side, step in zip(self.area.shape, (down, across), strict=True)], -1)
            index[part.box][part.where] = np.arange(part.where.sum())
            at = nearest(index, index >= 0).repeat(1 << down, 0).repeat(1 << across, 1)
            planes.append((self._pairs(number), at[first.box][first.where]))
        return moments_of(planes, STRIP)

    def _pairs(self, number: int) -> Callable[[slice], Pairs]:
        """What was seen of some samples of a plane, what was below, and the weight of each."""
        seen, below, doubt = (np.stack(kept[number]) for kept in (self.seen, self.below, self.doubt))

        def some(strip: slice) -> Pairs:
            ours, theirs = (each[:, strip].astype(np.float32) / np.float32(self.level) for each in (seen, below))
            return ours, theirs, np.maximum(np.float32(SURE), 1 - doubt[:, strip] / np.float32(255))

        return some

    def _leave_out(self) -> None:
        """Let go of frames that do not show the logo, as a first look at it tells."""
        planes = range(len(self.parts))
        factors, shifts = zip(*(_undoing(*self._lines(number, None)[0]) for number in planes), strict=True)
        found = self._shown(factors, shifts)
        shows = [each >= _least(found) for each in found]
        for pairs in (self.seen, self.below, self.doubt):
            for kept in pairs:
                kept[:] = [values for values, show in zip(kept, shows, strict=True) if show]
        self.around = {index: part for index, part in self.around.items() if shows[index]}

    def _shown(self, factors: Sequence[Floats], shifts: Sequence[Floats]) -> list[float]:
        """As :func:`rovr.video.overlay.shown` of all frames."""
        where, found = [part.where for part in self.parts], []
        for values in zip(*self.seen, strict=True):
            planes = [np.zeros(factor.shape, np.float32) for factor in factors]
            for plane, own, part in zip(planes, where, values, strict=True):
                plane[own] = part / np.float32(self.level)
            found.append(shown(planes, where, factors, shifts))
        return found

    def _lines(self, number: int, known: Floats | None) -> tuple[tuple[Floats, Floats], Floats]:
        """As :func:`rovr.translucent.lines.through` of a plane, in its box; 1 and 0 beside the logo."""
        part = self.parts[number]
        share, shift = _nothing(part)
        if not share[part.where].size:
            return (share, shift), np.zeros(0, np.float32)
        pairs, found = self._pairs(number), []
        for first in range(0, int(part.where.sum()), STRIP):
            strip = slice(first, first + STRIP)
            found.append(through(*pairs(strip), None if known is None else known[strip]))
        share[part.where], shift[part.where], off = (np.concatenate(each) for each in zip(*found, strict=True))
        return (share, shift), off


def _least(found: list[float]) -> float:
    """What :func:`rovr.video.overlay.shown` has to be where the logo shows; anything, where it does not tell."""
    usual = float(np.median(found))
    return PART * usual if usual >= TOLD else -np.inf


def _nothing(part: pixels.Samples) -> tuple[Floats, Floats]:
    """Shares and shifts of no logo at all, in the box of a plane."""
    shape = (*part.where.shape, len(part.channels))
    return np.ones(shape, np.float32), np.zeros(shape, np.float32)


def _undoing(share: Floats, shift: Floats) -> tuple[Floats, Floats]:
    """As :attr:`Overlay.factors` and :attr:`Overlay.shifts` of a plane."""
    share = np.maximum(share, np.float32(CLEAR))
    return np.reciprocal(share), np.asarray(-shift / share, np.float32)


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
