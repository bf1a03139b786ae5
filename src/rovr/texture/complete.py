"""Fill a hole with texture of its surroundings, from coarse to fine."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from rovr.texture.blend import blended
from rovr.texture.patches import REACH, SIDE, Found, Level

LIMIT = 2**16
"""Pixels of the largest picture in which patches are compared; in larger ones pixels are copied in blocks."""

LEAST = 200
"""Patches to copy from that a picture needs."""

TIMES = 3
"""Searches and votes at each size."""

SMALL = 6 * SIDE
"""Shortest side of a picture that is halved again."""


def complete(picture: Tensor, hole: Tensor, source: Tensor, seed: int = 0) -> Tensor | None:
    """Continue a picture's texture into a hole.

    Args:
        picture: (3, h, w) float, with a guess in the hole: what texture there is should look like from afar.
        hole: (h, w) bool.
        source: (h, w) bool, pixels that may be copied.
        seed: of the search.

    Returns:
        (3, h, w), the same outside the hole; None where there is too little to copy.
    """
    factor = max(1, math.ceil(math.sqrt(hole.numel() / LIMIT)))
    # What stands for any missing pixel is missing here: pixels are copied in blocks afterwards.
    level = Level(_mean(picture, factor), _share(hole, factor) > 0, _share(source & ~hole, factor) == 1)
    origin = _completed(level, torch.Generator().manual_seed(seed))
    if origin is None:
        return None
    return blended(picture, hole, _enlarged(hole, origin.view(level.hole.shape), factor))


def _completed(finest: Level, generator: torch.Generator) -> Tensor | None:
    """Fill a picture in place; returns whence each of its pixels is, (h · w), or None where there is too little."""
    if len(finest.sources) < LEAST:
        return None
    levels = [finest]
    while levels[-1].depth > REACH and min(levels[-1].hole.shape) >= SMALL:
        last = levels[-1]
        level = Level(_mean(last.picture, 2), _share(last.hole, 2) > 0.5, _share(last.source, 2) >= 0.5)
        if len(level.sources) < LEAST:
            break
        levels.append(level)
    level = levels.pop()
    start = level.sources[torch.randint(len(level.sources), level.targets.shape, generator=generator)]
    found = _improved(level, start, generator)
    while levels:
        finer = levels.pop()
        start = _carried(level, found, finer, generator)
        level, found = finer, _begun(finer, level, start, generator)
    return level.origins(found)


def _begun(level: Level, coarser: Level, start: Tensor, generator: torch.Generator) -> Found:
    """Go on at a finer size."""
    size = (level.height, level.width)
    above = F.interpolate(coarser.picture[None], size=size, mode="bilinear", align_corners=False)[0]
    level.picture = torch.where(level.hole, above, level.picture)
    patches = level.patches()
    level.vote(Found(start, (patches[level.targets] - patches[start]).square().sum(1)))
    return _improved(level, start, generator)


def _improved(level: Level, start: Tensor, generator: torch.Generator) -> Found:
    """Search and vote by turns; the last search is not voted on."""
    for time in range(TIMES):
        found = level.search(level.patches(), start, generator)
        start = found.places
        if time < TIMES - 1:
            level.vote(found)
    return found


def _carried(coarser: Level, found: Found, level: Level, generator: torch.Generator) -> Tensor:
    """Finds of a coarser size as a start, (N,): where there is none, or it is of no use, one by chance."""
    rows, columns = (level.rows // 2).clamp(max=coarser.height - 1), (level.columns // 2).clamp(max=coarser.width - 1)
    number = coarser.number[rows * coarser.width + columns]
    place = found.places[number.clamp(min=0)]
    down, right = place // coarser.width - rows, place % coarser.width - columns
    near = level.at(level.rows + 2 * down, level.columns + 2 * right)
    fits = (number >= 0) & (near >= 0) & level.usable[near.clamp(min=0)]
    chance = level.sources[torch.randint(len(level.sources), near.shape, generator=generator)]
    return torch.where(fits, near, chance)


def _enlarged(hole: Tensor, origin: Tensor, factor: int) -> Tensor:
    """Whence each pixel of a large picture is, (H · W), as those of a small one are; outside the hole from itself."""
    height, width = hole.shape
    whence = torch.arange(hole.numel())
    rows, columns = hole.nonzero().T
    place = origin[rows // factor, columns // factor]
    down = (place // origin.shape[1] * factor + rows % factor).clamp(max=height - 1)
    right = (place % origin.shape[1] * factor + columns % factor).clamp(max=width - 1)
    whence[rows * width + columns] = down * width + right
    return whence


def _mean(maps: Tensor, factor: int) -> Tensor:
    """(C, h, w) → its mean over squares of ``factor`` pixels a side."""
    if factor == 1:
        return maps
    return F.avg_pool2d(maps[None], factor, ceil_mode=True, count_include_pad=False)[0]


def _share(region: Tensor, factor: int) -> Tensor:
    """How much of each square of ``factor`` pixels a side lies in a region (h, w) bool."""
    return _mean(region[None].float(), factor)[0]
