"""The ``aligned`` editor Γ: bring each context onto the target along completed flow, then fuse what can be trusted.

Flow is chained from neighbour to neighbour (:mod:`rovr.editor.chaining`), and a network
(:mod:`rovr.editor.aligned_net`) refines it and fuses. Before any training it is a hand-made rule already. Frames
larger than the network was trained for are aligned at a working size, and the repair is then put together at full
size from the contexts' own pixels, so that detail is not lost.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from rovr.editor.aligned_net import SHAKY, AlignNet, double
from rovr.editor.alignment import Aligner, FloatArray, Look, follow
from rovr.editor.base import Clip, Prepared
from rovr.editor.chaining import Chain
from rovr.editor.fullsize import FADE, fetch, settle
from rovr.editor.learned import LearnedEditor, LearnedSession
from rovr.editor.linking import Links
from rovr.editor.sampling import halve, push_pull, sample
from rovr.editor.sight import GRID, coarse, seek, within
from rovr.editor.sources import Sources
from rovr.editor.views import Fusion
from rovr.editor.window import Window, around, even, read, read_at, scales, shrink


class AlignedEditor(LearnedEditor):
    """Runs :class:`AlignNet`; see the module's docstring.

    Args:
        net: trained, or fresh: a fresh one is the hand-made rule that training starts from.
        device: where the network runs; flow is always computed on the CPU.
    """

    name = "aligned"
    far_sighted = True

    def __init__(self, net: AlignNet | None = None, device: torch.device | str = "cpu") -> None:
        super().__init__(net or AlignNet(), device)
        self.aligner = Aligner()

    net: AlignNet

    def look(self, small: Tensor) -> Look:
        """A frame at half the working size."""
        tiny = halve(small)[0].cpu().numpy()
        gray = cv2.cvtColor((tiny[:3] * 255).round().astype(np.uint8).transpose(1, 2, 0), cv2.COLOR_RGB2GRAY)
        return Look(np.asarray(gray, np.uint8), tiny[3])

    def flows(self, target: Prepared, contexts: Sequence[Prepared]) -> tuple[Tensor, Tensor]:
        """Each context as if it were the target's neighbour; a session knows more."""
        pairs = [(target.cache.look, context.cache.look) for context in contexts]
        return stack([self.chain(np.ones(2, bool)).flow(0, 1, pair.__getitem__) for pair in pairs])

    def chain(self, holed: NDArray[np.bool_]) -> Chain:
        """Flow along a clip, given which of its frames have holes."""
        return Chain(self.aligner, self.net.motion, holed, self.bf16)

    def session(self, clip: Clip, room: int) -> LearnedSession:
        """A session that chains flow through the frames between target and context."""
        return AlignedSession(self, clip, room)

    def enlarge(
        self, target: Prepared, mask: Tensor, contexts: Sequence[Prepared], window: Window, fusion: Fusion
    ) -> tuple[Tensor, Tensor, Window]:
        """Warp the full-size contexts and weigh them as the network decided."""
        count = len(contexts)
        # Outside the hole the network's word means nothing, and bilinear reading would mix it into the border.
        hole = window.crop(even(shrink(mask[None].to(target.frame))))
        told = push_pull(torch.cat([fusion.weights.flatten(1, 2), fusion.residual, fusion.doubt], 1), hole.square())
        maps, place = read(told, mask, window, margin=FADE)
        # The residual was meant for this filling; one made at full size is another, and costs a decibel.
        base, _ = read(window.crop(target.cache.small[:, :3]), mask, window, margin=FADE)
        flow = enlarged(fusion.flows, mask, window, FADE)
        fetched = torch.cat([fetch(context, one, place) for context, one in zip(contexts, flow, strict=True)])
        known = fetched[:, 3:]
        weights, residual, unsure = maps[0, : count + 1, None], maps[:, count + 1 : -1], maps[:, -1:]
        # Where a full-size pixel turns out unseen although its small neighbourhood was seen, take the filling.
        lost = weights[:count] * (known < 1e-3)
        inside = (weights[:count] - lost) * fusion.gains[0] * fetched[:, :3] / known.clamp(min=1e-3)
        image = inside.sum(0, keepdim=True) + (weights[count:] + lost.sum(0)) * base + residual
        # A full-size pixel may be hidden where its small neighbourhood was seen; what flow may be off is told by that.
        doubt = torch.maximum(unsure, 1 - (weights[:count] * known).sum(0, keepdim=True))
        return settle(image, target, mask, place), doubt, place

    def sources(self, target: Prepared, mask: Tensor, window: Window, fusion: Fusion, error: Tensor) -> Sources:
        """Each context by its weight, as far as its flow can be trusted."""
        sure = 1 / (1 + SHAKY * window.half().crop(error.to(fusion.weights)))
        weights = fusion.weights[0, :-1] * F.interpolate(sure, scale_factor=2.0)
        if target.cache.small.shape[-2:] == target.frame.shape[-2:]:
            return Sources(window, weights, double(fusion.flows[0]))
        maps, place = read(weights.flatten(0, 1)[None], mask, window)
        return Sources(place, maps[0, :, None], enlarged(fusion.flows, mask, window))


class AlignedSession(LearnedSession):
    """Chains flow through the frames between target and context."""

    editor: AlignedEditor

    def __init__(self, editor: AlignedEditor, clip: Clip, room: int) -> None:
        super().__init__(editor, clip, room)
        self.looks: dict[int, Look] = {}
        self.length = len(clip.frames) - len(clip.far)
        self.holed = (clip.doubt[: self.length] > 0).flatten(1).any(1).cpu()
        self.chain = editor.chain(self.holed.numpy())
        self.links = Links(editor.aligner, self.length)
        self.rough: dict[tuple[int, int], Tensor] = {}

    def _look(self, index: int) -> Look:
        # Kept apart from the prepared frames: looks are small, and chains pass through many frames.
        if index not in self.looks:
            self.looks[index] = self.look(index).cache.look
        return self.looks[index]

    def forget(self, index: int) -> None:
        """A frame has changed."""
        super().forget(index)
        self.looks.pop(index, None)

    def step(self, frame: int, way: int) -> Tensor:
        """Flow to the next (1) or previous (−1) frame with its expected error, (3, h, w)."""
        return torch.from_numpy(self.chain.step(frame, way, self._look)).permute(2, 0, 1)

    def sight(self, frame: int, first: int, last: int) -> Tensor:
        """See :meth:`Session.sight`; motion is followed no farther than anybody looks."""
        ahead, behind = within(~self.holed[None, first:last], torch.tensor([frame - first]))[0].sum(1).tolist()
        low, high = frame - behind, frame + ahead
        nobody = torch.zeros(3, GRID, GRID)
        onward = [self._rough(i, 1) if frame <= i < high else nobody for i in range(low, high + 1)]
        homeward = [self._rough(i, -1) if low < i <= frame else nobody for i in range(low, high + 1)]
        steps = torch.stack(onward + homeward).unflatten(0, (2, -1))
        found = torch.zeros(last - first, 2, GRID, GRID)
        found[low - first : high + 1 - first] = seek(
            steps[None],
            self.known(range(low, high + 1))[None],
            ~self.holed[None, low : high + 1],
            torch.tensor([frame - low]),
        )[0]
        return found

    def _rough(self, frame: int, way: int) -> Tensor:
        """A step on the coarse grid, (3, GRID, GRID)."""
        if (frame, way) not in self.rough:
            self.rough[frame, way] = coarse(self.step(frame, way)[None])[0]
        return self.rough[frame, way]

    def flows(self, frame: int, contexts: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Chained flow; see :meth:`AlignedEditor.flows`."""
        return stack([self._flow(frame, c) for c in contexts])

    def motion(self, frame: int, other: int, window: Window) -> Tensor:
        """See :meth:`Session.motion`."""
        flow, _ = self.flows(frame, [other])
        return enlarged_at(flow[None], self.clip.frames, Window(0, 0, flow.shape[-1], flow.shape[-2]), window)[0]

    def _flow(self, frame: int, context: int) -> FloatArray:
        if context not in self.clip.afar(frame):
            return self.chain.flow(frame, context, self._look)
        dock = self.links.dock(frame)
        link = self.links.link(dock, context, self._look)
        if dock == frame:
            return link
        chained = self.chain.flow(frame, dock, self._look)
        return chained + follow(link, chained[..., :2])

    def far_sight(self, frame: int) -> Tensor:
        """See :meth:`Session.far_sight`: along the motion to the nearest dock, and from there on."""
        far = self.clip.afar(frame)
        dock = self.links.dock(frame)
        way, chained = 1 if dock > frame else -1, torch.zeros(1, 3, GRID, GRID)
        for i in range(frame, dock, way):
            chained = chained + sample(self._rough(i, way)[None], chained[:, :2])
        links = torch.stack([self.links.rough(dock, context, self._look) for context in far])
        chained = chained + sample(links, chained[:, :2].expand(len(far), -1, -1, -1))
        seen = sample(self.known(far)[:, None], chained[:, :2], padding="zeros")
        return torch.stack([seen[:, 0], chained[:, 2]], 1)


def enlarged(flows: Tensor, mask: Tensor, window: Window, margin: int = 0) -> Tensor:
    """Flows (1, K, 2, h, w) of a window at half the working size → (K, 2, h', w') at the full size, around the hole."""
    return enlarged_at(flows, mask, window.half(), around(mask[0], margin))


def enlarged_at(flows: Tensor, like: Tensor, window: Window, place: Window) -> Tensor:
    """As :func:`enlarged`, at a full-size window of any place; ``like`` (…, H, W) is as large as the frame."""
    flow = read_at(flows.flatten(1, 2), like, window, place, 2)
    rows, columns = scales(like, 2)
    return flow.view(-1, 2, place.height, place.width) / flow.new_tensor([columns, rows])[:, None, None]


def stack(chained: Sequence[FloatArray]) -> tuple[Tensor, Tensor]:
    """K arrays (h, w, 3) → flows (K, 2, h, w) and expected errors (K, 1, h, w)."""
    both = torch.from_numpy(np.stack(chained)).permute(0, 3, 1, 2)
    return both[:, :2], both[:, 2:]
