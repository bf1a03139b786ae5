"""The course on motion: flow between neighbours inside the holes, taught by the flow of the undamaged frames."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from rovr.data.cases import make_case
from rovr.editor.aligned import AlignedEditor
from rovr.editor.alignment import Aligner, Look
from rovr.editor.learned import LearnedEditor
from rovr.editor.motion import CHANNELS, Moves, clues, pictures
from rovr.editor.training.config import TrainConfig
from rovr.editor.training.course import Course
from rovr.editor.training.ranks import ALONE, Ranks
from rovr.editor.training.samples import Arrays, Fields
from rovr.editor.window import Window
from rovr.mdp.state import RepairState
from rovr.perceptual import PerceptualLoss

SMALL = 0.02
"""Pixels below which an error hardly counts. Chains add up a dozen steps, so what each is off by has to be small."""


class Moving(Course):
    """See the module's docstring.

    A sample is one step: ``clues`` (C, h, w); ``correction`` (2, h, w), what is to be added to the completed flow; and
    ``weight`` (1, h, w), which is large where the motion had to be guessed and 0 where the teacher is not sure.
    """

    def fields(self, config: TrainConfig) -> Fields:
        """What a sample holds."""
        half = config.size // 2
        return {
            "clues": ((CHANNELS, half, half), "float16"),
            "correction": ((2, half, half), "float16"),
            "weight": ((1, half, half), "float16"),
        }

    def samples(self, editor: LearnedEditor, truth: Tensor, seed: int, config: TrainConfig) -> Iterator[Arrays]:
        """Both directions of every step that starts in a damaged frame, in random order."""
        assert isinstance(editor, AlignedEditor)
        chance = np.random.default_rng(seed)
        case = make_case(truth, config.draw_damage(chance), int(chance.integers(2**31)))
        whole, holed = (
            _moves(editor, RepairState.begin(frames, holes))
            for frames, holes in ((case.truth, torch.zeros_like(case.masks)), (case.frames, case.masks))
        )
        looks, ahead, back = holed
        known, gray = pictures(looks)
        taught = []
        frame = Window(0, 0, known.shape[-1], known.shape[-2])
        for moves, true, told in zip((ahead, back), whole[1:], clues(ahead, back, known, gray), strict=True):
            sure = true.trust * (0.05 + (moves.trust < 0.5) * (1.2 - known))
            gap = true.flow - told.flow
            damaged = [i for i in range(len(truth)) if case.masks[i].any() and sure[i].any()]
            taught += [(told.at([i], [frame])[0], gap[i], sure[i]) for i in damaged]
        for k in chance.permutation(len(taught)):
            yield dict(zip(("clues", "correction", "weight"), (t.numpy() for t in taught[k]), strict=True))

    def taught(self, net: nn.Module) -> nn.Module:
        """What completes motion."""
        return net.get_submodule("motion")

    def terms(
        self, net: nn.Module, batch: dict[str, Tensor], perceptual: PerceptualLoss | None, ranks: Ranks = ALONE
    ) -> dict[str, Tensor]:
        """``motion``: negative log-likelihood of an exponential distribution of errors; ``flow``: mean error, pixels.

        The first makes the network say how far off it is; it also keeps what cannot be known from ruling the rest.
        """
        correction, doubt = self.taught(net)(batch["clues"])
        weight = batch["weight"] / ranks.total(batch["weight"].sum()).clamp(min=1)
        gap = ((correction - batch["correction"]).square().sum(1, keepdim=True) + SMALL**2).sqrt()
        before = (batch["correction"].square().sum(1, keepdim=True) + SMALL**2).sqrt()
        return {
            "motion": ((gap * torch.exp(-doubt) + doubt) * weight).sum(),
            "flow": (gap.clamp(max=20) * weight).sum(),
            "untaught_flow": (before.clamp(max=20) * weight).sum(),
        }

    def weights(self, config: TrainConfig, perceptual: float) -> dict[str, float]:
        """Likelihood first."""
        return {"motion": 1.0, "flow": 0.1}

    def picture(self, net: nn.Module, batch: dict[str, Tensor], path: Path) -> None:
        """Nothing: motion is hard to see."""


def _moves(editor: AlignedEditor, clip: RepairState) -> tuple[list[Look], Moves, Moves]:
    """Looks, and measured motion ahead and back."""
    session = editor.session(clip, 2)
    looks = [session.look(i).cache.look for i in range(clip.length)]
    aligner = Aligner()
    ahead, back = Moves.of_clip([aligner.moves(a, b) for a, b in pairwise(looks)])
    return looks, ahead, back
