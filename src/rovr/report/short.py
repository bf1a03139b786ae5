"""The whole report in a few sentences, each computed."""

from collections.abc import Sequence

from rovr.report.evaluation import Evaluation
from rovr.report.focus import Focus
from rovr.report.overview import means
from rovr.report.stats import difference, paired
from rovr.report.trade import COSTS, cost
from rovr.report.words import compared, counted, listed, short, spread


def in_short(evaluation: Evaluation, focus: Focus, reasons: Sequence[str] = ()) -> list[str]:
    """What was found, kind of damage by kind of damage; then the reasons, and what it costs."""
    found = [
        (f"Damage '{corruption}': " if len(focus.corruptions) > 1 else "") + sentence
        for corruption in focus.corruptions
        for sentence in (*_best(evaluation, focus, corruption), *_clips(evaluation, focus, corruption))
    ]
    return [*found, *reasons, *_cost(evaluation, focus)]


def _best(evaluation: Evaluation, focus: Focus, corruption: str) -> list[str]:
    found = means(evaluation, focus, corruption)
    if not found:
        return []
    best, mean = next(iter(found.items()))
    of = f"the best of {counted(len(found), 'method')}" if len(found) > 1 else "the only method"
    sentences = [
        f"{best} is {of} in {focus.metric.label} ({focus.metric.better} is better), {spread(mean, focus.metric)}."
    ]
    for name in dict.fromkeys([best, focus.method]):
        if focus.against in (None, name):
            continue
        gap = difference(evaluation, focus.key, name, str(focus.against), corruption)
        if gap:
            sentences.append(compared(name, str(focus.against), gap, focus.metric))
    return sentences


def _clips(evaluation: Evaluation, focus: Focus, corruption: str) -> list[str]:
    if focus.against is None:
        return []
    gaps = paired(evaluation, focus.key, focus.method, focus.against, corruption)
    better = sum(focus.metric.sign * gap.interval.mean > 0 for gap in gaps)
    text = f"{focus.method} is the better one on {better} of {counted(len(gaps), 'clip')}, {focus.against} on"
    worse = sum(focus.metric.sign * gap.interval.mean < 0 for gap in gaps)
    return [f"{text} {worse}."] if gaps else []


def _cost(evaluation: Evaluation, focus: Focus) -> list[str]:
    said = []
    for label, of in COSTS:
        prices = [
            f"{short(price)} for {name}"
            for name in (focus.method, focus.against)
            if name and (price := cost(evaluation, name, focus.corruptions[0], of)) is not None
        ]
        if prices:
            said.append(f"{label[0].upper()}{label[1:]}: {listed(prices)}.")
    return said
