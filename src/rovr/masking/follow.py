"""An object followed from one box by OpenCV's multiple-instance tracker, the one that needs no model file."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rovr.errors import UserError
from rovr.masking.track import OnLost, tracking, within
from rovr.masking.write import Mask, Masker
from rovr.video.masks import Box

# Correlation with how the object looked, below which it counts as lost, unless it differs by fewer grey levels: what is
# of one colour correlates with nothing. The tracker itself never gives up.
ALIKE, CLOSE = 0.5, 15.0
# Pixels around the object that belong to its look, and by which its place is mended, at the size of tracking.
_MARGIN, _REACH = 3, 6
# Sides in pixels at which the object is tracked: larger ones cost time and gain nothing.
_SIDE = 64
# Pixels beside the object that the tracker needs.
_ROOM = 16
# Sizes are tried in steps of this factor, and kept unless another is better by so much correlation; the tracker is
# begun anew where the object has become this factor larger or smaller.
_STEP, _HOLD, _OUTGROWN = 1.03, 0.01, 1.12
# Share of the new look that goes into what is remembered of the object.
_LEARN = 0.1


def following(
    box: Box | Callable[[NDArray[np.uint8]], Box],
    start: int = 0,
    on_lost: OnLost = lambda frame, time: None,
) -> Masker:
    """A masker of the box around an object; frames before the start and after a loss have no hole.

    The box grows and shrinks with the object by a few hundredths a frame, and keeps its proportions.

    Args:
        box: x, y, width and height around the object in the first frame followed, in pixels as played; or what finds
            it in that frame (H, W, 3), such as :func:`rovr.masking.click.box_at`.
        start: index of that frame.
        on_lost: called once with the frame and its time in seconds where the object is not found again.

    Raises:
        UserError: a start before the first frame; from the masker, one beyond the last, or a box outside the picture.
    """

    def begin(image: NDArray[np.uint8]) -> "_Track":
        return _Track(image, _checked(box(image) if callable(box) else box, image))

    return tracking(begin, start, on_lost)


def _checked(box: Box, image: NDArray[np.uint8]) -> Box:
    x, y, w, h = within(box, image)
    height, width = image.shape[:2]
    if (w, h) == (width, height):
        raise UserError(f"The box {x},{y},{w},{h} is the whole picture, in which nothing can move; make it smaller.")
    if min(w, h) < 8:
        raise UserError(f"The box {x},{y},{w},{h} is too small to follow; give at least 8×8 pixels.")
    return box


Point = tuple[float, float]


class _Track:
    """One object on its way.

    Args:
        image: (H, W, 3) uint8, where it starts.
        box: around it.

    Attributes:
        box: around it in the last frame.
        searches: a loss is final, since only places near the last one are looked at.
    """

    searches = False

    def __init__(self, image: NDArray[np.uint8], box: Box) -> None:
        self.box = self._first = box
        self._shape = image.shape[:2]
        # Pixels at the size of tracking for one of the picture, and how much larger the object has become since.
        self._scale = self._began = min(1.0, _SIDE / max(box[2:]))
        self._grown = 1.0
        # The tracker compares with places beside the object, which a box as wide or high as the picture leaves none of.
        sides = zip(box[2:], image.shape[1::-1], strict=True)
        self._pad = _ROOM if any((side - own) * self._scale < _ROOM for own, side in sides) else 0
        self._size = tuple(max(4, round(side * self._scale)) for side in box[2:])
        x, y = (round(at * self._scale) + self._pad for at in box[:2])
        self._centre = self._middle((x, y))
        small = self._small(image)
        self._begin(small)
        self._look = self._whole = self._crop(small, self._centre, _MARGIN)
        self._real = self._inside(small)

    def _inside(self, small: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """1 for pixels of the look that lie in the picture, 0 for those beyond its edge; None where all lie in it."""
        spans = []
        for middle, size, side in zip(self._centre, self._size, small.shape[1::-1], strict=True):
            places = middle - (size - 1) / 2 + np.arange(-_MARGIN, size + _MARGIN)
            spans.append((places > self._pad - 0.5) & (places < side - self._pad - 0.5))
        real = np.outer(spans[1], spans[0])
        return None if real.all() else np.repeat(real[..., None], 3, -1).astype(np.float32)

    def _begin(self, small: NDArray[np.uint8]) -> None:
        # The tracker draws lots; as far as OpenCV lets it, the same video shall give the same mask.
        cv2.setRNGSeed(0)
        self._tracker: Any = cv2.TrackerMIL.create()
        corner = (round(at - (side - 1) / 2) for at, side in zip(self._centre, self._size, strict=True))
        self._tracker.init(small, (*corner, *self._size))

    def _middle(self, corner: tuple[float, float]) -> Point:
        return corner[0] + (self._size[0] - 1) / 2, corner[1] + (self._size[1] - 1) / 2

    def mask(self) -> Mask:
        """The box, (H, W)."""
        mask = np.zeros(self._shape, bool)
        x, y, w, h = self.box
        mask[max(y, 0) : max(y + h, 0), max(x, 0) : max(x + w, 0)] = True
        return mask

    def step(self, image: NDArray[np.uint8]) -> bool:
        """Look for the object in the next frame; False where it is lost."""
        small = self._small(image)
        found, (x, y, _, _) = self._tracker.update(small)
        if not found:
            return False
        # The tracker draws lots and drifts: its proposal and the last place are where the remembered look is sought.
        score, centre = max(self._sought(small, near, self._look) for near in (self._middle((x, y)), self._centre))
        self._centre = centre
        if score > ALIKE:
            self._resize(small)
        look = self._crop(small, self._centre, _MARGIN)
        if score < ALIKE and np.abs(look - self._look).mean() > CLOSE:
            return False
        self._look = (1 - _LEARN) * self._look + _LEARN * look
        self.box = self._placed()
        self._renew(image)
        return True

    def _resize(self, small: NDArray[np.uint8]) -> None:
        """Take the object for larger or smaller where it then looks more like itself, by now and in the beginning."""
        kept, best = self._grown, (-2.0, 1.0, self._centre)
        for factor in (1.0, _STEP, 1 / _STEP):
            self._grown = kept * factor
            found = [self._sought(small, self._centre, look) for look in (self._look, self._whole)]
            score = sum(score for score, _ in found) / 2 - (_HOLD if factor != 1 else 0)
            best = max(best, (score, factor, found[0][1]))
        self._grown = kept * best[1]
        if best[1] != 1:
            self._centre = best[2]

    def _placed(self) -> Box:
        """The box that belongs to centre and size."""
        growth = self._grown * self._began / self._scale
        sides = [max(1, round(side * growth)) for side in self._first[2:]]
        half = [(side - 1) / 2 * self._grown for side in self._size]
        x, y = (round((at - by - self._pad) / self._scale) for at, by in zip(self._centre, half, strict=True))
        return x, y, sides[0], sides[1]

    def _sought(self, image: NDArray[np.uint8], near: Point, look: NDArray[np.float32]) -> tuple[float, Point]:
        """Correlation, −1 to 1, where the object is likest to a look of it near a place, and that place."""
        window = self._crop(image, near, _MARGIN + _REACH)
        if self._real is None:
            scores = cv2.matchTemplate(window, look, cv2.TM_CCOEFF_NORMED)
        else:
            scores = cv2.matchTemplate(window, look, cv2.TM_CCOEFF_NORMED, mask=self._real)
            scores = np.nan_to_num(scores, nan=-1, posinf=-1, neginf=-1)
        _, best, _, (x, y) = cv2.minMaxLoc(scores)
        return best, (near[0] + (x - _REACH) * self._grown, near[1] + (y - _REACH) * self._grown)

    def _small(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self._scale != 1:
            image = np.asarray(
                cv2.resize(image, None, fx=self._scale, fy=self._scale, interpolation=cv2.INTER_AREA), np.uint8
            )
        if self._pad:
            by = self._pad
            image = np.asarray(cv2.copyMakeBorder(image, by, by, by, by, cv2.BORDER_REPLICATE), np.uint8)
        return image

    def _crop(self, image: NDArray[np.uint8], centre: Point, margin: int) -> NDArray[np.float32]:
        """The object and what is around it at its first size, blurred, so that noise does not count.

        Beyond the edge are the last pixels of the picture.
        """
        width, height = (side + 2 * margin for side in self._size)
        corner = (at - (side - 1) / 2 * self._grown for at, side in zip(centre, (width, height), strict=True))
        place = np.array([[self._grown, 0, next(corner)], [0, self._grown, next(corner)]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        patch = cv2.warpAffine(image, place, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(cv2.GaussianBlur(patch, (0, 0), 1), np.float32)

    def _renew(self, image: NDArray[np.uint8]) -> None:
        """Where the object has outgrown the tracker, whose size is fixed, begin another at the size that it has now.

        Not while it reaches out of the picture or fills it: a tracker can only begin within, with room around.
        """
        scale = self._scale / self._grown
        if scale > 1 or 1 / _OUTGROWN < self._grown < _OUTGROWN:
            return
        if any(
            at < 0 or at + own > side or (side - own) * scale + 2 * self._pad < _ROOM
            for at, own, side in zip(self.box[:2], self.box[2:], image.shape[1::-1], strict=True)
        ):
            return
        x, y = ((at - self._pad) / self._scale * scale + self._pad for at in self._centre)
        self._scale, self._grown, self._centre = scale, 1.0, (x, y)
        self._begin(self._small(image))
