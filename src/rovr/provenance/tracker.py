"""Follows repairs and keeps, for each, where its pixels come from in the end.

An editor knows what it took from which context. A context may itself have been repaired at that place; then it passes
on whom *it* took the place from, so that shares name frames whose camera saw it, however many repairs lie between.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from rovr.editor.sources import INVENTED, Sources
from rovr.provenance.trace import NOBODY, PARTS, WHOLE, Trace
from rovr.types import Edit

PORTION = 1 << 15
"""Pixels that are worked on at a time; each takes about 2 kB meanwhile."""


class Tracker:
    """Follows the repairs of one clip.

    Args:
        numbers: by which the frames of the clip are named, for instance where they lie in the whole video.
        known: traces of frames that were repaired before.

    Attributes:
        traces: index in the clip → trace, of all repaired frames.
    """

    def __init__(self, numbers: Sequence[int], known: dict[int, Trace] | None = None) -> None:
        self.numbers = numbers
        self.traces: dict[int, Trace] = dict(known or {})

    def turn(self, places: Sequence[int]) -> None:
        """Follow a clip whose time was turned, given where each frame lies now (:meth:`RepairState.turn`)."""
        self.numbers = [self.numbers[i] for i in places]
        self.traces = {places[i]: trace for i, trace in self.traces.items()}

    def record(self, edit: Edit, sources: Sources | None, masks: Tensor) -> None:
        """Follow one repair.

        Args:
            edit: which frame, and whom the editor looked at.
            sources: what it says of that; None where it cannot tell.
            masks: (T, 1, H, W) bool, the holes of the clip.
        """
        size = (masks.shape[-2], masks.shape[-1])
        places = masks[edit.frame, 0].flatten().nonzero().flatten().cpu()
        if sources is None and edit.contexts:
            everything, nothing = torch.ones(len(places)), torch.zeros(len(places))
            names = torch.full((len(places), 1), NOBODY, dtype=torch.int32)
            self.traces[edit.frame] = Trace.settle(size, places, names, nothing[:, None], nothing, everything)
            return
        sources = sources or INVENTED
        contexts = edit.contexts[: len(sources.weights)]
        seen = {c: ~masks[c, 0].flatten().cpu() for c in contexts}
        parts = [self._follow(contexts, sources, seen, some, size) for some in places.split(PORTION)]
        self.traces[edit.frame] = _joined(parts)

    def _follow(
        self, contexts: Sequence[int], sources: Sources, seen: dict[int, Tensor], places: Tensor, size: tuple[int, int]
    ) -> Trace:
        """The trace of some pixels."""
        ys, xs = places // size[1], places % size[1]
        frames, shares = [torch.full((len(places), 1), NOBODY, dtype=torch.int32)], [torch.zeros(len(places), 1)]
        other, unknown = torch.zeros(len(places)), torch.zeros(len(places))
        for k, context in enumerate(contexts):
            at = (ys - sources.place.y).to(sources.weights.device), (xs - sources.place.x).to(sources.weights.device)
            weight = sources.weights[k, 0][at].float().cpu()
            flow = sources.flows[k][:, at[0], at[1]].float().cpu()
            found = self._fetch(context, seen[context], xs + flow[0], ys + flow[1], size)
            frames.append(found[0])
            shares.append(found[1] * weight[:, None])
            other += found[2] * weight
            unknown += found[3] * weight
        return Trace.settle(size, places, torch.cat(frames, 1), torch.cat(shares, 1), other, unknown)

    def _fetch(
        self, context: int, seen: Tensor, x: Tensor, y: Tensor, size: tuple[int, int]
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Whom a context shows at n places, between pixels as pictures are sampled, nobody beyond its border.

        Returns:
            Frames (n, M) and their shares (n, M), shares of other frames (n,) and unknown ones (n,).
        """
        height, width = size
        trace = self.traces.get(context)
        camera, other, unknown = torch.zeros_like(x), torch.zeros_like(x), torch.zeros_like(x)
        frames: list[Tensor] = []
        shares: list[Tensor] = []
        left, top = x.floor(), y.floor()
        for column, across in ((left, 1 - (x - left)), (left + 1, x - left)):
            for row, down in ((top, 1 - (y - top)), (top + 1, y - top)):
                inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
                share = across * down * inside
                place = torch.where(inside, row * width + column, 0).long()
                camera += share * seen[place]
                if trace is None or len(trace.places) == 0:
                    continue
                at = torch.searchsorted(trace.places, place).clamp(max=len(trace.places) - 1)
                share = share * (trace.places[at] == place) / WHOLE
                frames.append(trace.frames[:, at].T)
                shares.append(trace.shares[:, at].T * share[:, None])
                other += trace.other[at] * share
                unknown += trace.unknown[at] * share
        frames.append(torch.full((len(x), 1), self.numbers[context], dtype=torch.int32))
        shares.append(camera[:, None])
        return torch.cat(frames, 1), torch.cat(shares, 1), other, unknown


def _joined(parts: Sequence[Trace]) -> Trace:
    """Traces of different pixels as one."""
    size, names = parts[0].size, ("places", *PARTS)
    return Trace(size, *(torch.cat([getattr(part, name) for part in parts], -1) for name in names))
