"""Masks from shapes that a person wrote down, and one mask for all frames."""

from collections.abc import Callable, Iterator

import numpy as np

from rovr.masking.shapes import Shape
from rovr.masking.write import Mask, Masker, Shown


def drawing(shapes: list[Shape]) -> Masker:
    """A masker that draws shapes, see :func:`rovr.masking.shapes.read_shapes`."""

    def draw(frames: Iterator[Shown]) -> Iterator[Mask]:
        for frame in frames:
            width, height = frame.info.shown_size
            mask = np.zeros((height, width), np.uint8)
            for shape in shapes:
                shape.paint(mask, frame.index, frame.time)
            yield mask > 0

    return draw


def standing(find: Callable[[], Mask]) -> Masker:
    """A masker that gives every frame the same mask (H, W), found once the output is known to be possible."""

    def stand(frames: Iterator[Shown]) -> Iterator[Mask]:
        mask = find()
        yield from (mask for _ in frames)

    return stand
