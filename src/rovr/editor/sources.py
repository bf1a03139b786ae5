"""What an editor says of its own repair: how much it took from each context, and where it fetched that."""

from dataclasses import dataclass

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


INVENTED = Sources(Window(0, 0, 0, 0), torch.zeros(0, 1, 0, 0), torch.zeros(0, 2, 0, 0))
"""Of a repair that took nothing from anybody."""
