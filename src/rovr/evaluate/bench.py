"""One process's tools: it damages clips, has them repaired, and measures what came out."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rovr.blocks import Item
from rovr.data.cases import Case
from rovr.device import pick_device
from rovr.editor.base import Session
from rovr.editor.loading import LEARNED, load_editor
from rovr.errors import UserError
from rovr.evaluate.clips import Clips, draw_case, seed_of
from rovr.evaluate.gauge import Gauge, Known
from rovr.evaluate.media import write_video
from rovr.evaluate.oracle import Oracle
from rovr.evaluate.plan import BLIND, Method, Plan
from rovr.evaluate.sight import repairs
from rovr.mdp.state import RepairState
from rovr.restorer import Restorer
from rovr.select import load_selector
from rovr.select.base import Selector
from rovr.select.rules import first_pending
from rovr.types import Edit

CLOCK = time.process_time
"""Of the processor, so that what else a machine does meanwhile counts for little."""


class Blind(Selector):
    """Frames in their order, and no look at others."""

    name = BLIND

    def select(self, state: RepairState) -> Edit:
        """The earliest pending frame."""
        return Edit(first_pending(state), ())


class Clocked(Selector):
    """Stands before another selector and takes note of what it chooses and how long that takes.

    Attributes:
        looks: contexts that it has chosen.
        seconds: of the processor, spent choosing.
    """

    def __init__(self, selector: Selector) -> None:
        self.name, self.selector, self.recalls = selector.name, selector, selector.recalls
        self.looks = 0
        self.seconds = 0.0

    def attend(self, session: Session | None) -> None:
        """Pass the editor on."""
        self.selector.attend(session)

    def reset(self, state: RepairState, generator: torch.Generator, contexts: int = 2) -> None:
        """Begin a clip, or a block of one."""
        began = CLOCK()
        self.selector.reset(state, generator, contexts)
        self.seconds += CLOCK() - began

    def select(self, state: RepairState) -> Edit:
        """Have it choose."""
        began = CLOCK()
        edit = self.selector.select(state)
        self.seconds += CLOCK() - began
        self.looks += len(edit.contexts)
        return edit


@dataclass(frozen=True)
class Scene:
    """A damaged clip, with what is known of it before any repair.

    Attributes:
        corruption: kind of damage.
        clip: name.
        seed: from 0.
        case: the clip.
        known: measured on it.
    """

    corruption: str
    clip: str
    seed: int
    case: Case
    known: Known


class Bench:
    """Loads all that a plan names.

    Args:
        plan: the evaluation.

    Raises:
        UserError: something in it cannot be had.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan, self.device = plan, pick_device(plan.device)
        self.clips = Clips(plan.folder, plan.length, plan.size, plan.split)
        self.methods = {method.name: method for method in plan.methods}
        self.selectors = {method.name: self._selector(method) for method in plan.methods}
        editors = {method.editor: plan.weights if method.editor in LEARNED else None for method in plan.methods}
        self.editors = {name: load_editor(name, self.device, weights) for name, weights in editors.items()}
        self.gauge = Gauge(plan, self.device)

    def _selector(self, method: Method) -> Selector:
        if method.selector == BLIND:
            return Blind()
        if method.selector == Oracle.name:
            return Oracle()
        try:
            return load_selector(method.selector, self.device, **method.options)
        except UserError as error:
            if method.options:
                raise UserError(f"{error}; besides, every method has passes, contexts and texture") from error
            raise

    @torch.inference_mode()
    def scene(self, corruption: str, clip: str, seed: int) -> Scene:
        """Damage a clip."""
        case = draw_case(self.clips.read(clip), clip, seed, corruption)
        if self.plan.media is not None and seed == 0:
            masks = case.masks.to(torch.uint8).mul(255).expand_as(case.frames)
            for name, frames in (("truth", case.truth), ("damaged", case.frames), ("mask", masks)):
                write_video(self.plan.media, clip, corruption, name, frames)
        return Scene(corruption, clip, seed, case, self.gauge.know(case))

    @torch.inference_mode()
    def run(self, scene: Scene, name: str) -> dict[str, Any]:
        """Repair a clip by one method and measure it; see docs/evaluate.md for what a run holds."""
        case, method = scene.case, self.methods[name]
        clocked = Clocked(self.selectors[name])
        repaired, edits, total = self._repair(scene, method, clocked)
        if not torch.equal(repaired.masked_fill(case.masks, 0), case.frames.masked_fill(case.masks, 0)):
            raise RuntimeError(f"{name} changed a pixel of {scene.clip} that was not missing")
        if self.plan.media is not None and scene.seed == 0:
            write_video(self.plan.media, scene.clip, scene.corruption, name, repaired)
        run: dict[str, Any] = {
            "method": name,
            "clip": scene.clip,
            "seed": scene.seed,
            "corruption": scene.corruption,
            "values": self.gauge.measure(repaired, case, scene.known),
            "seconds": {"select": clocked.seconds, "edit": total - clocked.seconds, "total": total},
            "looks": clocked.looks,
            "edits": [[edit.frame, list(edit.contexts)] for edit in edits],
            "repairs": repairs(repaired, case, [(edit.frame, edit.contexts) for edit in edits]),
            "hole": [round(share, 6) for share in case.masks.float().mean((1, 2, 3)).tolist()],
        }
        features = self.gauge.features(repaired)
        return run if features is None else {**run, "features": [scene.known.truth.features, features]}

    def _repair(self, scene: Scene, method: Method, clocked: Clocked) -> tuple[Tensor, list[Edit], float]:
        """Repair a clip block by block, as ``rovr restore`` goes through a video.

        Returns:
            The clip, the edits of the last pass in their order and counted from its start, and the processor's seconds.
        """
        case, selector = scene.case, clocked.selector
        if isinstance(selector, Oracle):
            selector.truth = case.truth
        contexts = method.contexts or self.plan.contexts
        tools = self.editors[method.editor], clocked, contexts, self.device
        restorer = Restorer(*tools, passes=method.passes, texture=method.texture)

        def items() -> Iterator[Item[None]]:
            for frame, mask in zip(case.frames.clone(), case.masks, strict=True):
                yield Item(frame, mask, None, bool(mask.any()))

        blocks = restorer.blocks(case.frames.shape[-1], case.frames.shape[-2])
        edits: list[Edit] = []
        blocks.clock, blocks.watch = CLOCK, lambda edit, *_: edits.append(edit)
        # The same for every method, so that those who draw lots are as lucky as each other.
        chance = torch.Generator().manual_seed(seed_of(scene.clip, scene.seed, "choose"))
        repaired = torch.stack([item.frame for item in blocks.run(items(), chance, items)])
        return repaired, edits, blocks.seconds
