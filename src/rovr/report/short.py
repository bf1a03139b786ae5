"""The whole report in a few sentences, each computed."""

from collections.abc import Sequence

from rovr.report.evaluation import Evaluation
from rovr.report.focus import Focus
from rovr.report.overview import means
from rovr.report.stats import difference, paired
from rovr.report.trade import cost, costs
from rovr.report.words import compared, listed, short, show, spread
from rovr.types import counted

Part = tuple[str, list[str]]
"""A heading and sentences."""


def in_short(evaluation: Evaluation, focus: Focus, reasons: Sequence[str] = ()) -> list[Part]:
    """What was found, kind of damage by kind of damage; then the reasons, and what it costs."""
    parts: list[Part] = []
    for corruption in focus.corruptions:
        of = f", damage '{corruption}'" if len(focus.corruptions) > 1 else ""
        parts.append((f"Who repairs best{of}", _best(evaluation, focus, corruption)))
    of = f", damage '{focus.corruptions[0]}'" if len(focus.corruptions) > 1 else ""
    parts += [(f"What it looked at, and why that helped{of}", list(reasons)), ("Cost", _cost(evaluation, focus))]
    return [part for part in parts if part[1]]


def _best(evaluation: Evaluation, focus: Focus, corruption: str) -> list[str]:
    found = means(evaluation, focus, corruption)
    honest = {name: mean for name, mean in found.items() if name not in focus.bounds} or found
    if not honest:
        return []
    best, mean = next(iter(honest.items()))
    known = " that do not know the truth" if len(honest) < len(found) else ""
    of = f"has the best mean of {counted(len(honest), 'method')}{known}" if len(honest) > 1 else "is the only method"
    label = f"{focus.metric.label} ({focus.metric.better} is better)"
    sentences = [f"{best} {of} in {label}: {spread(mean, focus.metric)}."]
    for name in dict.fromkeys([best, focus.method]):
        for other, role in focus.others:
            gap = difference(evaluation, focus.key, name, other, corruption) if other != name else None
            if gap:
                found_on = _clips(evaluation, focus, name, other, corruption)
                sentences.append(f"{compared(name, other, gap, focus.metric, role)} {found_on}")
    return [*sentences, *(_bound(evaluation, focus, name, corruption) for name in focus.bounds if name in found)]


def _clips(evaluation: Evaluation, focus: Focus, name: str, other: str, corruption: str) -> str:
    gaps = paired(evaluation, focus.key, name, other, corruption)
    better = sum(focus.metric.sign * gap.interval.mean > 0 for gap in gaps)
    return f"{name} is the better one on {better} of {counted(len(gaps), 'clip')}."


def _bound(evaluation: Evaluation, focus: Focus, name: str, corruption: str) -> str:
    """What one that knows the truth has over the method."""
    found = means(evaluation, focus, corruption)
    text = f"{name} is no rival but a bound, for it knows the truth: {show(found[name].mean, focus.metric)}"
    if focus.method not in found or focus.method == name:
        return f"{text}."
    gap = focus.metric.sign * (found[name].mean - found[focus.method].mean)
    return f"{text}, {show(abs(gap), focus.metric)} {'better' if gap >= 0 else 'worse'} than {focus.method}."


def _cost(evaluation: Evaluation, focus: Focus) -> list[str]:
    said = []
    for label, of in costs(evaluation).items():
        names = (focus.method, *dict(focus.others))
        found = {name: cost(evaluation, name, focus.corruptions[0], of) for name in names}
        prices = {name: short(price) for name, price in found.items() if price is not None}
        told = [f"{price} for {name}" for name, price in prices.items()]
        if len(prices) > 1 and len(set(prices.values())) == 1:
            told = [f"{prices[focus.method]} for each of {listed(list(prices))}"]
        if told:
            said.append(f"{label[0].upper()}{label[1:]}: {listed(told)}.")
    return said
