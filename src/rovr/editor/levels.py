"""Contexts as bright as the target: film flickers, and cameras set exposure and white balance anew all the time.

What is copied from a frame of another brightness shows as a patch. Around the hole target and context were both seen,
and flow says which pixels belong together: the ratio of their sums, channel by channel, is the gain.
"""

import torch
from torch import Tensor

PRIOR = 20.0
"""White pixels that speak for leaving the brightness alone; few witnesses must not decide much."""

LIMIT = 2.0
"""Largest gain, and the inverse of the smallest."""

SEEN = 0.99
"""How well a pixel has to be known to bear witness."""

LIT, FAINT = 0.06, 0.015
"""Brightness beyond which a witness is in one of the two frames at least, and in both: black bars have many pixels, and
these differ by noise alone, or by the picture beside them."""


def gains(base: Tensor, mask: Tensor, seen: Tensor, known: Tensor, error: Tensor) -> Tensor:
    """What to multiply contexts by.

    Args:
        base: (B, 3, h, w) target in [0, 1].
        mask: (B, 1, h, w), above 0 = missing.
        seen: (B, K, 3, h, w) what contexts show of it along flow, in [0, 1].
        known: (B, K, 1, h, w) in [0, 1], how well that is known.
        error: (B, K, 1, h, w) expected error of the flow in pixels.

    Returns:
        (B, K, 3, 1, 1).
    """
    here, there = base.amax(1, keepdim=True)[:, None], seen.amax(2, keepdim=True)
    lit = (torch.minimum(here, there) > FAINT) & (torch.maximum(here, there) > LIT)
    weight = ((mask < 1 - SEEN)[:, None] & (known > SEEN) & lit) / (1 + error).square()
    wanted = (weight * base[:, None]).sum((3, 4), keepdim=True) + PRIOR
    found = (weight * seen).sum((3, 4), keepdim=True) + PRIOR
    return (wanted / found).clamp(1 / LIMIT, LIMIT)
