"""Filling and warping: the two image operations every editor here is made of."""

import functools

import torch
from torch import Tensor
from torch.nn import functional as F

LARGE = 2**16
"""Pixels from which on a window's places are computed whenever they are needed."""


def halve(x: Tensor) -> Tensor:
    """Mean of each 2 × 2 pixels of (…, H, W) with even sides: ``avg_pool2d``, in a fraction of its time on a CPU."""
    rows = x[..., ::2, :] + x[..., 1::2, :]
    return (rows[..., ::2] + rows[..., 1::2]) / 4


def push_pull(values: Tensor, weight: Tensor) -> Tensor:
    """Spread known values smoothly over unknown places (Gortler et al. 1996, "The Lumigraph").

    Averages what is known into ever smaller pictures until nothing is unknown, then fills from coarse to fine:
    linear in the number of pixels and without any iteration count to choose.

    Args:
        values: (B, C, H, W); ignored where the weight is 0.
        weight: (B, 1, H, W) in [0, 1].

    Returns:
        (B, C, H, W): the values where the weight is 1, their smooth continuation where it is 0. Zero everywhere
        if nothing is known.
    """
    # Values times weight, and the weight, which are averaged alike.
    both = torch.cat([values * weight, weight], 1)
    levels: list[Tensor] = []
    while max(both.shape[-2:]) > 1:
        levels.append(both)
        if both.shape[-1] % 2 or both.shape[-2] % 2:
            both = F.pad(both, (0, both.shape[-1] % 2, 0, both.shape[-2] % 2))
        both = halve(both)
        both = both / both[:, -1:].clamp(min=0.25)  # one seen pixel of four is enough
    filled = both[:, :-1] / both[:, -1:].clamp(min=1e-6)
    for both in reversed(levels):
        up = F.interpolate(filled, size=both.shape[-2:], mode="bilinear", align_corners=False)
        filled = torch.addcmul(both[:, :-1], 1 - both[:, -1:], up)
    return filled


def shrunk_and_filled(values: Tensor, seen: Tensor, side: int) -> Tensor:
    """Bring what is seen to a square of few pixels, and fill the rest there: at full size that would take far longer.

    Args:
        values: (B, C, H, W); ignored where nothing is seen.
        seen: (B, 1, H, W) of 0 and 1.
        side: of the square.

    Returns:
        (B, C, side, side).
    """
    mean, share = (F.adaptive_avg_pool2d(x, side) for x in (values * seen, seen))
    return mean if seen.all() else push_pull(mean / share.clamp(min=1e-6), share)


def sample(image: Tensor, flow: Tensor, origin: Tensor | None = None, padding: str = "border") -> Tensor:
    """Fetch, for every pixel of a window, what ``image`` shows at the place the flow points to.

    Args:
        image: (B, C, H, W).
        flow: (B, 2, h, w), x then y, in pixels of ``image``.
        origin: (B, 2), x then y: where the window's upper left pixel lies in the image; default (0, 0).
        padding: ``border`` repeats the edge, ``zeros`` returns 0 outside.

    Returns:
        (B, C, h, w), bilinear.
    """
    height, width = flow.shape[-2:]
    rows, columns = image.shape[-2:]
    # What is to be exported must not depend on sizes; what is large is not worth its memory.
    if torch.compiler.is_exporting() or height * width > LARGE:
        place, unit = _places(height, width, rows, columns, flow.dtype, flow.device)
    else:
        place, unit = _kept(height, width, rows, columns, flow.dtype, flow.device)
    grid = torch.addcmul(place, flow.movedim(1, -1), unit)
    if origin is not None:
        grid = grid + (origin * unit)[:, None, None]
    return F.grid_sample(image, grid, mode="bilinear", padding_mode=padding, align_corners=False)


def _places(
    height: int, width: int, rows: int, columns: int, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Where a window's pixels lie in an image, from −1 to 1, (height, width, 2), and what a pixel is there, (2,)."""
    # Kept for whoever asks next, who may be training.
    with torch.inference_mode(False):
        x = (2 * torch.arange(width, device=device, dtype=dtype) + 1) / columns - 1
        y = (2 * torch.arange(height, device=device, dtype=dtype) + 1) / rows - 1
        place = torch.stack([x.expand(height, width), y[:, None].expand(height, width)], -1)
        return place, torch.tensor([2 / columns, 2 / rows], device=device, dtype=dtype)


_kept = functools.lru_cache(maxsize=16)(_places)
