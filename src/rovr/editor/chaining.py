"""Flow between distant frames, chained from frame to frame.

Motion between neighbours is small and dense flow finds it well; a chain of such steps stays near the truth over
distances at which a direct comparison has lost it. Each step is found once a video and used by every pair that it
lies between, so that the cost of flow grows with the length of the video.
"""

from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from rovr.editor.alignment import Aligner, Look, Motion, complete, follow

KEEP = 256
"""Steps that are kept; two a frame, so more than any window of a long video asks for."""


class Chain:
    """Composes flow along a clip.

    Args:
        aligner: finds each step.
        look: what is known of a frame, by index.
    """

    def __init__(self, aligner: Aligner, look: Callable[[int], Look]) -> None:
        self.aligner = aligner
        self.look = look
        self.steps: OrderedDict[tuple[int, int], Motion] = OrderedDict()

    def flow(self, target: int, context: int) -> Motion:
        """Flow (h, w, 2) from target to context, and trust (h, w): 1 where every step was trusted."""
        way = 1 if context > target else -1
        flow, trust = self._step(target, target + way)
        for index in range(target + way, context, way):
            step, sure = self._step(index, index + way)
            trust = trust * follow(sure, flow, 0)
            flow = flow + follow(step, flow)
        return flow, trust

    def _step(self, here: int, there: int) -> Motion:
        if (here, there) not in self.steps:
            self._find(here, there)
        self.steps.move_to_end((here, there))
        return self.steps[here, there]

    def _find(self, here: int, there: int) -> None:
        """Both directions at once: finding one checks it against the other anyway."""
        a, b = self.look(here), self.look(there)
        forward, backward, ahead, back = self.aligner.both(a.gray, b.gray)
        for start, goal, pair, flow, agree in (
            (a, b, (here, there), forward, ahead),
            (b, a, (there, here), backward, back),
        ):
            trust = (agree * start.known * (follow(goal.known, flow, 0) > 0.99)).astype(np.float32)
            trust[trust < 0.99] = 0
            self.steps[pair] = complete(flow[None], trust[None])[0], trust
        while len(self.steps) > KEEP:
            self.steps.popitem(last=False)
