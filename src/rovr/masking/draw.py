"""Masks from shapes that a person wrote down, and one mask for all frames."""

from collections.abc import Callable, Iterator

import numpy as np

from rovr.masking.shapes import Shape
from rovr.masking.write import Mask, Masker, Shown
from rovr.video.source import Say

NAMED = 10
"""Shapes that one sentence names at most."""


def drawing(shapes: list[Shape], say: Say = lambda note: None) -> Masker:
    """A masker that draws shapes, see :func:`rovr.masking.shapes.read_shapes`.

    Args:
        shapes: to draw.
        say: told in the end of shapes that lay in no frame, where others did.
    """

    def draw(frames: Iterator[Shown]) -> Iterator[Mask]:
        unseen = dict(enumerate(shapes))
        for frame in frames:
            width, height = frame.info.shown_size
            mask = np.zeros((height, width), np.uint8)
            for number, shape in enumerate(shapes):
                if number not in unseen:
                    shape.paint(mask, frame.index, frame.time)
                elif shape.at(frame.index, frame.time) is not None:
                    alone = np.zeros_like(mask)
                    shape.paint(alone, frame.index, frame.time)
                    mask |= alone
                    if alone.any():
                        del unseen[number]
            yield mask > 0
        if 0 < len(unseen) < len(shapes):
            names = [f"'{shape.name}'" for shape in unseen.values()]
            some = ", ".join([*names[:NAMED], "…"] if len(names) > NAMED else names)
            say(f"Shapes that lie in no frame of the video: {some}. Check their places and times.")

    return draw


def standing(find: Callable[[], Mask]) -> Masker:
    """A masker that gives every frame the same mask (H, W), found once the output is known to be possible."""

    def stand(frames: Iterator[Shown]) -> Iterator[Mask]:
        mask = find()
        yield from (mask for _ in frames)

    return stand
