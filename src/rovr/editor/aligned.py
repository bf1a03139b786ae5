"""The ``aligned`` editor Γ: bring each context onto the target along completed flow, then fuse what is trusted.

Classical candidates (:mod:`rovr.editor.alignment`) make it work before any training, and a network
(:mod:`rovr.editor.aligned_net`) weighs and refines them. Frames larger than the network was trained for are aligned
at a working size, and the repair is then put together at full size from the contexts' own pixels, so that detail is
not lost.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from rovr.editor.aligned_net import AlignNet
from rovr.editor.alignment import Aligner, Look, Motion, look
from rovr.editor.base import Fetch, Prepared
from rovr.editor.chaining import Chain
from rovr.editor.learned import LearnedEditor, LearnedSession
from rovr.editor.sampling import sample
from rovr.editor.views import Fusion
from rovr.editor.window import Window, read, scales


class AlignedEditor(LearnedEditor):
    """Runs :class:`AlignNet`; see the module's docstring.

    Args:
        net: trained, or fresh: a fresh one is the hand-made rule that training starts from.
        device: where the network runs; flow is always computed on the CPU.
    """

    name = "aligned"

    def __init__(self, net: AlignNet | None = None, device: torch.device | str = "cpu") -> None:
        super().__init__(net or AlignNet(), device)
        self.aligner = Aligner()

    def look(self, small: Tensor) -> Look:
        """Key points at half the working size."""
        tiny = F.avg_pool2d(small, 2)[0].cpu().numpy()
        gray = cv2.cvtColor((tiny[:3] * 255).round().astype(np.uint8).transpose(1, 2, 0), cv2.COLOR_RGB2GRAY)
        return look(np.asarray(gray, np.uint8), tiny[3])

    def flows(
        self, target: Prepared, contexts: Sequence[Prepared], chains: Sequence[Motion] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Direct flow, flow via a plane, and chained flow; the direct one twice where no chain is known."""
        flows, trusts = [], []
        for k, context in enumerate(contexts):
            flow, trust = self.aligner.candidates(target.cache.look, context.cache.look)
            chain = (flow[0], trust[0]) if chains is None else chains[k]
            flows.append(np.concatenate([flow, chain[0][None]]))
            trusts.append(np.concatenate([trust, chain[1][None]]))
        stacked = torch.from_numpy(np.stack(flows)).permute(0, 1, 4, 2, 3)
        return stacked, torch.from_numpy(np.stack(trusts))[:, :, None]

    def session(self, fetch: Fetch, room: int) -> LearnedSession:
        """A session that chains flow through the frames between target and context."""
        return AlignedSession(self, fetch, room)

    def enlarge(
        self, target: Prepared, mask: Tensor, contexts: Sequence[Prepared], window: Window, fusion: Fusion
    ) -> tuple[Tensor, Tensor, Window]:
        """Warp the full-size contexts and weigh them as the network decided."""
        count = len(contexts)
        maps, place = read(torch.cat([fusion.weights.flatten(1, 2), fusion.residual], 1), mask, window)
        flow, _ = read(fusion.flows.flatten(1, 2), mask, window.half(), 2)
        rows, columns = scales(mask, 2)
        flow = flow.view(count, 2, place.height, place.width) / flow.new_tensor([columns, rows])[:, None, None]
        sources = torch.cat([torch.cat([c.cache.filled * c.cache.known, c.cache.known], 1) for c in contexts])
        corner = flow.new_tensor([[place.x, place.y]]).expand(count, -1)
        fetched = sample(sources, flow, corner, padding="zeros")
        known = fetched[:, 3:]
        weights, residual = maps[0, : count + 1, None], maps[:, count + 1 :]
        # Where a full-size pixel turns out unseen although its small neighbourhood was seen, take the filling.
        lost = weights[:count] * (known < 1e-3)
        base = place.crop(target.cache.filled)
        inside = (weights[:count] - lost) * fetched[:, :3] / known.clamp(min=1e-3)
        image = inside.sum(0, keepdim=True) + (weights[count:] + lost.sum(0)) * base + residual
        return image, 1 - (weights[:count] * known).sum(0, keepdim=True), place


class AlignedSession(LearnedSession):
    """Keeps the flow between neighbours, from which flow to any context is chained."""

    editor: AlignedEditor

    def __init__(self, editor: AlignedEditor, fetch: Fetch, room: int) -> None:
        super().__init__(editor, fetch, room)
        self.looks: dict[int, Look] = {}
        self.chain = Chain(editor.aligner, self._look)

    def _look(self, index: int) -> Look:
        # Kept apart from the prepared frames: looks are small, and chains pass through many frames.
        if index not in self.looks:
            self.looks[index] = self.look(index).cache.look
        return self.looks[index]

    def forget(self, index: int) -> None:
        """A frame has changed."""
        super().forget(index)
        self.looks.pop(index, None)

    def flows(self, frame: int, contexts: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Candidate flows of a frame; see :meth:`AlignedEditor.flows`."""
        chains = [self.chain.flow(frame, c) for c in contexts]
        return self.editor.flows(self.look(frame), [self.look(c) for c in contexts], chains)
