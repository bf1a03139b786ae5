"""Ways to damage a clip: masks by kind, and the filling of their holes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rovr import plugs
from rovr.data.artefacts import BlocksSpec, ScratchSpec, block_frames, scratch_frames
from rovr.data.chance import Chance, generator
from rovr.data.shift import SHAPES, Mask, ShiftSpec, shift_frames, shift_masks
from rovr.errors import UserError

__all__ = [
    "FILLS",
    "KINDS",
    "SHAPES",
    "BlocksSpec",
    "Kind",
    "ScratchSpec",
    "ShiftSpec",
    "damage",
    "find_kind",
    "iter_masks",
    "make_masks",
    "shift_masks",
]


def static_frames(n: int, height: int, width: int, source: Chance, spec: ShiftSpec | None = None) -> Iterator[Mask]:
    """Draw what :func:`shift_frames` draws, but let it stand still, so that no other frame shows the hole.

    Args:
        n: frames.
        height: pixels.
        width: pixels.
        source: seed or generator.
        spec: what to draw; its speed is ignored.

    Returns:
        n arrays (height, width) bool, True = missing.
    """
    return shift_frames(n, height, width, source, replace(spec or ShiftSpec(), speed=(0.0, 0.0)))


@dataclass(frozen=True)
class Kind:
    """A kind of damage.

    Attributes:
        spec: the dataclass of its options.
        draw: (n, height, width, source, spec) to n arrays (height, width) bool.
        about: one line for help texts.
    """

    spec: type
    draw: Callable[[int, int, int, Chance, Any], Iterator[Mask]]
    about: str


KINDS: dict[str, Kind] = {
    "shift": Kind(ShiftSpec, shift_frames, "shapes that shift around the frame and bounce off its borders"),
    "static": Kind(ShiftSpec, static_frames, "shapes that stand still"),
    "scratch": Kind(ScratchSpec, scratch_frames, "thin near-vertical lines, as on worn film"),
    "blocks": Kind(BlocksSpec, block_frames, "lost macroblocks, as after a bad transmission"),
}


def find_kind(name: str) -> Kind:
    """A kind of damage by its name, a key of ``KINDS`` or the name of one from another package (:mod:`rovr.plugs`).

    Raises:
        UserError: for an unknown name, or a package that fails.
    """
    found = plugs.find("kind of damage", name, KINDS)
    if isinstance(found, Kind):
        return found
    kind = found.load()
    if not isinstance(kind, Kind):
        raise found.broken(f"it is a {type(kind).__name__}, no Kind")
    return kind


def iter_masks(kind: str, n: int, height: int, width: int, seed: Chance, **options: Any) -> Iterator[Mask]:
    """Draw the masks of a video, one frame at a time and in constant memory.

    Args:
        kind: as :func:`find_kind` takes it.
        n: frames.
        height: pixels.
        width: pixels.
        seed: seed or generator; the same seed gives the same masks.
        options: fields of the kind's spec, such as ``size`` for shift.

    Returns:
        n arrays (height, width) bool, True = missing.

    Raises:
        UserError: for an unknown kind or option, or one out of range.
    """
    found = find_kind(kind)
    if min(n, height, width) < 1:
        raise UserError(f"cannot draw masks for {n} frames of {height}x{width}; each must be at least 1")
    known = [field.name for field in fields(found.spec)]
    unknown = [name for name in options if name not in known]
    if unknown:
        raise UserError(f"'{kind}' has no option {', '.join(unknown)}; it has {', '.join(known)}")
    return found.draw(n, height, width, seed, found.spec(**options))


def make_masks(kind: str, n: int, height: int, width: int, seed: Chance, **options: Any) -> Tensor:
    """The masks of :func:`iter_masks` in one tensor, (n, 1, height, width) bool, 1 = missing."""
    return torch.from_numpy(np.stack(list(iter_masks(kind, n, height, width, seed, **options))))[:, None]


FILLS = ("grey", "black", "noise")


def damage(frames: Tensor, masks: Tensor, fill: str = "grey", seed: Chance = 0) -> Tensor:
    """Fill the holes of a clip with something that says nothing of what was there.

    Args:
        frames: (…, 3, H, W), uint8 or float in [0, 1].
        masks: (…, 1, H, W) bool.
        fill: ``"grey"`` (mid-grey), ``"black"`` or ``"noise"`` (uniform per pixel and channel).
        seed: seed or generator, for noise only.

    Returns:
        A copy of the frames, equal to them outside the masks.

    Raises:
        UserError: for an unknown fill or masks that do not fit.
    """
    if fill not in FILLS:
        raise UserError(f"no fill is called '{fill}'; choose from {', '.join(FILLS)}")
    if masks.shape != (*frames.shape[:-3], 1, *frames.shape[-2:]):
        raise UserError(f"masks {tuple(masks.shape)} do not fit frames {tuple(frames.shape)}; one per frame")
    if fill == "noise":
        rng = generator(seed)
        if frames.dtype == torch.uint8:
            noise = torch.from_numpy(rng.integers(0, 256, tuple(frames.shape), "uint8"))
        else:
            noise = torch.from_numpy(rng.random(tuple(frames.shape), "float32")).to(frames.dtype)
        return torch.where(masks, noise.to(frames.device), frames)
    levels = {"grey": 128 if frames.dtype == torch.uint8 else 0.5, "black": 0}
    return frames.masked_fill(masks, levels[fill])
