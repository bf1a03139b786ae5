"""What ``--options NAME=VALUE …`` says to a learner, read by the types of its settings."""

import contextlib
import math
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, get_args, get_type_hints

from rovr.errors import UserError
from rovr.rl import LEARNERS

APART = ("seed",)
"""Settings with a flag of their own."""

WORDS: dict[type, dict[str, Any]] = {bool: {"true": True, "false": False}, type(None): {"none": None}}
"""Values that are no numbers, by type."""

COUNTS = ("n", "capacity", "minibatch", "memory", "steps", "target_every", "policy_iterations", "aux_episodes")
"""At least one each."""

SHARES = ("gamma", "lam", "beta", "epsilon", "smoothing")
"""At most one each."""


def read_options(algorithm: str, given: Sequence[str], usual: dict[str, Any]) -> dict[str, Any]:
    """Options as typed → fields of the learner's ``Config``.

    Args:
        algorithm: a key of ``LEARNERS``.
        given: NAME=VALUE each.
        usual: what the preset says instead of the learner's own defaults, for who asks what there is.

    Raises:
        UserError: an unknown name or a value that cannot be; says which there are.
    """
    config = LEARNERS[algorithm].Config
    types = {name: hint for name, hint in get_type_hints(config).items() if name not in APART}
    read = {}
    for text in given:
        name, equals, value = text.partition("=")
        if name not in types or not equals:
            known = {field.name: usual.get(field.name, field.default) for field in fields(config)}
            every = ", ".join(f"{name}={str(known[name]).lower()}" for name in types)
            raise UserError(f"--options {text}: give NAME=VALUE; {algorithm} has {every}")
        read[name] = read_value(text, name, value, get_args(types[name]) or (types[name],))
    return read


def read_value(text: str, name: str, value: str, kinds: Sequence[type]) -> Any:
    """One value, of one of some types; ``text`` is what was typed."""
    least, most = int(name in COUNTS), 1.0 if name in SHARES else math.inf
    for kind in kinds:
        if kind in WORDS:
            if value.lower() in WORDS[kind]:
                return WORDS[kind][value.lower()]
            continue
        with contextlib.suppress(ValueError):
            number = kind(value)
            if math.isfinite(number) and least <= number <= most:
                return number
    number = "a whole number" if int in kinds else "a number"
    number += f" from {least} to {most:g}" if most < math.inf else f" of at least {least}"
    words = [word for kind in kinds for word in WORDS.get(kind, {number: None})]
    raise UserError(f"--options {text}: {name} is {' or '.join(words)}")
