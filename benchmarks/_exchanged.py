"""The shipped editor with a part of it exchanged, clip by clip on the same damage."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from rovr.data.cases import Case, make_case
from rovr.editor.loading import load_editor
from rovr.mdp.state import RepairState
from rovr.repair import Repairer
from rovr.select import load_selector


def side_by_side(
    clips: Mapping[str, Tensor],
    kinds: Sequence[str],
    seeds: Sequence[int],
    selector: str,
    part: tuple[ModuleType, str],
    ways: Mapping[str, Any],
    measure: Callable[[Tensor, Case], Any],
) -> Iterator[dict[str, Any]]:
    """Repair every case in every way.

    Args:
        clips: by name, (T, 3, H, W) uint8.
        kinds: of damage.
        seeds: of damage.
        selector: chooses the contexts.
        part: what is exchanged, a name within a module.
        ways: what to put in its place, by name.
        measure: repaired frames and their case to what is kept of them.

    Yields:
        For each case its ``clip``, ``damage`` and ``seed``, and for each way what was measured.
    """
    editor = load_editor("aligned")
    for name, clip in clips.items():
        for kind in kinds:
            for seed in seeds:
                case, found = make_case(clip, kind, seed), {}
                for way, rule in ways.items():
                    setattr(*part, rule)
                    state = RepairState.begin(case.frames.clone(), case.masks)
                    Repairer(editor, load_selector(selector)).run(state, torch.Generator().manual_seed(0))
                    found[way] = measure(state.frames, case)
                yield {"clip": name, "damage": kind, "seed": seed, **found}
