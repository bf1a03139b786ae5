"""Burnt-in subtitles: thin bright strokes that come all at once, stand still for a while, and go all at once.

A pixel of a letter keeps its value from the frame in which the text comes to that in which it goes, and many pixels
share both frames. Scenery that stands still, or moves slowly, comes and goes bit by bit; and what comes and goes with
a cut at either end is taken for scenery, too.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rovr.masking.write import Grey, Mask, Masker, Shown, check_sensitivity, shown
from rovr.video.limits import MAX_PIXELS
from rovr.video.masks import Box, boxes_mask, resized
from rovr.video.source import open_source

HEIGHT = 540
"""Taller pictures are made so tall before anything is looked for."""

SHORTEST = 0.7
"""Seconds that a text stands at least."""

STRAY = 24
"""Grey levels within which a pixel stands still."""

BRIGHT, CLEAR = 110, 40
"""Grey levels of a stroke, and by which it is brighter than what lies around it, at sensitivity 1."""

STROKE = 1 / 24
"""Of the picture's height: strokes are thinner than this."""

JUMP, EDGE, OPEN = 40.0, 12.0, 70.0
"""Grey levels by which a text changes the picture: at one of its ends, at sensitivity 1; at the other; and at its only
one, where the video begins or ends with it."""

LEAST, MOST = 4e-4, 0.12
"""Shares of the picture that strokes of one text take."""

SPECK = 5
"""Pixels of the smallest stroke."""

CUT, AROUND = 0.3, 6
"""Share of the picture that changes at a cut, and frames before and after it that tell how much changes anyway."""

FADE, VISIBLE, SUDDEN = 8, 0.35, 0.6
"""Frames that a text may take to come or to go; how clear it is while it counts, of what it is in between; and share of
the change from one frame to the next from which it comes or goes at once, give or take a frame."""


@dataclass
class Text:
    """What was shown at a time, anywhere in the picture.

    Attributes:
        first: frame in which it stands for the first time.
        end: frame in which it no longer does.
        strokes: (h, w) bool, packed by rows.
        corner: their first row and column in the picture that was looked at.
        size: (h, w).
        level: how much brighter than their surroundings the strokes are.
        before: frames before the first that may show it, too.
        after: likewise, from the end on.
    """

    first: int
    end: int
    before: int
    after: int
    strokes: NDArray[np.uint8]
    corner: tuple[int, int]
    size: tuple[int, int]
    level: float

    @classmethod
    def of(cls, mask: Mask, first: int, end: int, before: int, after: int, level: float) -> "Text":
        """The text of strokes in a picture, (H, W); the rest of that is not kept."""
        rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
        top, left = int(rows[0]), int(columns[0])
        part = mask[top : rows[-1] + 1, left : columns[-1] + 1]
        size, packed = (part.shape[0], part.shape[1]), np.packbits(part, axis=1)
        return cls(first, end, before, after, packed, (top, left), size, level)

    def laid(self, size: tuple[int, int]) -> Mask:
        """The strokes in a picture of height and width."""
        mask = np.zeros(size, bool)
        (top, left), (height, width) = self.corner, self.size
        part = np.unpackbits(self.strokes, axis=1, count=width)
        mask[top : top + height, left : left + width] = part
        return mask


class _Watch:
    """Looks at one frame after the other."""

    def __init__(self, size: tuple[int, int], rate: float, sensitivity: float, where: Mask) -> None:
        self.size, self.where, self.sensitivity = size, where, sensitivity
        self.lasting = max(6, round(SHORTEST * rate))
        self.least = max(40.0, LEAST * size[0] * size[1])
        self.kept = np.zeros(size, np.uint8)
        self.since = np.zeros(size, np.int32)
        # By how much each pixel had changed when it came to rest, since a few frames before and since the last one.
        self.came, self.leapt = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
        self.last: deque[Grey] = deque(maxlen=4)
        self.clear = np.zeros(size, np.uint8)
        self.moved: list[float] = []
        self.found: list[Text] = []

    def look(self, grey: Grey) -> None:
        """At the next frame, (H, W)."""
        now = len(self.moved)
        if now == 0:
            self.kept = grey.copy()
            self.moved.append(1.0)
        else:
            jump = np.asarray(cv2.absdiff(grey, self.last[-1]), np.uint8)
            self.moved.append(float((jump > STRAY).mean()))
            changed = cv2.absdiff(grey, self.kept) > STRAY
            self._collect(now, changed, jump)
            self.came[changed], self.leapt[changed] = cv2.absdiff(grey, self.last[0])[changed], jump[changed]
            self.kept[changed] = grey[changed]
            self.since[changed] = now
        self.clear = clearness(grey)
        self.last.append(grey)

    def texts(self) -> list[Text]:
        """All that was found, once every frame was looked at."""
        self._collect(len(self.moved), np.ones(self.size, bool), None)
        texts: list[Text] = []
        for own in sorted(self.found, key=lambda one: (one.first, one.end)):
            # Letters do not all go in the very same frame.
            near = (k for k, one in enumerate(texts) if abs(one.first - own.first) <= 2 and abs(one.end - own.end) <= 2)
            if (k := next(near, None)) is None:
                texts.append(own)
            else:
                one, both = texts[k], texts[k].laid(self.size) | own.laid(self.size)
                texts[k] = Text.of(both, one.first, one.end, one.before, one.after, one.level)
        return [one for one in texts if one.laid(self.size).mean() <= MOST]

    def _collect(self, now: int, changed: Mask, jump: Grey | None) -> None:
        """Group what stood until this frame by the frame in which it came."""
        strokes = (self.clear > CLEAR / self.sensitivity) & (self.kept > BRIGHT) & self.where
        stood = changed & (now - self.since >= self.lasting) & strokes
        while stood.sum() >= self.least:
            times, counts = np.unique(self.since[stood], return_counts=True)
            # Nor do they all come in the very same one.
            beside = abs(times[:, None] - times) <= 1
            most = int((beside @ counts).argmax())
            if int(counts[beside[most]].sum()) < self.least:
                return
            first = int(times[beside[most]][counts[beside[most]].argmax()])
            own = stood & (abs(self.since - first) <= 1)
            if self._is_text(first, now, own, jump):
                came, leapt = (float(np.median(change[own])) for change in (self.came, self.leapt))
                gone = came if jump is None else float(np.median(jump[own]))
                before, after = (1 if step >= SUDDEN * came else FADE for step in (leapt, gone))
                self.found.append(Text.of(own, first, now, before, after, float(self.clear[own].mean())))
            stood &= ~own

    def _is_text(self, first: int, end: int, own: Mask, jump: Grey | None) -> bool:
        ends = []
        if first > 1:
            ends.append((float(np.median(self.came[own])), self._is_cut(first)))
        if jump is not None:
            ends.append((float(np.median(jump[own])), self._is_cut(end)))
        if all(cut for _, cut in ends):
            return False
        steps = [step for step, _ in ends]
        return max(steps) >= (JUMP if len(ends) > 1 else OPEN) / self.sensitivity and min(steps) >= EDGE

    def _is_cut(self, frame: int) -> bool:
        """Whether much more changes there, or beside it, than around."""
        usual = float(np.median(self.moved[max(1, frame - AROUND) : frame + AROUND + 1]))
        return max(self.moved[max(1, frame - 1) : frame + 2]) > max(CUT, 2 * usual)


def clearness(grey: Grey) -> Grey:
    """By how much thin strokes are brighter than what lies around them, (H, W)."""
    side = max(7, round(STROKE * len(grey))) | 1
    return np.asarray(cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, np.ones((side, side), np.uint8)), np.uint8)


def texts_in(
    frames: Iterable[Grey], rate: float, sensitivity: float = 1.0, box: Box | None = None
) -> tuple[list[Text], tuple[int, int]]:
    """Find texts in frames (H, W).

    Args:
        frames: as they are played.
        rate: frames per second.
        sensitivity: 1 by default; 2 finds strokes half as clear.
        box: where to look; None = everywhere.

    Returns:
        The texts, and height and width of the picture that they were found in.
    """
    check_sensitivity(sensitivity)
    watch: _Watch | None = None
    size = (0, 0)
    for grey in frames:
        small = _reduced(grey)
        if watch is None:
            size = (small.shape[0], small.shape[1])
            watch = _Watch(size, rate, sensitivity, _inside(box, (grey.shape[0], grey.shape[1]), size))
        watch.look(small)
    return ([] if watch is None else watch.texts()), size


def finding_subtitles(
    video: Path,
    sensitivity: float = 1.0,
    box: Box | None = None,
    rate: Fraction | None = None,
    on_frame: Callable[[], None] = lambda: None,
    max_pixels: int = MAX_PIXELS,
) -> Masker:
    """A masker that finds burnt-in subtitles; it reads the video before it begins.

    Args:
        video: a file or a folder of frames, the one that the masker is given.
        sensitivity: see :func:`texts_in`.
        box: likewise.
        rate: frames per second of a folder.
        on_frame: called after every frame that is read beforehand.
        max_pixels: that a frame may have.

    Raises:
        UserError: a sensitivity that is none; from the masker, a box outside.
    """
    check_sensitivity(sensitivity)

    def greys() -> Iterator[Grey]:
        with open_source(video, rate=rate, max_pixels=max_pixels) as source:
            for frame in shown(source):
                yield frame.grey
                on_frame()

    def find(frames: Iterator[Shown]) -> Iterator[Mask]:
        begin = next(frames)
        texts, size = texts_in(greys(), float(begin.info.rate), sensitivity, box)
        yield from drawn(texts, size, chain([begin], frames))

    return find


def drawn(texts: Sequence[Text], size: tuple[int, int], frames: Iterable[Shown]) -> Iterator[Mask]:
    """Masks (H, W) of frames with texts that :func:`texts_in` has found in pictures of a height and width."""
    waiting = sorted(texts, key=lambda text: text.first - text.before, reverse=True)
    near: list[tuple[Text, Mask, Mask]] = []
    for frame in frames:
        while waiting and waiting[-1].first - waiting[-1].before <= frame.index:
            text = waiting.pop()
            strokes = text.laid(size)
            near.append((text, strokes, _covered(strokes)))
        near = [one for one in near if frame.index < one[0].end + one[0].after]
        grey = frame.grey
        mask = np.zeros(size, bool)
        clear = clearness(_reduced(grey)) if near else None
        for text, strokes, covered in near:
            stands = text.first <= frame.index < text.end
            if stands or (clear is not None and clear[strokes].mean() >= VISIBLE * text.level):
                mask |= covered
        height, width = grey.shape
        yield mask if size == grey.shape else resized(mask, (width, height))


def _covered(strokes: Mask) -> Mask:
    """Letters with their outlines, and what lies within them; what is too small for a dot is none."""
    inside, around = (max(3, round(len(strokes) / 90)) | 1, 2 * max(2, round(len(strokes) / 130)) + 1)
    closed = cv2.morphologyEx(strokes.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((inside, inside), np.uint8))
    _, labels, about, _ = cv2.connectedComponentsWithStats(closed)
    large = about[:, cv2.CC_STAT_AREA] >= SPECK
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (around, around))
    return np.asarray(cv2.dilate(closed * large[labels], kernel) > 0)


def _reduced(grey: Grey) -> Grey:
    height, width = grey.shape
    if height <= HEIGHT:
        return grey
    return np.asarray(
        cv2.resize(grey, (round(width * HEIGHT / height), HEIGHT), interpolation=cv2.INTER_AREA), np.uint8
    )


def _inside(box: Box | None, whole: tuple[int, int], size: tuple[int, int]) -> Mask:
    """Where to look, (H, W), in a picture that was made smaller."""
    if box is None:
        return np.ones(size, bool)
    mask = boxes_mask([box], (whole[1], whole[0]))
    return mask if size == whole else resized(mask, (size[1], size[0]))
