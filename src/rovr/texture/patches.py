"""Patches of a picture: where a hole's patches look most like others, and what these make of the hole.

Nearest patches are searched as by Barnes et al. 2009 ("PatchMatch", SIGGRAPH), all targets at once: good finds are
handed on to neighbours, and improved by chance from far to near. What a pixel becomes is a vote of the patches that
overlap it, as by Wexler et al. 2007 ("Space-Time Completion of Video", PAMI).
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

REACH = 2
"""Pixels of a patch on either side of its centre."""

SIDE = 2 * REACH + 1
"""Side of a patch."""

INWARD = 2.5
"""By how much a patch's word counts less for every pixel that its centre lies deeper in the hole."""

EXACT = 2**22
"""Pairs of patches up to which all are compared."""

ROUNDS = 2
"""Times that finds are handed on and improved."""

STEPS = (1, 2, 4)
"""Pixels over which finds are handed on."""

CHUNK = 4096
"""Patches that are compared with all others at once."""


@dataclass(frozen=True)
class Found:
    """The patches that those of a hole look most like.

    Attributes:
        places: (N,) long, their centres.
        apart: (N,) sum of squared differences.
    """

    places: Tensor
    apart: Tensor


class Level:
    """A picture of one size with a hole.

    Args:
        picture: (3, h, w) float; what it holds in the hole is improved.
        hole: (h, w) bool.
        source: (h, w) bool, pixels that may be copied.

    Attributes:
        rows, columns: (N,) long, those of the targets.
        targets: (N,) long, centres of the patches that touch the hole.
        number: (h · w) long, which target a pixel is; −1 for none.
        usable: (h · w) bool, centres of patches that may be copied as a whole.
        sources: (M,) long, those.
        depth: how deep in the hole its deepest pixel lies.
        sure: (N,) how much the word of each target's patch counts.
    """

    def __init__(self, picture: Tensor, hole: Tensor, source: Tensor) -> None:
        self.picture, self.hole, self.source = picture, hole, source
        self.height, self.width = hole.shape
        self.targets = _grown(hole).flatten().nonzero().flatten()
        self.rows, self.columns = self.targets // self.width, self.targets % self.width
        self.number = torch.full((hole.numel(),), -1, dtype=torch.long)
        self.number[self.targets] = torch.arange(len(self.targets))
        inside = torch.zeros_like(hole)
        inside[REACH : self.height - REACH, REACH : self.width - REACH] = True
        self.usable = (inside & ~_grown(~source | hole)).flatten()
        self.sources = self.usable.nonzero().flatten()
        deep = cv2.distanceTransform(np.pad(hole.numpy().astype(np.uint8), 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
        self.depth = float(deep.max())
        self.sure = torch.from_numpy(INWARD**-deep).flatten()[self.targets].float()

    def patches(self) -> Tensor:
        """Every pixel's patch, (h · w, 3 · SIDE²)."""
        return F.unfold(F.pad(self.picture[None], (REACH,) * 4, mode="reflect"), SIDE)[0].T.contiguous()

    def search(self, patches: Tensor, start: Tensor, generator: torch.Generator) -> Found:
        """Find the patch that each target looks most like.

        Args:
            patches: by :meth:`patches`.
            start: (N,) long, centres to begin with.
            generator: source of chance.
        """
        wanted = patches[self.targets]
        if len(self.targets) * len(self.sources) <= EXACT:
            return self._compared(patches, wanted)
        found = Found(start.clone(), (wanted - patches[start]).square().sum(1))
        for _ in range(ROUNDS):
            for step in STEPS:
                for down, right in ((0, step), (0, -step), (step, 0), (-step, 0)):
                    self._try(patches, wanted, found, self._handed(found.places, down, right))
            reach = max(self.height, self.width) / 2
            while reach >= 1:
                off = ((torch.rand(2, len(wanted), generator=generator) * 2 - 1) * reach).round().long()
                near = self.at(found.places // self.width + off[0], found.places % self.width + off[1])
                self._try(patches, wanted, found, near)
                reach /= 2
        return found

    def _compared(self, patches: Tensor, wanted: Tensor) -> Found:
        """Compare each target with every source."""
        sources = patches[self.sources]
        power = sources.square().sum(1)
        best = [(power - 2 * some @ sources.T).min(1) for some in wanted.split(CHUNK)]
        apart = torch.cat([least.values for least in best]) + wanted.square().sum(1)
        return Found(self.sources[torch.cat([least.indices for least in best])], apart.clamp(min=0))

    def _handed(self, places: Tensor, down: int, right: int) -> Tensor:
        """What the targets so far off suggest, (N,); −1 where none is there."""
        other = self.at(self.rows + down, self.columns + right)
        number = torch.where(other < 0, -1, self.number[other.clamp(min=0)])
        place = places[number.clamp(min=0)]
        near = self.at(place // self.width - down, place % self.width - right)
        return torch.where(number < 0, -1, near)

    def at(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Numbers of places; −1 outside the picture."""
        inside = (rows >= 0) & (rows < self.height) & (columns >= 0) & (columns < self.width)
        return torch.where(inside, rows * self.width + columns, -1)

    def _try(self, patches: Tensor, wanted: Tensor, found: Found, places: Tensor) -> None:
        """Take those of the suggested places that are better."""
        worth = ((places >= 0) & self.usable[places.clamp(min=0)] & (places != found.places)).nonzero().flatten()
        apart = (wanted[worth] - patches[places[worth]]).square().sum(1)
        better = apart < found.apart[worth]
        chosen = worth[better]
        found.places[chosen], found.apart[chosen] = places[chosen], apart[better]

    def vote(self, found: Found) -> None:
        """Make every pixel of the hole the weighted mean of what the patches over it say."""
        spread = 2 * torch.quantile(found.apart, 0.75).clamp(min=1e-6)
        weight = torch.exp(-found.apart / spread) * self.sure
        picture = self.picture.flatten(1)
        total = torch.zeros(4, self.hole.numel())
        for chosen, places, offset in self._overlaps:
            share, origins = weight[chosen], found.places[chosen] + offset
            total[:, places] += torch.cat([picture[:, origins] * share, share[None]])
        voted = total[:3] / total[3:].clamp(min=1e-12)
        self.picture = torch.where(self.hole.flatten(), voted, picture).view_as(self.picture)

    def origins(self, found: Found) -> Tensor:
        """Whence each pixel is, (h · w) long: of the hole as the best patch over it says, else itself."""
        origin = torch.arange(self.hole.numel())
        least = torch.full((self.hole.numel(),), torch.inf)
        for chosen, places, offset in self._overlaps:
            better = found.apart[chosen] < least[places]
            chosen, places = chosen[better], places[better]
            least[places], origin[places] = found.apart[chosen], found.places[chosen] + offset
        return origin

    @cached_property
    def _overlaps(self) -> list[tuple[Tensor, Tensor, int]]:
        """For each offset within a patch: targets that reach the hole by it, the pixels there, and the offset."""
        hole, offsets = self.hole.flatten(), range(-REACH, REACH + 1)
        overlaps = []
        for down, right in product(offsets, offsets):
            places = self.at(self.rows + down, self.columns + right)
            chosen = ((places >= 0) & hole[places.clamp(min=0)]).nonzero().flatten()
            overlaps.append((chosen, places[chosen], down * self.width + right))
        return overlaps


def _grown(region: Tensor) -> Tensor:
    """Pixels whose patch touches the region, (h, w) bool."""
    return F.max_pool2d(region[None, None].float(), SIDE, 1, REACH)[0, 0] > 0
