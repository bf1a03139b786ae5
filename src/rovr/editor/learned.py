"""What learned editors share: they see a window around the hole at a working size, and repair at full size."""

from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rovr.device import has_bf16
from rovr.editor.alignment import Look
from rovr.editor.base import Clip, Editor, Prepared, Repair, Session, paste
from rovr.editor.fullsize import MADE_UP, smoothly
from rovr.editor.parts import only, windows
from rovr.editor.sampling import push_pull
from rovr.editor.sources import INVENTED, Sources, join
from rovr.editor.views import Fusion, Views
from rovr.editor.window import Window, even, fit, shrink, work_size
from rovr.memory import release
from rovr.types import BLACK, MOSTLY

MARGIN = 16
"""Pixels of surroundings that the network sees beside the hole, at working size."""

WORKS = 64
"""Frames that are kept at working size, some 2 MB each."""


@dataclass(frozen=True)
class Work:
    """What a learned editor keeps of a frame.

    Attributes:
        small: (1, 4, h, w) whole frame at working size (even sides), its holes filled smoothly, and 1 − doubt.
        look: what aligning needs, at half the working size; None for editors that do not align.
    """

    small: Tensor
    look: Look | None


class LearnedEditor(Editor):
    """Runs a network that turns :class:`Views` into a :class:`Fusion`.

    Args:
        net: the network.
        device: where it runs.
        bf16: whether it computes in bfloat16; by default where the device has instructions for it. Flow, warping and
            the final sum stay in full precision.
    """

    def __init__(self, net: nn.Module, device: torch.device | str = "cpu", bf16: bool | None = None) -> None:
        self.device = torch.device(device)
        self.bf16 = has_bf16(self.device) if bf16 is None else bf16
        self.net = net.to(self.device).to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]

    @abstractmethod
    def flows(self, target: Prepared, contexts: Sequence[Prepared]) -> tuple[Tensor, Tensor]:
        """Flows (K, 2, h, w) and their expected errors (K, 1, h, w), of whole frames at half the working size."""

    @abstractmethod
    def enlarge(
        self, target: Prepared, mask: Tensor, contexts: Sequence[Prepared], window: Window, fusion: Fusion
    ) -> tuple[Tensor, Tensor, Window]:
        """Turn what was decided at working size into full-size pixels.

        Returns:
            Image (1, 3, h, w) and doubt (1, 1, h, w) of a full-size window, and that window.
        """

    def sources(self, target: Prepared, mask: Tensor, window: Window, fusion: Fusion, error: Tensor) -> Sources | None:
        """Whom the pixels come from, as far as an editor can tell.

        Args:
            target: the frame to repair.
            mask: (1, H, W) bool at full size.
            window: what the network saw, at working size.
            fusion: what it decided.
            error: (K, 1, h, w) expected errors of the flows, from :meth:`flows`.
        """
        return None

    def session(self, clip: Clip, room: int) -> "LearnedSession":
        """A session that says along which flows a frame would be repaired."""
        return LearnedSession(self, clip, room)

    def look(self, small: Tensor) -> Look | None:
        """What aligning needs to know of a frame (1, 4, h, w) at working size."""
        return None

    def prepare(self, frame: Tensor, doubt: Tensor) -> Prepared:
        """Fill holes smoothly and bring the frame to working size."""
        frame, doubt = frame.to(self.device), doubt.to(self.device)
        height, width = work_size(*frame.shape[-2:])
        # What is kept comes before what is soon let go of, or large frames leave memory full of gaps.
        small = frame.new_empty(1, 4, height + height % 2, width + width % 2)
        self._shrink(frame, doubt, small)
        return Prepared(frame, doubt, Work(small, self.look(small)))

    def _shrink(self, frame: Tensor, doubt: Tensor, small: Tensor) -> None:
        """Write a frame with its holes filled, and how well it is known, at working size."""
        known, seen = shrink(1 - doubt[None]), doubt < MADE_UP
        if seen.all():
            filled = shrink(frame[None])
        else:
            # Spreading what is known costs far less once the frame is small; a pixel then counts as far as it was seen.
            weight = shrink(seen[None].to(frame))
            filled = push_pull(shrink((frame * seen)[None]) / weight.clamp(min=1e-6), weight)
        small.copy_(even(torch.cat([filled, known], 1)))

    def edit(self, target: Prepared, mask: Tensor, contexts: Sequence[Prepared]) -> Repair:
        """Repair the hole; without contexts it is filled smoothly."""
        return self.fuse(target, mask, contexts, self.flows(target, contexts) if contexts else None)

    def fuse(
        self,
        target: Prepared,
        mask: Tensor,
        contexts: Sequence[Prepared],
        flows: tuple[Tensor, Tensor] | None,
        traced: bool = False,
    ) -> Repair:
        """Repair along flows as :meth:`flows` gives them, and say whom the pixels come from if asked to."""
        mask = mask.to(self.device)
        if not mask.any():
            return Repair(target.frame, torch.zeros_like(target.doubt), INVENTED)
        if flows is None:
            return smoothly(target, mask)
        if blank(target):
            target = lent(target, contexts)
        hole = even(shrink(mask[None].to(target.frame)))
        frame, full_doubt = target.frame.clone(), torch.zeros_like(target.doubt)
        around_parts = windows(hole[0, 0] > 0, MARGIN)
        told = []
        for window in around_parts:
            part = mask if len(around_parts) == 1 else only(mask, window)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
                fusion = self.net(self.views(target, hole, contexts, window, flows))
            if target.cache.small.shape[-2:] == target.frame.shape[-2:]:
                image, doubt, place = fusion.image, fusion.doubt, window
            else:
                image, doubt, place = self.enlarge(target, part, contexts, window, fusion)
            inside = place.crop(part)
            place.crop(frame).copy_(paste(place.crop(target.frame), fit(image[0], inside), inside))
            place.crop(full_doubt).copy_((fit(doubt[0], inside) * inside).clamp(0, 1))
            told.append(self.sources(target, part, window, fusion, flows[1]) if traced else None)
        return Repair(frame, full_doubt, join(told))

    def views(
        self,
        target: Prepared,
        hole: Tensor,
        contexts: Sequence[Prepared],
        window: Window,
        flows: tuple[Tensor, Tensor],
    ) -> Views:
        """Gather what the network sees of one window.

        Args:
            target: the frame to repair.
            hole: (1, 1, H, W) float at working size.
            contexts: K frames to look at.
            window: even corner and sides, at working size.
            flows: from :meth:`flows`.
        """
        small = torch.stack([context.cache.small for context in contexts], 1)
        return Views(
            base=window.crop(target.cache.small[:, :3]),
            mask=window.crop(hole),
            contexts=small[:, :, :3],
            known=small[:, :, 3:],
            flows=window.half().crop(flows[0])[None].to(self.device),
            error=window.half().crop(flows[1])[None].to(self.device),
            origin=torch.tensor([[window.x, window.y]], device=self.device),
        )


def blank(target: Prepared) -> bool:
    """Whether a frame is missing but for the black bars of a letterbox, or as a whole."""
    small, known = target.cache.small[:, :3], target.cache.small[:, 3:]
    return bool(known.mean() < MOSTLY and not (known * (small.amax(1, keepdim=True) * 255 > BLACK)).any())


def lent(target: Prepared, contexts: Sequence[Prepared]) -> Prepared:
    """A frame that is :func:`blank`, its smooth filling made from what contexts show in the same places.

    It has no surroundings, and a filling of black would darken the repair as far as the network makes use of it.
    """
    known = torch.stack([context.cache.small[:, 3:] for context in contexts])
    seen = torch.stack([context.cache.small[:, :3] for context in contexts]) * known
    filled = push_pull(seen.sum(0) / known.sum(0).clamp(min=1e-6), known.mean(0))
    own, sure = target.cache.small[:, :3], target.cache.small[:, 3:]
    small = torch.cat([torch.lerp(filled, own, sure), sure], 1)
    return replace(target, cache=replace(target.cache, small=small))


class LearnedSession(Session):
    """A session of a learned editor; one that knows more of the clip than two frames overrides :meth:`flows`."""

    editor: LearnedEditor

    def __init__(self, editor: LearnedEditor, clip: Clip, room: int) -> None:
        super().__init__(editor, clip, room)
        self.works: OrderedDict[int, Work] = OrderedDict()

    def prepare(self, index: int) -> Prepared:
        """Prepare a frame; what the editor made of it is kept longer than its pixels, which are at hand anyway."""
        if index in self.works:
            frame, doubt = (x[index].to(self.editor.device) / 255 for x in (self.clip.frames, self.clip.doubt))
            prepared = Prepared(frame, doubt, self.works[index])
        else:
            prepared = super().prepare(index)
            release(prepared.doubt.numel())
        self.works[index] = prepared.cache
        self.works.move_to_end(index)
        while len(self.works) > max(self.room, WORKS):
            self.works.popitem(last=False)
        return prepared

    def forget(self, index: int) -> None:
        """A frame has changed."""
        super().forget(index)
        self.works.pop(index, None)

    def picture(self, index: int, side: int) -> Tensor:
        """See :meth:`Session.picture`: the one that is repaired, and that agents are shown in training."""
        return F.adaptive_avg_pool2d(self.look(index).cache.small[:, :3], side)

    def flows(self, frame: int, contexts: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Flows from a frame to its contexts; see :meth:`LearnedEditor.flows`."""
        return self.editor.flows(self.look(frame), [self.look(c) for c in contexts])

    def edit(self, frame: int, mask: Tensor, contexts: Sequence[int]) -> Repair:
        """Repair a frame."""
        flows = self.flows(frame, contexts) if contexts else None
        return self.editor.fuse(self.look(frame), mask, [self.look(c) for c in contexts], flows, self.traced)
