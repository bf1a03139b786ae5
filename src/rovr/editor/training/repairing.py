"""The course on repair: single edits taken from whole repairs by the editor as it stands.

Rules for the order and the contexts are drawn at random, near and far, so that the editor becomes competent for
whatever a policy will choose. A sample is what it meets in use: contexts at any offset, some untouched, some repaired
by an earlier edit of its own.
"""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from rovr.data.cases import make_case
from rovr.editor.alignment import Aligner
from rovr.editor.base import Session
from rovr.editor.learned import LearnedEditor
from rovr.editor.training.config import TrainConfig
from rovr.editor.training.course import Course
from rovr.editor.training.losses import repair_losses
from rovr.editor.training.ranks import ALONE, Ranks
from rovr.editor.training.samples import Arrays, Fields
from rovr.editor.views import Views
from rovr.editor.window import Window
from rovr.mdp.state import RepairState
from rovr.perceptual import PerceptualLoss
from rovr.select import load_selector
from rovr.types import Edit


class Repairing(Course):
    """See the module's docstring.

    A sample is an item of :class:`Views` with ``truth`` (3, 2h, 2w), the undamaged window; ``teacher`` (K, 2, h, w),
    flow of the undamaged frames; and ``agree`` (K, 1, h, w), 1 where that flow can be trusted.
    """

    def fields(self, config: TrainConfig) -> Fields:
        """What a sample holds."""
        window, half, size, count = config.window, config.window // 2, config.size, config.contexts
        return {
            "base": ((3, window, window), "uint8"),
            "mask": ((1, window, window), "uint8"),
            "truth": ((3, window, window), "uint8"),
            "contexts": ((count, 3, size, size), "uint8"),
            "known": ((count, 1, size, size), "uint8"),
            "flows": ((count, 2, half, half), "float16"),
            "error": ((count, 1, half, half), "float16"),
            "origin": ((2,), "int16"),
            "teacher": ((count, 2, half, half), "float16"),
            "agree": ((count, 1, half, half), "uint8"),
        }

    def samples(self, editor: LearnedEditor, truth: Tensor, seed: int, config: TrainConfig) -> Iterator[Arrays]:
        """Repair a clip with random choices; every edit is a sample."""
        chance = np.random.default_rng(seed)
        case = make_case(truth, config.draw_damage(chance), int(chance.integers(2**31)))
        truth, state = case.truth, RepairState.begin(case.frames, case.masks)
        teacher = Teacher(truth)
        session = editor.session(state, len(truth))

        for edit in choices(state, session, config, chance):
            i = edit.frame
            target, others = session.look(i), [session.look(c) for c in edit.contexts]
            hole = state.masks[i][None].float()
            flows = session.flows(i, edit.contexts)
            place = window_on(hole, config.window, chance)
            views = editor.views(target, hole, others, place, flows)
            sample = {name: getattr(views, name)[0].cpu().numpy() for name in vars(views)}
            sample["truth"] = place.crop(truth[i]).numpy()
            guide = [teacher.flow(i, c) for c in edit.contexts]
            sample["teacher"] = np.stack([place.half().crop(flow).numpy() for flow, _ in guide])
            sample["agree"] = np.stack([place.half().crop(agree).numpy() for _, agree in guide])
            yield sample

            repair = editor.fuse(target, state.masks[i], others, flows)
            state.record(edit, repair.frame, repair.doubt)
            session.forget(i)

    def taught(self, net: nn.Module) -> nn.Module:
        """All of it; the completion of motion, which has its own course, gets no gradient here."""
        return net

    def terms(
        self, net: nn.Module, batch: dict[str, Tensor], perceptual: PerceptualLoss | None, ranks: Ranks = ALONE
    ) -> dict[str, Tensor]:
        """See :func:`repair_losses`."""
        fusion = net(_views(batch))
        return repair_losses(fusion.image, fusion.consensus, fusion.flows, batch, perceptual, ranks)

    def weights(self, config: TrainConfig, perceptual: float) -> dict[str, float]:
        """L = λ · perceptual + (1 − λ) · error, and the two that help along."""
        return {
            "log_mse": 1 - perceptual,
            "perceptual": perceptual,
            "consensus": config.consensus_weight,
            "flow": config.flow_weight,
        }

    @torch.no_grad()
    def picture(self, net: nn.Module, batch: dict[str, Tensor], path: Path) -> None:
        """A row a sample: damaged, smoothly filled, repaired, true."""
        image, base, mask, truth = net(_views(batch)).image.clamp(0, 1), batch["base"], batch["mask"], batch["truth"]
        damaged = torch.lerp(truth, torch.full_like(image, 0.5), mask)
        columns = [damaged, base, torch.lerp(base, image, mask), truth]
        sheet = torch.cat([torch.cat(list(column), 1) for column in columns], 2)
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = (sheet.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
        cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))


def _views(batch: dict[str, Tensor]) -> Views:
    return Views(**{field.name: batch[field.name] for field in fields(Views)})


def choices(state: RepairState, session: Session, config: TrainConfig, chance: np.random.Generator) -> Iterator[Edit]:
    """Whom to repair with whose help, one after the other; ``state`` moves on between them."""
    if config.sampler != "mixed":
        selector = load_selector(config.sampler)
        selector.attend(session)
        selector.reset(state, torch.Generator().manual_seed(int(chance.integers(2**31))), config.contexts)
        while not state.done:
            yield selector.select(state)
        return
    order = state.pending.nonzero().flatten().numpy()
    if chance.random() < 0.7:
        order = chance.permutation(order)
    # Half the repairs stop early: a policy's first edits, with nothing repaired yet, are as common as its last.
    if chance.random() < 0.5:
        order = order[: max(1, len(order) // 3)]
    for i in map(int, order):
        yield Edit(i, draw_contexts(state, i, config.contexts, chance))


def draw_contexts(state: RepairState, frame: int, count: int, chance: np.random.Generator) -> tuple[int, ...]:
    """Draw distinct contexts by one of three habits: anywhere, near by, or where the hole is visible."""
    others = np.array([j for j in range(state.length) if j != frame])
    distance = np.abs(others - frame)
    habit = chance.integers(3)
    if habit == 0:
        weight = np.ones(len(others))
    elif habit == 1:
        weight = np.exp(-distance / chance.uniform(0.5, 4))
    else:
        hole = state.masks[frame, 0, ::8, ::8]
        doubt = state.doubt[others][:, 0, ::8, ::8].float() / 255
        shown = ((1 - doubt) * hole).sum((1, 2)) / hole.sum().clamp(min=1)
        weight = np.exp((shown.numpy() - chance.uniform(0.005, 0.04) * distance) * 12)
    weight = np.maximum(weight, 1e-9)
    picked = chance.choice(others, size=min(count, len(others)), replace=False, p=weight / weight.sum())
    return tuple(int(j) for j in picked)


class Teacher:
    """Flow of the undamaged frames: right inside the holes too, and much cheaper than a learned estimator."""

    def __init__(self, truth: Tensor) -> None:
        small = torch.nn.functional.avg_pool2d(truth.float(), 2).round().byte().permute(0, 2, 3, 1).numpy()
        self.grays = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in small]
        self.aligner = Aligner()

    def flow(self, target: int, context: int) -> tuple[Tensor, Tensor]:
        """Flow (2, h, w) in half-size pixels and where both directions agree (1, h, w), uint8 0 or 255."""
        flow, _, agree, _ = self.aligner.both(self.grays[target], self.grays[context])
        return torch.from_numpy(flow).permute(2, 0, 1), torch.from_numpy(agree[None].astype(np.uint8) * 255)


def window_on(hole: Tensor, side: int, chance: np.random.Generator) -> Window:
    """A square window that holds as much of the hole as fits, at a random place."""
    corner = []
    for axis, limit in ((3, hole.shape[3]), (2, hole.shape[2])):
        covered = hole[0, 0].any(0 if axis == 3 else 1).nonzero().flatten()
        low, high = int(covered[0]), int(covered[-1]) + 1
        first, last = sorted((low, high - side))
        corner.append(int(np.clip(chance.integers(first, last + 1), 0, limit - side)) // 2 * 2)
    return Window(corner[0], corner[1], side, side)
