"""Motion inside the holes: flow from each frame to its neighbours, completed from what other moments saw of it.

Between neighbours motion is small and dense flow measures it well where both were seen. Inside a hole it has to be
guessed, and there an error of a pixel spoils the picture copied along it; nothing in a repair is worth as many decibels
as the true motion would be (results/motion.json). What is hidden now was mostly seen a little before or after, moving
much the same way. So: the camera's motion (a homography) is taken off, what remains is carried along time from the
frames that saw it, spread over the rest (push-pull), and a U-Net corrects the outcome and says how far it may be off.
Before training its correction is zero.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rovr.editor.alignment import Look, Move
from rovr.editor.sampling import push_pull, sample
from rovr.editor.window import Window, even
from rovr.unet import UNet, zero_init

FADE = 0.5
"""What a frame's motion still counts for one frame later."""

PASSES = 2
"""Times that motion is carried through time; the second pass follows what the first one found."""

UNIT = 4.0
"""Pixels of residual motion that count as 1 for the network."""

CHANNELS = 18
"""Channels of :class:`Clues`."""


@dataclass(frozen=True)
class Moves:
    """Measured flow from each of T frames to the next (or the previous) one; see :class:`Move`.

    Attributes:
        flow: (T, 2, h, w).
        trust: (T, 1, h, w); 0 for the last (or first) frame, which has none.
        camera: (T, 2, h, w).
    """

    flow: Tensor
    trust: Tensor
    camera: Tensor

    @classmethod
    def stack(cls, moves: Sequence[Move]) -> "Moves":
        """Lay the moves of a clip side by side."""
        flow, camera = (
            torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).contiguous()
            for arrays in ([m.flow for m in moves], [m.camera for m in moves])
        )
        return cls(flow, torch.from_numpy(np.stack([m.trust for m in moves]))[:, None], camera)

    @classmethod
    def of_clip(cls, pairs: Sequence[tuple[Move, Move]]) -> tuple["Moves", "Moves"]:
        """Motion ahead and back of T frames, from that between each two neighbours, there and back (T − 1 pairs)."""
        none = Move.none(*pairs[0][0].trust.shape)
        return cls.stack([pair[0] for pair in pairs] + [none]), cls.stack([none] + [pair[1] for pair in pairs])

    def reversed(self) -> "Moves":
        """The same with time running backwards."""
        return Moves(self.flow.flip(0), self.trust.flip(0), self.camera.flip(0))


class MotionNet(nn.Module):
    """Corrects completed flow; see the module's docstring.

    Args:
        widths: of the U-Net, which works at half the size of the flow.
    """

    def __init__(self, widths: tuple[int, ...] = (48, 64, 96, 128)) -> None:
        super().__init__()
        self.unet = UNet(4 * CHANNELS, 3, widths)
        zero_init(self.unet.head)

    def forward(self, clues: Tensor) -> tuple[Tensor, Tensor]:
        """(B, CHANNELS, h, w) → correction (B, 2, h, w) in pixels and log of its expected error (B, 1, h, w)."""
        height, width = clues.shape[-2:]
        folded = F.pixel_unshuffle(even(clues), 2).contiguous(memory_format=torch.channels_last)
        out = F.interpolate(self.unet(folded).float(), scale_factor=2.0, mode="bilinear", align_corners=False)
        return UNIT * out[:, :2, :height, :width], out[:, 2:, :height, :width]


def pictures(looks: Sequence[Look]) -> tuple[Tensor, Tensor]:
    """What was seen, and luminance, of T frames: (T, 1, h, w) twice, in [0, 1]."""
    known, gray = (np.stack([getattr(look, name) for look in looks])[:, None] for name in ("known", "gray"))
    return torch.from_numpy(known), torch.from_numpy(gray) / 255


@dataclass(frozen=True)
class Clues:
    """What speaks for the motion from each of T frames to a neighbour, as :class:`MotionNet` wants it.

    Attributes:
        flow: (T, 2, h, w), the completed motion that the network corrects.
        parts: maps (T, …, h, w) with CHANNELS channels in all. They are laid side by side where they are wanted and no
            sooner, for all together are hundreds of megabytes where frames are large.
        turned: whether the parts are in the order of time running backwards.
    """

    flow: Tensor
    parts: tuple[Tensor, ...]
    turned: bool

    def at(self, frames: Sequence[int], windows: Sequence[Window]) -> Tensor:
        """Clues (B, CHANNELS, h', w') for B frames, each in a window of the same size."""
        places = [len(self.flow) - 1 - i if self.turned else i for i in frames]
        laid = [
            torch.cat([window.crop(part[i]) for part in self.parts]) for i, window in zip(places, windows, strict=True)
        ]
        sums, rest = torch.stack(laid).split([4 * 3, CHANNELS - 4 * 3], 1)
        sums = sums.unflatten(1, (4, 3))
        weight = sums[:, :, 2:]
        motions = torch.cat([sums[:, :, :2] / weight.clamp(min=1e-6) / UNIT, weight / 4], 2).flatten(1, 2)
        base, camera, known, gray = rest.split([2, 2, 1, 1], 1)
        return torch.cat([motions, base / UNIT, camera / (4 * UNIT), known, gray - 0.5], 1)


def clues(ahead: Moves, back: Moves, known: Tensor, gray: Tensor) -> Iterator[Clues]:
    """What speaks for the motion from each frame to the next, and to the previous one.

    Args:
        ahead: flow to the next frame.
        back: flow to the previous one.
        known: (T, 1, h, w) in [0, 1], 1 = seen by the camera.
        gray: (T, 1, h, w) in [0, 1], holes filled.

    Yields:
        Twice, ahead and back. One after the other, since each takes much memory where frames are large.
    """
    turned = back.reversed(), ahead.reversed()
    # What is remembered moves with the camera at first, and then along the flow that was so completed.
    roads = ahead.camera, back.camera
    for _ in range(PASSES - 1):
        onward = _Told.gather(ahead, back, *roads).flow(ahead)
        homeward = _Told.gather(*turned, roads[1].flip(0), roads[0].flip(0)).flow(turned[0])
        roads = onward, homeward.flip(0)
    told = _Told.gather(ahead, back, *roads)
    yield Clues(told.flow(ahead), told.parts(ahead, known, gray), turned=False)
    told = _Told.gather(*turned, roads[1].flip(0), roads[0].flip(0))
    yield Clues(told.flow(turned[0]).flip(0), told.parts(turned[0], known.flip(0), gray.flip(0)), turned=True)


@dataclass
class _Told:
    """What other moments tell of the motion ahead; each (T, 3, h, w), motion times weight, and weight.

    Attributes:
        seen: measured here.
        past: remembered from earlier frames.
        future: the same with time reversed.
        told: all that was not measured ahead.
        base: (T, 2, h, w) the outcome, without the camera's share.
    """

    seen: Tensor
    past: Tensor
    future: Tensor
    told: Tensor
    base: Tensor

    @classmethod
    def gather(cls, ahead: Moves, back: Moves, road: Tensor, road_back: Tensor) -> "_Told":
        seen = ahead.trust * (ahead.flow - ahead.camera)
        # What moves evenly comes from where it will not go: the way back, turned round, is as good a witness.
        other = torch.cat([back.trust * (back.camera - back.flow), back.trust], 1)
        witness = torch.cat([seen, ahead.trust], 1) + (1 - ahead.trust) * other
        past, future = _remember(witness, road_back, road)
        told = other + past + future
        values = torch.where(ahead.trust > 0.5, seen, told[:, :2] / told[:, 2:].clamp(min=1e-6))
        weight = torch.where(ahead.trust > 0.5, 1.0, 0.999 * told[:, 2:].clamp(max=1))
        return cls(torch.cat([seen, ahead.trust], 1), past, future, told, push_pull(values, weight))

    def flow(self, ahead: Moves) -> Tensor:
        """The completed flow, (T, 2, h, w)."""
        return torch.where(ahead.trust > 0.5, ahead.flow, self.base + ahead.camera)

    def parts(self, ahead: Moves, known: Tensor, gray: Tensor) -> tuple[Tensor, ...]:
        """See :class:`Clues`."""
        return self.seen, self.past, self.future, self.told, self.base, ahead.camera, known, gray


def _remember(witness: Tensor, road_back: Tensor, road: Tensor) -> tuple[Tensor, Tensor]:
    """Let each frame know what frames before and after it witnessed, moved along and fading.

    Args:
        witness: (T, 3, h, w), motion times weight, and weight.
        road_back: (T, 2, h, w), flow of each frame to the one before.
        road: (T, 2, h, w), to the one after.

    Returns:
        Past and future, (T, 3, h, w) each.
    """
    past, future = torch.zeros_like(witness), torch.zeros_like(witness)
    for i in range(1, len(witness)):
        j = len(witness) - 1 - i
        known = torch.stack([past[i - 1] + witness[i - 1], future[j + 1] + witness[j + 1]])
        past[i], future[j] = sample(FADE * known, torch.stack([road_back[i], road[j]]), padding="zeros")
    return past, future
