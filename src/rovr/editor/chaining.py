"""Flow between distant frames, chained from frame to frame.

Motion between neighbours is small and dense flow finds it well; a chain of such steps stays near the truth over
distances at which a direct comparison has lost it. Each step is completed inside the holes (:mod:`rovr.editor.motion`)
and used by every pair that it lies between, so that the cost of flow grows with the length of the video.
"""

from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rovr.editor.alignment import Aligner, FloatArray, Look, Move, follow
from rovr.editor.motion import Clues, MotionNet, Moves, clues, pictures
from rovr.editor.sampling import push_pull
from rovr.editor.window import alike

CHUNK = 32
"""Frames whose motion is completed at once; half as many where frames are large, since all of them lie in memory."""

SMALL = 2**14
"""Pixels, at half the working size, up to which frames are not large."""

NEAR = 2
"""Frames on either side of a hole that bear witness to the motion inside it."""

AROUND = 6
"""Frames before and after them that are asked too; what happened earlier counts for less than 2 %."""

KEEP = 8
"""Chunks that are kept."""

MEASURED = 0.1
"""Expected error, in pixels, of flow that was measured and not guessed."""

UNCORRECTED = 1.0
"""Expected error, in pixels, of flow that was completed and that the network did not see."""

BESIDE = 12
"""Pixels, at half the working size, that the network sees beside the holes."""

GROUP = 4
"""Frames that the network sees at once."""

LOST = 50.0
"""Expected error beyond which it makes no difference."""


Ask = Callable[[int], Look]
"""What is known of a frame. Asked for and not kept: the one who answers mostly holds the chain, and such a ring of
references would keep a clip's memory long after its repair."""


class Chain:
    """Composes flow along a clip.

    Args:
        aligner: measures each step.
        net: completes it.
        holed: (T,) bool, which frames of the clip have holes. Motion far from any hole is measured when it is asked
            for and not before, so that frames without holes cost little.
        bf16: whether the network computes in bfloat16.
    """

    def __init__(self, aligner: Aligner, net: MotionNet, holed: NDArray[np.bool_], bf16: bool = False) -> None:
        self.aligner, self.net, self.bf16 = aligner, net, bf16
        self.length = len(holed)
        self.near = np.convolve(holed, np.ones(2 * NEAR + 1))[NEAR : NEAR + len(holed)] > 0
        self.moves: OrderedDict[int, tuple[Move, Move]] = OrderedDict()
        self.chunks: OrderedDict[int, dict[int, FloatArray]] = OrderedDict()
        self.size = 0

    def flow(self, target: int, context: int, look: Ask) -> FloatArray:
        """Flow from target to context and its expected error, (h, w, 3) in pixels; errors of the steps add up."""
        way = 1 if context > target else -1
        chained = self.step(target, way, look)
        for index in range(target + way, context, way):
            chained = chained + follow(self.step(index, way, look), chained[..., :2])
        return chained

    def step(self, index: int, way: int, look: Ask) -> FloatArray:
        """Flow from a frame to the next (way 1) or previous (−1) one, and its expected error, (h, w, 3)."""
        self.size = self.size or (CHUNK if look(index).gray.size <= SMALL else CHUNK // 2)
        number = index // self.size
        if number not in self.chunks:
            last = min(self.length, (number + 1) * self.size)
            self.chunks[number] = self._complete(number * self.size, last, look)
            while len(self.chunks) > KEEP:
                self.chunks.popitem(last=False)
        self.chunks.move_to_end(number)
        key = way * (index + 1)
        if key not in self.chunks[number]:
            self.chunks[number][key] = self._spread(index, way, look)
        return self.chunks[number][key]

    @torch.inference_mode()
    def _complete(self, first: int, last: int, look: Ask) -> dict[int, FloatArray]:
        """Steps near holes, from frames first … last − 1; keys are ±(index + 1)."""
        start, end = max(0, first - AROUND), min(self.length, last + AROUND)
        steps: dict[int, FloatArray] = {}
        edges = np.flatnonzero(np.diff(np.pad(self.near[start:end], 1).astype(np.int8))) + start
        for begin, stop in edges.reshape(-1, 2).tolist():
            if stop - begin > 1 and begin < last and stop > first:
                found = self._complete_run(begin, stop, look)
                steps |= {key: step for key, step in found.items() if first < abs(key) <= last}
        return steps

    def _complete_run(self, begin: int, stop: int, look: Ask) -> dict[int, FloatArray]:
        """Steps between frames begin … stop − 1."""
        pairs = [self._measure(i, look) for i in range(begin, stop - 1)]
        looks = [look(i) for i in range(begin, stop)]
        moves = Moves.of_clip(pairs)
        known, gray = pictures(looks)
        told = clues(*moves, known, gray)
        # Motion is unknown inside a frame's own hole, and where it leads into the other frame's.
        hidden = known[:, 0] < 0.99
        ahead, back = hidden.clone(), hidden.clone()
        ahead[:-1] |= hidden[1:]
        back[1:] |= hidden[:-1]
        found = {begin + k + 1: step for k, step in enumerate(self._correct(moves[0], next(told), ahead)[:-1])}
        return found | {-(begin + k + 1): step for k, step in enumerate(self._correct(moves[1], next(told), back)) if k}

    @torch.inference_mode()
    def _spread(self, index: int, way: int, look: Ask) -> FloatArray:
        """A step far from any hole: what was measured, continued smoothly where nothing is sure."""
        move = self._measure(index, look)[0] if way > 0 else self._measure(index - 1, look)[1]
        moves = Moves.stack([move])
        flow = push_pull(moves.flow, moves.trust)
        error = torch.where(moves.trust > 0.5, MEASURED, UNCORRECTED)
        return np.ascontiguousarray(torch.cat([flow, error], 1)[0].permute(1, 2, 0).numpy())

    def _measure(self, index: int, look: Ask) -> tuple[Move, Move]:
        if index not in self.moves:
            self.moves[index] = self.aligner.moves(look(index), look(index + 1))
            while len(self.moves) > CHUNK + 2 * AROUND:
                self.moves.popitem(last=False)
        return self.moves[index]

    def _correct(self, moves: Moves, told: Clues, holes: Tensor) -> list[FloatArray]:
        """Steps (T, h, w, 3), seen by the network around holes (T, h, w) bool alone: elsewhere little is unknown."""
        device = next(self.net.parameters()).device
        guessed = moves.trust < 0.5
        steps = torch.cat([told.flow, torch.where(guessed, UNCORRECTED, MEASURED)], 1)
        damaged = holes.flatten(1).any(1).nonzero().flatten().tolist()
        for start in range(0, len(damaged), GROUP):
            frames = damaged[start : start + GROUP]
            windows = alike(holes[frames], BESIDE)
            with torch.autocast(device.type, torch.bfloat16, enabled=self.bf16):
                correction, doubt = (x.cpu() for x in self.net(told.at(frames, windows).to(device)))
            error = doubt.exp().clamp(max=LOST)
            for k, (i, window) in enumerate(zip(frames, windows, strict=True)):
                old = window.crop(steps[i])
                new = torch.cat([old[:2] + correction[k], error[k]])
                old.copy_(torch.where(window.crop(guessed[i]), new, old))
        return list(steps.permute(0, 2, 3, 1).contiguous().numpy())
