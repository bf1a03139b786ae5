"""What an editor's network sees and what it decides: the two ends that all learned editors share."""

from dataclasses import dataclass

from torch import Tensor


@dataclass
class Views:
    """A batch of targets with their contexts, as the network sees them.

    h × w is a window of the target around its hole, at half size; the contexts stay whole, so that flow may fetch
    from anywhere in them. K contexts.

    Attributes:
        base: (B, 3, 2h, 2w) target with its hole filled smoothly, in [0, 1].
        mask: (B, 1, 2h, 2w) float, 1 = to fill.
        contexts: (B, K, 3, H, W) in [0, 1], holes filled smoothly.
        known: (B, K, 1, H, W) in [0, 1], 1 = seen by the camera.
        flows: (B, K, 2, h, w) from the window to each context, in half-size pixels.
        error: (B, K, 1, h, w) how many half-size pixels they are expected to be off.
        origin: (B, 2), x then y, even: the window's upper left corner in full-size pixels.
    """

    base: Tensor
    mask: Tensor
    contexts: Tensor
    known: Tensor
    flows: Tensor
    error: Tensor
    origin: Tensor


@dataclass
class Fusion:
    """What the network decides.

    Attributes:
        image: (B, 3, 2h, 2w) repaired window.
        flows: (B, K, 2, h, w) final flow to each context, half-size pixels.
        weights: (B, K + 1, 1, 2h, 2w) share of each context and, last, of the smooth filling; they sum to 1.
        gains: (B, K, 3, 1, 1) what each context was multiplied by to be as bright as the target.
        residual: (B, 3, 2h, 2w) what was added to the weighted sum.
        doubt: (B, 1, 2h, 2w) share that was not surely found in any context.
        consensus: (B, 3, h, w) the half-size estimate before flow is refined, for deep supervision.
    """

    image: Tensor
    flows: Tensor
    weights: Tensor
    gains: Tensor
    residual: Tensor
    doubt: Tensor
    consensus: Tensor
