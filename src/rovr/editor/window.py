"""Windows, and the size at which frames are aligned: the geometry that learned editors share."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

WORK_SIDE = 288
"""Short side, in pixels, at which larger frames are aligned; training frames have 256."""


@dataclass(frozen=True)
class Window:
    """A rectangle of a frame, in pixels: x and y of its corner, width and height."""

    x: int
    y: int
    width: int
    height: int

    def crop(self, image: Tensor) -> Tensor:
        """(…, H, W) → (…, height, width)."""
        return image[..., self.y : self.y + self.height, self.x : self.x + self.width]

    def half(self) -> "Window":
        """The same place in a frame of half the size."""
        return Window(self.x // 2, self.y // 2, self.width // 2, self.height // 2)


def around(hole: Tensor, margin: int) -> Window:
    """The smallest window with even corner and sides that holds the hole (H, W) bool and a margin, inside the frame."""
    height, width = hole.shape
    ys, xs = (hole.any(1 - axis).nonzero().flatten() for axis in (0, 1))
    top, left = (max(0, int(places[0]) - margin) // 2 * 2 for places in (ys, xs))
    bottom = min(height, int(ys[-1]) + 1 + margin)
    right = min(width, int(xs[-1]) + 1 + margin)
    return Window(left, top, right - left + (right - left) % 2, bottom - top + (bottom - top) % 2)


def alike(holes: Tensor, margin: int) -> list[Window]:
    """Windows of one size around the holes (B, h, w) bool of B frames, none of which is empty; see :func:`around`."""
    height, width = holes.shape[-2:]
    tight = [around(hole, margin) for hole in holes]
    tall = min(height, max(window.height for window in tight))
    wide = min(width, max(window.width for window in tight))
    return [Window(min(window.x, width - wide), min(window.y, height - tall), wide, tall) for window in tight]


def work_size(height: int, width: int) -> tuple[int, int]:
    """Height and width at which a frame is aligned."""
    factor = min(1.0, WORK_SIDE / min(height, width))
    return round(height * factor), round(width * factor)


def scales(mask: Tensor, halved: int = 1) -> tuple[float, float]:
    """Rows and columns of the working size, or half of it, per row and column of the frame."""
    height, width = mask.shape[-2:]
    small = work_size(height, width)
    return small[0] / height / halved, small[1] / width / halved


def shrink(x: Tensor) -> Tensor:
    """Bring (B, C, H, W) to its working size."""
    size = work_size(*x.shape[-2:])
    if size == tuple(x.shape[-2:]):
        return x
    return F.interpolate(x, size=size, mode="bilinear", antialias=True, align_corners=False)


def even(x: Tensor) -> Tensor:
    """Repeat the last row and column where a side is odd."""
    # What is to be exported must not depend on sizes.
    if not torch.compiler.is_exporting() and x.shape[-1] % 2 == x.shape[-2] % 2 == 0:
        return x
    return F.pad(x, (0, x.shape[-1] % 2, 0, x.shape[-2] % 2), mode="replicate")


def fit(x: Tensor, like: Tensor) -> Tensor:
    """Cut off what :func:`even` added."""
    return x[..., : like.shape[-2], : like.shape[-1]]


def read(maps: Tensor, mask: Tensor, window: Window, margin: int = 0) -> tuple[Tensor, Window]:
    """Read maps of a small window at the full-size pixels around the hole.

    Args:
        maps: (1, C, h, w), a window of the working size.
        mask: (1, H, W) bool at full size.
        window: the place of the maps, in their own pixels.
        margin: full-size pixels beside the hole that are wanted too.

    Returns:
        (1, C, h', w') and the full-size window they belong to.
    """
    place = around(mask[0], margin)
    return read_at(maps, mask, window, place), place


def read_at(maps: Tensor, like: Tensor, window: Window, place: Window, halved: int = 1) -> Tensor:
    """As :func:`read`, at a full-size window of any place.

    Args:
        maps: (1, C, h, w), a window of the working size, or of half of it.
        like: (…, H, W), as large as the frame.
        window: the place of the maps, in their own pixels.
        place: the full-size window.
        halved: 2 for maps of half the working size.
    """
    rows, columns = scales(like, halved)
    xs = (torch.arange(place.width, device=maps.device) + place.x + 0.5) * columns - window.x
    ys = (torch.arange(place.height, device=maps.device) + place.y + 0.5) * rows - window.y
    x = (2 * xs / maps.shape[-1] - 1).expand(place.height, -1)
    y = (2 * ys / maps.shape[-2] - 1)[:, None].expand(-1, place.width)
    grid = torch.stack([x, y], -1)[None]
    return F.grid_sample(maps, grid, mode="bilinear", padding_mode="border", align_corners=False)
