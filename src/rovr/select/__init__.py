"""Strategies that choose the frame to repair next and the frames to look at, by name."""

from collections.abc import Callable
from inspect import signature
from typing import Any

import torch

from rovr import plugs
from rovr.errors import UserError
from rovr.select.base import Selector
from rovr.select.content import Attention, KeyFrames
from rovr.select.coverage import Coverage
from rovr.select.earlier import LargestHoleFirst, LocalStride, Midpoint
from rovr.select.learned import Learned
from rovr.select.rules import Nearest, Random, Sequential
from rovr.select.sight import Sight

__all__ = [
    "SELECTORS",
    "Attention",
    "Coverage",
    "KeyFrames",
    "LargestHoleFirst",
    "Learned",
    "LocalStride",
    "Midpoint",
    "Nearest",
    "Random",
    "Selector",
    "Sequential",
    "Sight",
    "load_selector",
]

RULES = (Sight, Coverage, Sequential, Nearest, Random, Midpoint, LargestHoleFirst, LocalStride, KeyFrames, Attention)

SELECTORS: dict[str, Callable[..., Selector]] = {one.name: one for one in (Learned, *RULES)}

DEFAULT = Learned.name
"""Who chooses where nobody says who shall."""


def load_selector(name: str, device: torch.device | str = "cpu", **options: Any) -> Selector:
    """Make a strategy by its name.

    Args:
        name: a key of ``SELECTORS``, the name of one from another package (:mod:`rovr.plugs`), or the file of a trained
            agent, ``….safetensors``.
        device: where an agent runs; rules take no notice.
        options: what the strategy's constructor takes.

    Raises:
        UserError: for an unknown name or option, or a package that fails.
    """
    if name.endswith(".safetensors"):
        name, options = Learned.name, {"weights": name, **options}
    found = plugs.find("selector", name, SELECTORS)
    make = found.maker(Selector) if isinstance(found, plugs.Plug) else found
    known = signature(make).parameters
    unknown = [option for option in options if option not in known]
    if unknown:
        has = ", ".join(known) or "none"
        raise UserError(f"selector '{name}' has no option {', '.join(unknown)}; it has {has}")
    return make(**({"device": device, **options} if "device" in known else options))
