"""Numbers and findings as plain words; every sentence follows from the numbers it is given."""

from collections.abc import Iterable, Sequence
from typing import Literal

from rovr.report.evaluation import Interval, Metric

Verdict = Literal["better", "worse", "not told apart", "too few"]


def show(value: float, metric: Metric | None = None, signed: bool = False, digits: int | None = None) -> str:
    """A value with its unit: two decimals where there is one, else three, or four for small values."""
    unit = metric.unit if metric else ""
    digits = _digits(value, unit) if digits is None else digits
    # Adding zero turns a negative zero into a plain one.
    text = f"{round(value, digits) + 0.0:{'+' if signed else ''}.{digits}f}".replace("-", "−")
    return f"{text} {unit}" if unit else text


def _digits(value: float, unit: str) -> int:
    return 2 if unit else 3 if abs(value) >= 0.02 or not value else 4


def short(value: float) -> str:
    """About three digits."""
    if not value:
        return "0"
    return f"{value:.{0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3}f}".replace(
        "-", "−"
    )


def spread(interval: Interval, metric: Metric, signed: bool = False, digits: int | None = None) -> str:
    """A mean and its interval, if it has one."""
    digits = _digits(interval.mean, metric.unit) if digits is None else digits
    nearest = min(abs(interval.low), abs(interval.high))
    # An end that is near zero and not zero must not be rounded to it, for that is what verdicts hang on.
    while interval.low * interval.high > 0 and not round(nearest, digits) and digits < 6:
        digits += 1
    mean = show(interval.mean, metric, signed, digits)
    if not interval.wide:
        return mean
    low, high = (show(end, Metric(metric.label), signed, digits) for end in (interval.low, interval.high))
    return f"{mean} ({low} to {high})"


def headed(label: str, found: Iterable[Interval | None]) -> str:
    """The head of a column of means, which says whether intervals stand beside them."""
    return f"{label} (95 % interval)" if any(one and one.wide for one in found) else label


def verdict(difference: Interval, metric: Metric) -> Verdict:
    """What the interval of a difference allows to say."""
    if not difference.wide:
        return "too few" if difference.mean else "not told apart"
    ends = sorted((metric.sign * difference.low, metric.sign * difference.high))
    return "better" if ends[0] > 0 else "worse" if ends[1] < 0 else "not told apart"


def compared(name: str, other: str, difference: Interval, metric: Metric, role: str = "") -> str:
    """One method against another, in a sentence.

    Args:
        name: of the one.
        other: of the other.
        difference: mean of the first less that of the second.
        metric: of both.
        role: what the other is, as ``"the best rule"``.
    """
    found = verdict(difference, metric)
    other = f"{other}, {role}," if role else other
    numbers = f"by {spread(difference, metric, signed=True)} in {metric.label}"
    if found == "too few":
        return f"{name} differs from {other} {numbers}; the clips are too few to say whether that is chance."
    if found == "not told apart":
        return (
            f"{name} and {other} cannot be told apart: they differ {numbers}, and that interval holds zero."
            if difference.wide
            else f"{name} and {other} are equal in {metric.label}."
        )
    return f"{name} is {found} than {other} {numbers}; the interval does not hold zero."


def fitted(name: str, most: int = 44) -> str:
    """A name for an axis, without its middle where it would leave no room for the plot."""
    half = (most - 1) // 2
    return name if len(name) <= most else f"{name[:half]}…{name[-half:]}"


def listed(items: Sequence[str]) -> str:
    """a, b and c."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else "none"


def seen(saw: float, knew: float) -> str:
    """What contexts saw of a hole, and what earlier repairs had brought into them."""
    more = f" themselves, and {knew:.0%} with what earlier repairs had brought there" if knew - saw > 0.005 else ""
    return f"saw {saw:.0%} of the hole{more}"
