"""Words and shapes used everywhere, said once.

| symbol | name in code | shape |
|---|---|---|
| X, X̃ | ``truth``, ``frames`` | (T, 3, H, W), float in [0, 1] or uint8; a batch is (B, T, 3, H, W) |
| hole | ``masks`` | (T, 1, H, W), 1 = missing |
| – | ``doubt`` | (T, 1, H, W), float in [0, 1]: 0 = seen, 1 = unknown; repaired pixels lie in between |
| i_t | ``Edit.frame`` | index into T |
| c_t1, c_t2 | ``Edit.contexts`` | indices into T |
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from numbers import Integral

from rovr.errors import UserError


@dataclass(frozen=True)
class Edit:
    """One action a_t = (i_t, c_t1, …, c_tK) of the decision process.

    Attributes:
        frame: the frame to repair.
        contexts: the frames to look at while repairing it, none of them ``frame``.
    """

    frame: int
    contexts: tuple[int, ...]


BLACK = 24
"""Grey level up to which a pixel is black."""

MOSTLY = 0.5
"""Share of a frame that is known, below which it is mostly missing: what is left may be a letterbox's bars."""

CHOICES: dict[str, bool | None] = {"auto": None, "yes": True, "no": False}
"""What may be said of something that is done where it helps."""

SEEDS = 1 << 63
"""How many seeds there are, from 0: what every source of chance takes."""


def check_seed(seed: int) -> int:
    """See that a seed is one, and give it back as Python's own kind, which NumPy's whole numbers are not.

    Raises:
        UserError: it is no whole number, below 0, or not below ``SEEDS``.
    """
    if not isinstance(seed, Integral) or isinstance(seed, bool) or not 0 <= seed < SEEDS:
        raise UserError(f"--seed {seed}: give 0 or more, a whole number below 2^63.")
    return int(seed)


def check_crf(crf: int, name: str = "--crf") -> None:
    """See that H.264 has a constant rate factor.

    Raises:
        UserError: it has not; says it by this name.
    """
    if not isinstance(crf, Integral) or not 0 <= crf <= 51:
        raise UserError(f"{name} {crf!r}: H.264 takes a whole number from 0 (best) to 51.")


def check_dilate(dilate: int, name: str = "--dilate") -> None:
    """See that holes can be widened by so many pixels.

    Raises:
        UserError: they cannot; says it by this name.
    """
    if not isinstance(dilate, Integral) or dilate < 0:
        raise UserError(f"{name} {dilate!r}: the holes can only be widened; give 0 or more, in whole pixels.")


def is_count(number: object) -> bool:
    """Whether something is a whole number from 1 on that fits into 32 bits, as counts of frames and of passes are."""
    return isinstance(number, Integral) and not isinstance(number, bool) and 1 <= int(number) < 1 << 31


def counted(number: int, thing: str) -> str:
    """1 clip, 2 clips."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


RATE_UNUSED = "--rate counts for folders of frames: the video keeps its own."
"""What to say where a rate is given for a video."""


def frame_rate(rate: Fraction | float | None) -> Fraction | None:
    """A rate as FFmpeg has it; None for that of the input, or 25. 29.97 and its like mean 30000/1001.

    Raises:
        UserError: none that a video can have.
    """
    if rate is None:
        return None
    if not 0 < rate <= 1000:
        raise UserError(f"--rate {rate}: give frames per second between 0 and 1000.")
    if isinstance(rate, Fraction):
        return rate
    slowed = Fraction(round(rate * 1.001) * 1000, 1001)
    # Near enough for 23.98, too, and far from whole numbers.
    return slowed if abs(rate - slowed) < 2e-4 * rate else Fraction(rate).limit_denominator(1001)


def check_range(settings: object, names: str, least: float, most: float = math.inf) -> None:
    """See that numbers are finite and in a range.

    Args:
        settings: has them as attributes; None is none, and passes.
        names: of the attributes, with spaces between them.
        least: smallest allowed.
        most: largest allowed.

    Raises:
        UserError: one is not; says it by its flag.
    """
    for name in names.split():
        value = getattr(settings, name)
        if value is not None and not (least <= value <= most and math.isfinite(value)):
            bounds = f"{least:g} to {most:g}" if most < math.inf else f"at least {least:g}"
            raise UserError(f"--{name.replace('_', '-')} {value}: give {bounds}")
