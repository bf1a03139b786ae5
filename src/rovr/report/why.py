"""Why one method repairs better than another: whom it looked at, and whether it helped to see more of the holes."""

from collections.abc import Sequence

import numpy as np

from rovr.report.closer import DECIBELS
from rovr.report.evaluation import Evaluation, Repairs, Run
from rovr.report.focus import Focus
from rovr.report.media import Scene
from rovr.report.overview import means
from rovr.report.reach import Reach, known_runs, reach
from rovr.report.stats import difference
from rovr.report.words import show, verdict
from rovr.types import counted

MORE = 0.01
"""Of the hole, by which contexts must see more for that to count."""

Pair = tuple[Run, Run]


def why(evaluation: Evaluation, focus: Focus, scenes: Sequence[Scene] = ()) -> list[str]:
    """Sentences on the first kind of damage; none without a baseline, or where nobody knows what contexts saw."""
    corruption = focus.corruptions[0]
    runs = known_runs(evaluation, scenes, corruption)
    pairs = [
        (run, other)
        for (method, *case), run in runs.items()
        if method == focus.method and (other := runs.get((str(focus.against), *case)))  # type: ignore[arg-type]
        if run.repairs and other.repairs
    ]
    if not pairs:
        return []
    cases = {(run.clip, run.seed) for run, _ in pairs}
    reaches = {
        name: found
        for name in evaluation.names
        if (found := reach([run for key, run in runs.items() if key[0] == name and key[1:] in cases]))
    }
    # Where nothing was repaired, nothing was looked at.
    if focus.method not in reaches:
        return []
    names = [name for name in (focus.method, *dict(focus.others)) if name in reaches]
    sentences = [f"{name} {_looks(reaches[name])}." for name in names]
    sentences.append(_clipwise(pairs, focus))
    if frames := [pair for mine, theirs in pairs for pair in _frames(mine, theirs)]:
        sentences.append(_framewise(np.array(frames), focus))
    return [*sentences, *_not_all(evaluation, focus, reaches)]


def _looks(found: Reach) -> str:
    if found.away is None:
        return "looks at no other frame"
    more = f", {found.knew:.0%} with what earlier repairs had brought there" if found.knew - found.saw > 0.005 else ""
    return f"looks {found.away:.1f} frames away on average, at contexts that saw {found.saw:.0%} of the hole{more}"


def _share(run: Run) -> float:
    found = reach([run])
    return found.saw if found else float("nan")


def _clipwise(pairs: Sequence[Pair], focus: Focus) -> str:
    """On how many clips the method saw more, and on how many of these it is better."""
    gaps: dict[str, list[tuple[float, float]]] = {}
    for mine, theirs in pairs:
        gain = focus.metric.sign * (mine.value(focus.key) - theirs.value(focus.key))
        gaps.setdefault(mine.clip, []).append((_share(mine) - _share(theirs), gain))
    found = [np.mean(values, axis=0) for values in gaps.values()]
    more = [gain for seen, gain in found if seen > MORE]
    text = f"Does seeing help? The contexts of {focus.method} saw more of the hole than those of "
    text += f"{focus.against} on {len(more)} of {counted(len(found), 'clip')}"
    return f"{text}; it repairs {sum(gain > 0 for gain in more)} of these better." if more else f"{text}."


def _frames(mine: Run, theirs: Run) -> list[tuple[float, float]]:
    """For each frame that both repaired: how much more of the hole the method's contexts saw, and its gain in dB."""
    own, other = (_by_frame(run) for run in (mine, theirs))
    return [(own[k][0] - other[k][0], own[k][1] - other[k][1]) for k in own if k in other]


def _by_frame(run: Run) -> dict[int, tuple[float, float]]:
    kept = run.repairs or Repairs([], [])
    rows = zip(run.edits, kept.saw, kept.psnr or [None] * len(run.edits), strict=True)
    return {frame: (saw, score) for (frame, _), saw, score in rows if saw is not None and score is not None}


def _framewise(frames: np.ndarray, focus: Focus) -> str:
    """What gains go along with seeing more."""
    more = frames[:, 0] > MORE
    parts = []
    for which, chosen in (("more", more), ("no more", ~more)):
        if chosen.any():
            part = frames[chosen, 1]
            parts.append(
                f"in the {counted(len(part), 'frame')} where its contexts saw {which} of the hole, {focus.method} "
                f"differs by {show(float(part.mean()), DECIBELS, True)} on average and is better in "
                f"{int((part > 0).sum())}"
            )
    return f"Frame by frame: {'; '.join(parts)}."


def _not_all(evaluation: Evaluation, focus: Focus, reaches: dict[str, Reach]) -> list[str]:
    """That seeing is not all, where a method saw more and is worse all the same: the best of those that saw most."""
    corruption, mine = focus.corruptions[0], reaches[focus.method]
    for name in sorted(reaches, key=lambda name: -reaches[name].saw):
        other = reaches[name]
        if other.saw <= mine.saw + MORE or other.away is None or mine.away is None or name in focus.bounds:
            continue
        gap = difference(evaluation, focus.key, focus.method, name, corruption)
        if gap and name in means(evaluation, focus, corruption) and verdict(gap, focus.metric) == "better":
            far = f", but from {other.away:.1f} frames away" if other.away > mine.away else ""
            by = show(abs(gap.mean), focus.metric)
            return [
                f"Seeing is not all: the contexts of {name} saw {other.saw:.0%} of the hole{far}, and {focus.method} "
                f"repairs better all the same, by {by}."
            ]
    return []
