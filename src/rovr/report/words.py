"""Numbers and findings as plain words; every sentence follows from the numbers it is given."""

from collections.abc import Sequence
from typing import Literal

from rovr.report.evaluation import Interval, Metric

Verdict = Literal["better", "worse", "not told apart"]


def show(value: float, metric: Metric | None = None, signed: bool = False) -> str:
    """A value with its unit: two decimals where there is one, else three."""
    unit = metric.unit if metric else ""
    digits = 2 if unit else 3
    # Adding zero turns a negative zero into a plain one.
    text = f"{round(value, digits) + 0.0:{'+' if signed else ''}.{digits}f}".replace("-", "−")
    return f"{text} {unit}" if unit else text


def short(value: float) -> str:
    """About three digits."""
    return f"{value:.{0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3}f}".replace(
        "-", "−"
    )


def spread(interval: Interval, metric: Metric, signed: bool = False) -> str:
    """A mean and its interval."""
    low, high = (show(end, metric, signed) for end in (interval.low, interval.high))
    if metric.unit:
        low = low.removesuffix(f" {metric.unit}")
    return f"{show(interval.mean, metric, signed)} ({low} to {high})"


def verdict(difference: Interval, metric: Metric) -> Verdict:
    """What the interval of a difference allows to say."""
    ends = sorted((metric.sign * difference.low, metric.sign * difference.high))
    return "better" if ends[0] > 0 else "worse" if ends[1] < 0 else "not told apart"


def compared(name: str, other: str, difference: Interval, metric: Metric) -> str:
    """One method against another, in a sentence."""
    found = verdict(difference, metric)
    numbers = f"by {spread(difference, metric, signed=True)} in {metric.label}"
    if found == "not told apart":
        return f"{name} and {other} cannot be told apart: they differ {numbers}, and that interval holds zero."
    return f"{name} is {found} than {other} {numbers}; the interval does not hold zero."


def counted(number: int, thing: str) -> str:
    """1 clip, 2 clips."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def listed(items: Sequence[str]) -> str:
    """a, b and c."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else "none"
