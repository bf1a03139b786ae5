"""The learned half of the ``aligned`` editor: refine the flow, fuse the contexts, and synthesise the rest.

Two U-Nets at half the editor's size (full-size pixels are folded into channels, which a CPU likes better):

1. *refine* compares each context, warped along its flow, with the consensus of all of them, and corrects its flow;
2. *fuse* encodes each warped context beside the target, merges the encodings by attention over the contexts, and
   decodes softmax weights over {contexts, smooth filling} and a residual for what no context saw.

Every output layer starts at zero, so that an untrained network is a hand-made rule: the mean of what is visible along
the flow, weighed by its inverse expected variance, and smooth filling elsewhere. Training can only add to it. Any
number of contexts K ≥ 1. A third one, :class:`MotionNet`, completes the flow before; its weights travel along.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rovr.editor.levels import gains
from rovr.editor.motion import MotionNet
from rovr.editor.sampling import halve, sample
from rovr.editor.views import Fusion, Views
from rovr.unet import UNet, zero_init

FLOW_UNIT = 16.0
"""Pixels that count as 1 at the networks' inputs."""

BASE_LOGIT = -6.0
"""Weight of the smooth filling before training: where any context saw the place, the contexts win."""

SHAKY = 0.3
"""Error, in half-size pixels, that costs a match little; also how fast trust is lost with error."""


def fold(x: Tensor) -> Tensor:
    """(B, K, …) → (B·K, …)."""
    return x.flatten(0, 1)


def double(flow: Tensor) -> Tensor:
    """Flow of half-size pixels → flow of full-size pixels, on a grid twice as fine."""
    return 2 * F.interpolate(flow, scale_factor=2.0, mode="bilinear", align_corners=False)


class AlignNet(nn.Module):
    """See the module's docstring; ``forward`` takes :class:`Views` and returns :class:`Fusion`."""

    def __init__(
        self,
        refine: tuple[int, ...] = (24, 40, 64),
        fuse: tuple[int, ...] = (40, 64, 96, 128),
    ) -> None:
        super().__init__()
        self.motion = MotionNet()
        self.refine = UNet(14, 3, refine)
        zero_init(self.refine.head)
        self.fuse = UNet(4 * 8 + 1, 0, fuse)
        self.merge = nn.ModuleList(zero_init(nn.Conv2d(width, 1, 1)) for width in fuse)
        self.vote = zero_init(nn.Conv2d(2 * fuse[0], 4, 3, padding=1))
        self.rest = zero_init(nn.Conv2d(fuse[0], 4 + 12, 3, padding=1), [BASE_LOGIT] * 4 + [0.0] * 12)

    def forward(self, views: Views) -> Fusion:
        """Refine and fuse."""
        batch, count = views.contexts.shape[:2]
        origin = (views.origin[:, None].expand(-1, count, -1)).flatten(0, 1).to(views.flows)
        small = torch.cat([halve(views.base) - 0.5, halve(views.mask)], 1)
        # Contexts travel with their visibility as a fourth channel, so that one warp fetches both.
        full = fold(torch.cat([views.contexts * views.known, views.known], 2))
        flow, error = fold(views.flows), fold(views.error)
        score = -2 * torch.log(error + SHAKY)

        seen, known = self._look(halve(full), flow, origin / 2)
        witnesses = (x.unflatten(0, (batch, count)) for x in (seen + 0.5, known, error))
        gain = fold(gains(small[:, :3] + 0.5, small[:, 3:], *witnesses))
        seen = _brightened(seen, gain, known)
        consensus = self._consensus(small, seen, known, score, count)
        flow, score = self._refine(small, consensus, seen, known, flow, score, count)

        seen, known = self._look(full, double(flow), origin)
        seen = _brightened(seen, gain, known)
        image, weights, residual = self._fuse(views, seen, known, score)
        sure = F.interpolate(1 / (1 + SHAKY * error), scale_factor=2.0)
        found = (weights[:, :count] * (known * sure).unflatten(0, (batch, count))).sum(1)
        return Fusion(
            image=image,
            flows=flow.unflatten(0, (batch, count)),
            weights=weights,
            gains=gain.unflatten(0, (batch, count)),
            residual=residual,
            doubt=(1 - found) * views.mask,
            consensus=consensus + 0.5,
        )

    def _look(self, contexts: Tensor, flow: Tensor, origin: Tensor) -> tuple[Tensor, Tensor]:
        """Fetch colours, centred on 0, and visibility along a flow."""
        fetched = sample(contexts, flow, origin, padding="zeros")
        known = fetched[:, 3:]
        return (fetched[:, :3] / known.clamp(min=1e-3) - 0.5) * (known > 1e-3), known

    def _consensus(self, small: Tensor, seen: Tensor, known: Tensor, score: Tensor, count: int) -> Tensor:
        """Mean of the warped contexts, each weighed by visibility and score, over the smooth filling."""
        logits = (score + torch.log(known + 1e-4)).unflatten(0, (-1, count))
        logits = torch.cat([logits, torch.full_like(logits[:, :1], BASE_LOGIT)], 1)
        choices = torch.cat([seen.unflatten(0, (-1, count)), small[:, None, :3]], 1)
        inside = (logits.softmax(1) * choices).sum(1)
        return torch.lerp(small[:, :3], inside, small[:, 3:])

    def _refine(
        self, small: Tensor, consensus: Tensor, seen: Tensor, known: Tensor, flow: Tensor, score: Tensor, count: int
    ) -> tuple[Tensor, Tensor]:
        shared = torch.cat([consensus, small], 1).repeat_interleave(count, 0)
        out = self.refine(_plain(torch.cat([shared, seen, known, score, flow / FLOW_UNIT], 1))).float()
        return flow + 4 * out[:, :2], score + out[:, 2:]

    def _fuse(self, views: Views, seen: Tensor, known: Tensor, score: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        count = views.contexts.shape[1]
        target = torch.cat([views.base - 0.5, views.mask], 1).repeat_interleave(count, 0)
        pairs = F.pixel_unshuffle(torch.cat([target, seen, known], 1), 2)
        scales = self.fuse.encode(_plain(torch.cat([pairs, score], 1)))
        merged = []
        for scale, merge in zip(scales, self.merge, strict=True):
            attention = merge(scale).unflatten(0, (-1, count)).softmax(1)
            # Summed with the channels last, as they lie in memory and the decoder wants them.
            shares = attention.movedim(2, -1) * scale.movedim(1, -1).unflatten(0, (-1, count))
            merged.append(shares.sum(1).movedim(-1, 1))
        decoded = self.fuse.decode(merged)
        # One convolution of both side by side, without laying them there: half of them is the same for all contexts.
        shared, own = self.vote.weight.chunk(2, 1)
        vote = F.conv2d(scales[0], own, self.vote.bias, padding=1).unflatten(0, (-1, count))
        vote = (vote + F.conv2d(decoded, shared, padding=1)[:, None]).flatten(0, 1).float()
        vote = F.pixel_shuffle(vote, 2) + F.interpolate(score, scale_factor=2.0, mode="bilinear", align_corners=False)
        rest = F.pixel_shuffle(self.rest(decoded).float(), 2)
        vote = (vote + torch.log(known + 1e-4)).unflatten(0, (-1, count))
        weights = torch.cat([vote, rest[:, None, :1]], 1).softmax(1)
        choices = torch.cat([(seen + 0.5).unflatten(0, (-1, count)), views.base[:, None]], 1)
        residual = rest[:, 1:]
        image = torch.lerp(views.base, (weights * choices).sum(1) + residual, views.mask)
        return image, weights, residual


def _brightened(seen: Tensor, gain: Tensor, known: Tensor) -> Tensor:
    """Colours centred on 0, times a gain; nothing where nothing was seen."""
    return ((seen + 0.5) * gain - 0.5) * (known > 1e-3)


def _plain(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)
