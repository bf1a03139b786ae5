"""What an editor says of its own repair: how much it took from each context, and where it fetched that."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rovr.editor.window import Window


@dataclass(frozen=True)
class Sources:
    """Whom the pixels of one repair come from, for K contexts.

    Attributes:
        place: the part of the frame that the maps below cover; the whole hole lies in it.
        weights: (K, 1, h, w) float in [0, 1], what each context would have given had the camera seen all of it; over
            the contexts they sum to at most 1, and what is missing from 1 was made up.
        flows: (K, 2, h, w) float, x then y: how far from each pixel it was fetched, in pixels of the frame.
    """

    place: Window
    weights: Tensor
    flows: Tensor


def join(parts: Sequence[Sources | None]) -> Sources | None:
    """What was said of parts of a hole that lie apart, as one; None unless all say something."""
    told = [part for part in parts if part is not None]
    if len(told) < len(parts) or not told:
        return None
    if len(told) == 1:
        return told[0]
    left, top = (min(getattr(part.place, side) for part in told) for side in ("x", "y"))
    right = max(part.place.x + part.place.width for part in told)
    bottom = max(part.place.y + part.place.height for part in told)
    place = Window(left, top, right - left, bottom - top)
    weights, flows = (
        maps.new_zeros(*maps.shape[:2], place.height, place.width) for maps in (told[0].weights, told[0].flows)
    )
    for part in told:
        within = replace(part.place, x=part.place.x - left, y=part.place.y - top)
        within.crop(weights).copy_(part.weights)
        within.crop(flows).copy_(part.flows)
    return Sources(place, weights, flows)


INVENTED = Sources(Window(0, 0, 0, 0), torch.zeros(0, 1, 0, 0), torch.zeros(0, 2, 0, 0))
"""Of a repair that took nothing from anybody."""
