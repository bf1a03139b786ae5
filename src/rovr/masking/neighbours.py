"""Each frame of a video beside those around it."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rovr.errors import UserError

T = TypeVar("T")


def with_neighbours(frames: Iterable[T]) -> Iterator[tuple[T, T, T]]:
    """Each frame, the one before and the one behind it, reading up to two frames ahead.

    The first has no frame before it and comes with two behind it; the last one likewise.

    Raises:
        UserError: fewer than three frames.
    """
    window: deque[T] = deque(maxlen=3)
    for number, frame in enumerate(frames):
        window.append(frame)
        if number == 2:
            yield window[0], window[1], window[2]
        if number >= 2:
            yield window[1], window[0], window[2]
    if len(window) < 3:
        raise UserError("Damage is told by the frames around it; give a video of at least 3 frames.")
    yield window[2], window[1], window[0]
