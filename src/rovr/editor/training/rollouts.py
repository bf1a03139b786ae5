"""Make training samples by repairing damaged clips with the editor as it stands.

Rules for the order and the contexts are drawn at random, near and far, so that the editor becomes competent for
whatever a policy will choose.
"""

from collections.abc import Iterator

import cv2
import numpy as np
import torch
from torch import Tensor

from rovr.data.corrupt import damage, make_masks
from rovr.editor.alignment import Aligner
from rovr.editor.learned import LearnedEditor
from rovr.editor.training.samples import Arrays
from rovr.editor.window import Window
from rovr.mdp.state import RepairState
from rovr.types import Edit


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


def rollout(
    editor: LearnedEditor, truth: Tensor, seed: int, contexts: int, window: int, kind: str = "shift"
) -> Iterator[Arrays]:
    """Repair a clip with random choices and yield every edit as a sample.

    Args:
        editor: Γ as it stands; only what it computes for use is used.
        truth: (T, 3, H, W) uint8, undamaged frames.
        seed: decides damage, order, contexts and windows.
        contexts: K.
        window: side of the square window, in pixels, a multiple of 16.
        kind: kind of masks.
    """
    chance = np.random.default_rng(seed)
    masks = make_masks(kind, len(truth), truth.shape[-2], truth.shape[-1], int(chance.integers(2**31)))
    state = RepairState.begin(damage(truth, masks), masks)
    order = state.pending.nonzero().flatten().numpy()
    if chance.random() < 0.7:
        order = chance.permutation(order)
    # Half the repairs stop early: a policy's first edits, with nothing repaired yet, are as common as its last.
    if chance.random() < 0.5:
        order = order[: max(1, len(order) // 3)]
    teacher = Teacher(truth)
    session = editor.session(lambda k: (state.frames[k] / 255, state.doubt[k] / 255), len(truth))

    for i in map(int, order):
        edit = Edit(i, draw_contexts(state, i, contexts, chance))
        target, others = session.look(i), [session.look(c) for c in edit.contexts]
        hole = state.masks[i][None].float()
        flows = session.flows(i, edit.contexts)
        place = _window_on(hole, window, chance)
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


class Teacher:
    """Flow of the undamaged frames: right inside the holes too, and much cheaper than a learned estimator."""

    def __init__(self, truth: Tensor) -> None:
        small = torch.nn.functional.avg_pool2d(truth.float(), 2).round().byte().permute(0, 2, 3, 1).numpy()
        self.grays = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in small]
        self.aligner = Aligner()

    def flow(self, target: int, context: int) -> tuple[Tensor, Tensor]:
        """Flow (2, h, w) in half-size pixels and where both directions agree (1, h, w), uint8 0 or 255."""
        flow, agree = self.aligner.dense(self.grays[target], self.grays[context])
        return torch.from_numpy(flow).permute(2, 0, 1), torch.from_numpy(agree[None].astype(np.uint8) * 255)


def _window_on(hole: Tensor, side: int, chance: np.random.Generator) -> Window:
    """A square window that holds as much of the hole as fits, at a random place."""
    corner = []
    for axis, limit in ((3, hole.shape[3]), (2, hole.shape[2])):
        covered = hole[0, 0].any(0 if axis == 3 else 1).nonzero().flatten()
        low, high = int(covered[0]), int(covered[-1]) + 1
        first, last = sorted((low, high - side))
        corner.append(int(np.clip(chance.integers(first, last + 1), 0, limit - side)) // 2 * 2)
    return Window(corner[0], corner[1], side, side)
