"""What stands still: chained flow drifts, and what is fetched a fraction of a pixel off is blurred and trembles.

Where the camera stands, other frames show in the very same place what is hidden. Whether it does is seen around the
hole, where target and context were both seen: if they look as much alike place by place as along the flow, and if
standing still is within what the flow may be off, hidden places are taken to stand still.
"""

import torch
from torch import Tensor

from rovr.editor.sampling import push_pull, sample

STANDS = 0.5
"""Expected error, in half-size pixels, of flow that was taken to be none."""

UNKNOWN = 8.0
"""Expected error from which flow says nothing: what does not fit it need not stand still therefore."""


def standing(flows: Tensor, target: Tensor, contexts: Tensor) -> Tensor:
    """Flows, none where the target's hidden places seem to stand still.

    Args:
        flows: (N, 3, h, w) from the target to each context, and the expected error.
        target: (N, 2, h, w) luminance of the target, its holes filled, and how well it is known, in [0, 1].
        contexts: (N, 2, h, w) the same of each context.
    """
    hidden = target[:, 1:] < 0.99
    flow, error = flows[:, :2], flows[:, 2:]
    may = hidden & (flow.norm(dim=1, keepdim=True) <= error) & (error < UNKNOWN)
    if not may.any():  # the camera moves: nothing to ask
        return flows
    moved = sample(contexts, flow, padding="zeros")
    seen = torch.stack([x[:, 1:] > 0.99 for x in (target, contexts, moved)]).all(0)
    off = torch.cat([(target[:, :1] - x[:, :1]).abs() for x in (contexts, moved)], 1)
    still, going = push_pull(off, seen.to(off)).split(1, 1)
    rests = torch.cat([torch.zeros_like(flow), error.clamp(max=STANDS)], 1)
    return torch.where(may & (still <= going), rests, flows)
