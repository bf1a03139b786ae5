"""Why one method repairs better than another: whom it looked at, and whether it helped to see more of the holes."""

from collections.abc import Sequence

import numpy as np

from rovr.report.arcs import distance
from rovr.report.closer import DECIBELS, gaps
from rovr.report.focus import Focus
from rovr.report.media import Scene
from rovr.report.words import counted, show


def why(scenes: Sequence[Scene], focus: Focus) -> list[str]:
    """Sentences over the clips that are looked at closely; none without their videos, or without a baseline."""
    both = [scene for scene in scenes if scene.footage and {focus.method, focus.against} <= set(scene.footage.repaired)]
    frames = [pair for scene in both for pair in _frames(scene, focus)]
    if not frames or focus.against is None:
        return []
    mine, theirs = (_looks(both, name) for name in (focus.method, focus.against))
    about = "the clip" if len(both) == 1 else f"the {len(both)} clips"
    return [
        f"Whom they look at, on {about} looked at closely below: the contexts of {focus.method} {mine}, those of "
        f"{focus.against} {theirs}.",
        _helped(np.array(frames), focus),
    ]


def _frames(scene: Scene, focus: Focus) -> list[tuple[float, float]]:
    """For each frame that both repaired: how much more of the hole the method's contexts saw, and its gain in dB."""
    footage = scene.footage
    assert footage is not None
    ours, others = (footage.sights(scene.runs[name]) for name in (focus.method, focus.against or ""))
    found = gaps(scene, footage, focus)
    return [(ours[frame].saw - others[frame].saw, gap) for frame, gap in found.items()]


def _looks(scenes: Sequence[Scene], method: str) -> str:
    """How far away a method's contexts are, and how much of the holes they saw."""
    far = [value for scene in scenes if (value := distance(scene.runs[method])) is not None]
    if not far:
        return "are none"
    sights = [scene.footage.sights(scene.runs[method]) for scene in scenes if scene.footage]
    seen = [sight.saw for found in sights for sight in found.values()]
    return f"lie {np.mean(far):.1f} frames away on average and saw {np.mean(seen):.0%} of the hole"


def _helped(frames: np.ndarray, focus: Focus) -> str:
    """What gains go along with seeing more."""
    more = frames[:, 0] > 0.01
    parts = []
    for which, chosen in (("more", more), ("no more", ~more)):
        if chosen.any():
            part = frames[chosen, 1]
            parts.append(
                f"in the {counted(len(part), 'frame')} where they saw {which} of the hole, {focus.method} differs by "
                f"{show(float(part.mean()), DECIBELS, True)} on average and is better in {int((part > 0).sum())}"
            )
    said = "; ".join(parts)
    return f"Does seeing help? {said[0].upper()}{said[1:]}."
