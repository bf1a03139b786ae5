"""What a person marked, as masks: strokes and boxes over ranges of frames, and masks that were found or given."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from rovr.errors import UserError
from rovr.video import open_source

if TYPE_CHECKING:
    # Loads torch, which the server does without.
    from rovr.masking import Masker, Shown

Mask = NDArray[np.bool_]
Place = Annotated[float, msgspec.Meta(ge=-1e5, le=1e5)]
Frame = Annotated[int, msgspec.Meta(ge=0, le=10**7)]
# Sixteenths of a pixel, as OpenCV's fixed point has them.
_SHIFT = 4


class Span(msgspec.Struct, kw_only=True):
    """Frames ``first`` to ``last``, both included; None for all that follow."""

    first: Frame = 0
    last: Frame | None = None

    def holds(self, frame: int) -> bool:
        """Whether a frame is among them."""
        return self.first <= frame and (self.last is None or frame <= self.last)


class Stroke(Span, tag="stroke", kw_only=True, forbid_unknown_fields=True):
    """A brush of some width in pixels moved through points; ``erase`` takes away what lies below."""

    points: Annotated[list[tuple[Place, Place]], msgspec.Meta(min_length=1, max_length=20_000)]
    size: Annotated[float, msgspec.Meta(gt=0, le=4000)]
    erase: bool = False

    def paint(self, mask: NDArray[np.uint8]) -> None:
        """Draw it into a mask (H, W)."""
        # A pixel's middle is half a pixel from its corner, which is where browsers count from.
        points = np.rint((np.array(self.points) - 0.5) * 2**_SHIFT).astype(np.int32)
        value, width = (0, 255)[not self.erase], max(1, round(self.size))
        cv2.polylines(mask, [points.reshape(-1, 1, 2)], False, value, width, cv2.LINE_8, _SHIFT)
        # OpenCV's ends are round where there is a line; a single dot has none.
        for point in (points[0], points[-1]):
            radius = round(self.size / 2 * 2**_SHIFT)
            cv2.circle(mask, (int(point[0]), int(point[1])), radius, value, -1, cv2.LINE_8, _SHIFT)


class Box(Span, tag="box", kw_only=True, forbid_unknown_fields=True):
    """A rectangle in pixels of the video as it plays."""

    x: Place
    y: Place
    w: Annotated[float, msgspec.Meta(gt=0, le=1e5)]
    h: Annotated[float, msgspec.Meta(gt=0, le=1e5)]
    erase: bool = False

    def paint(self, mask: NDArray[np.uint8]) -> None:
        """Draw it into a mask (H, W)."""
        left, top = max(round(self.x), 0), max(round(self.y), 0)
        mask[top : max(round(self.y + self.h), 0), left : max(round(self.x + self.w), 0)] = (0, 255)[not self.erase]


class Found(Span, tag="found", kw_only=True, forbid_unknown_fields=True):
    """A mask that was found or given, by the name the page has for it."""

    layer: str


Mark = Stroke | Box | Found
# Whoever takes specks out of a film by hand makes thousands.
Marks = Annotated[list[Mark], msgspec.Meta(max_length=50_000)]


class Drawing:
    """Marks on a video.

    Args:
        marks: in the order in which they were made; an eraser takes away what was there before it.
        layers: files of the masks that marks may name.

    Raises:
        UserError: nothing is marked, or a mask that is gone.
    """

    def __init__(self, marks: list[Mark], layers: dict[str, Path]) -> None:
        if not any(isinstance(mark, Found) or not mark.erase for mark in marks):
            raise UserError("Nothing is marked yet; paint over what is wrong, or let it be found.")
        for mark in marks:
            if isinstance(mark, Found) and mark.layer not in layers:
                raise UserError("A mask that was marked is gone; remove it from the list and mark again.")
        self.marks = marks
        self.layers = {mark.layer: layers[mark.layer] for mark in marks if isinstance(mark, Found)}

    def paint(self, frame: int, size: tuple[int, int], found: Callable[[str], NDArray[np.uint8]]) -> Mask:
        """The mask (H, W) of a frame.

        Args:
            frame: from 0.
            size: (width, height) as played.
            found: hands out the frame of a layer, (H, W) uint8.
        """
        mask = np.zeros(size[::-1], np.uint8)
        for mark in self.marks:
            if not mark.holds(frame):
                continue
            if isinstance(mark, Found):
                np.maximum(mask, found(mark.layer), out=mask)
            else:
                mark.paint(mask)
        return mask > 127

    def masker(self) -> "Masker":
        """The same for all frames of a video in turn, see :func:`rovr.masking.write_masks`."""

        def draw(frames: "Iterator[Shown]") -> Iterator[Mask]:
            with ExitStack() as stack:
                layers = {
                    name: iter(stack.enter_context(open_source(path))) for name, path in self.layers.items()
                }  # fmt: skip
                for frame in frames:
                    pictures: dict[str, Any] = {name: next(layer, None) for name, layer in layers.items()}

                    def found(name: str, pictures: dict[str, Any] = pictures) -> NDArray[np.uint8]:
                        picture = pictures[name]
                        if picture is None:
                            raise UserError("A mask has fewer frames than the video; remove it and mark again.")
                        return np.asarray(picture.rgb[..., 0], np.uint8)

                    yield self.paint(frame.index, frame.info.shown_size, found)

        return draw
