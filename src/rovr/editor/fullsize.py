"""Full-size pixels, touched only where a repair needs them: most of a large frame has nothing to do with its hole."""

import torch
from torch import Tensor
from torch.nn import functional as F

from rovr.editor.base import Prepared, Repair, paste
from rovr.editor.sampling import push_pull, sample
from rovr.editor.sources import INVENTED
from rovr.editor.window import Window, around

MADE_UP = 0.999
"""Doubt from which a pixel counts as never seen, not even by a neighbour."""

BRIM = 64
"""Pixels of surroundings that a hole is filled from smoothly."""

RIM = 2
"""Pixels beside the hole that tell how far a repair is off."""

FADE = 4
"""Pixels on either side of the border over which that is taken off less and less."""


def smooth(target: Prepared, place: Window) -> Tensor:
    """A window of a frame with its holes filled smoothly from the surroundings.

    Args:
        target: the frame.
        place: the window; it may reach a pixel beyond the frame, as even sides sometimes do.

    Returns:
        (1, 3, h, w), the edge repeated beyond the frame.
    """
    height, width = target.frame.shape[-2:]
    left, top = max(0, place.x - BRIM), max(0, place.y - BRIM)
    right = min(width, place.x + place.width + BRIM)
    bottom = min(height, place.y + place.height + BRIM)
    wide = Window(left, top, right - left, bottom - top)
    seen = (wide.crop(target.doubt) < MADE_UP).to(target.frame)
    filled = push_pull(wide.crop(target.frame)[None], seen[None])
    beyond = max(0, place.x + place.width - right), max(0, place.y + place.height - bottom)
    filled = F.pad(filled, (0, beyond[0], 0, beyond[1]), "replicate")
    return Window(place.x - left, place.y - top, place.width, place.height).crop(filled)


def smoothly(target: Prepared, mask: Tensor) -> Repair:
    """Repair a hole (1, H, W) bool from its surroundings alone."""
    frame, place = target.frame.clone(), around(mask[0], 0)
    inside = place.crop(mask)
    filled = smooth(target, place)[0, :, : inside.shape[-2], : inside.shape[-1]]
    place.crop(frame).copy_(paste(place.crop(target.frame), filled, inside))
    return Repair(frame, mask.to(frame), INVENTED)


def settle(image: Tensor, target: Prepared, mask: Tensor, place: Window) -> Tensor:
    """Let a repair meet its surroundings: what it is off just outside the hole is taken off, ever less of it inside.

    Args:
        image: (1, 3, h, w), the repair, continued for FADE pixels beyond the hole.
        target: the frame.
        mask: (1, H, W) bool, the hole.
        place: the window of the image; it may reach a pixel beyond the frame.

    Returns:
        (1, 3, h, w).
    """
    inside = place.crop(mask)[None].to(image)
    height, width = inside.shape[-2:]
    part = image[..., :height, :width]
    known = (place.crop(target.doubt)[None] < MADE_UP) * (1 - inside)
    beside = F.max_pool2d(inside, 2 * RIM + 1, 1, RIM) * known
    off = push_pull((place.crop(target.frame) - part) * beside, beside)
    # Half of the neighbourhood of a pixel at the border lies outside, and less and less farther in.
    outside = F.avg_pool2d(1 - inside, 2 * FADE + 1, 1, FADE, count_include_pad=False)
    settled = image.clone()
    settled[..., :height, :width] += off * (2 * outside).clamp(max=1)
    return settled


def fetch(context: Prepared, flow: Tensor, place: Window) -> Tensor:
    """Colours times visibility, and visibility, that a context shows along a flow.

    Args:
        context: the frame to read; of its pixels only those that the flow points to are touched.
        flow: (2, h, w) from the window to the context, in pixels.
        place: the window.

    Returns:
        (1, 4, h, w), bilinear; 0 beyond the frame.
    """
    spans = []
    for axis, (start, size, limit) in enumerate(
        zip((place.x, place.y), (place.width, place.height), context.frame.shape[:-3:-1], strict=True)
    ):
        along = torch.arange(start, start + size, device=flow.device).view(-1, *[1] * axis)
        ends = (flow[axis] + along).aminmax()
        first = int(ends.min.clamp(0, limit - 1).floor())
        spans += [first, int(ends.max.clamp(first, limit - 1).ceil()) + 1 - first]
    source = Window(spans[0], spans[2], spans[1], spans[3])
    known = 1 - source.crop(context.doubt)
    seen = torch.cat([source.crop(context.frame) * known, known])[None]
    corner = flow.new_tensor([[place.x - source.x, place.y - source.y]])
    return sample(seen, flow[None], corner, padding="zeros")
