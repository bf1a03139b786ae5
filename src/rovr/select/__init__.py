"""Strategies that choose the frame to repair next and the frames to look at, by name."""

from collections.abc import Callable
from inspect import signature
from typing import Any

from rovr.errors import UserError
from rovr.select.base import Selector
from rovr.select.coverage import Coverage
from rovr.select.rules import Nearest, Random, Sequential

__all__ = ["SELECTORS", "Coverage", "Nearest", "Random", "Selector", "Sequential", "load_selector"]

SELECTORS: dict[str, Callable[..., Selector]] = {
    strategy.name: strategy for strategy in (Coverage, Sequential, Nearest, Random)
}


def load_selector(name: str, **options: Any) -> Selector:
    """Make a strategy by its name.

    Args:
        name: a key of ``SELECTORS``, or the file of a trained agent, ``….safetensors``.
        options: what the strategy's constructor takes.

    Raises:
        UserError: for an unknown name or option.
    """
    if name.endswith(".safetensors"):
        from rovr.select.learned import Learned

        return Learned(name, **options)
    if name not in SELECTORS:
        raise UserError(f"no selector is called '{name}'; choose from {', '.join(SELECTORS)}")
    known = signature(SELECTORS[name]).parameters
    unknown = [option for option in options if option not in known]
    if unknown:
        has = ", ".join(known) or "none"
        raise UserError(f"selector '{name}' has no option {', '.join(unknown)}; it has {has}")
    return SELECTORS[name](**options)
