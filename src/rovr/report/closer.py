"""One frame closely: what was hidden, whom each method looked at for it, and what came of that."""

from typing import Any

import numpy as np
from matplotlib.colors import to_hex
from numpy.typing import NDArray

from rovr.evaluate.sight import Sight
from rovr.report.arcs import LINE, in_order
from rovr.report.evaluation import Metric
from rovr.report.focus import Focus
from rovr.report.media import Footage, Scene
from rovr.report.plate import Plate, Table, slug
from rovr.report.style import WHITE, Palette, canvas
from rovr.report.words import seen, show
from rovr.types import counted

DECIBELS = Metric("hole-PSNR", "dB")
ROWS = 3
CONTEXTS = 3
TILE = 1.7
"""Width of a picture, in inches."""


def gaps(scene: Scene, footage: Footage, focus: Focus) -> dict[int, float]:
    """For each frame that both methods repaired, by how many dB the first is better there."""
    found = {}
    for frame, _ in scene.runs[focus.method].edits if focus.method in scene.runs else ():
        pair = [_score(scene, footage, name, frame) for name in (focus.method, focus.against or "")]
        if pair[0] is not None and pair[1] is not None:
            found[frame] = pair[0] - pair[1]
    return found


def _score(scene: Scene, footage: Footage, method: str, frame: int) -> float | None:
    if method not in footage.repaired or scene.contexts(method, frame) is None:
        return None
    return footage.psnr(method, frame)


def closer_plates(scene: Scene, focus: Focus, palette: Palette) -> list[Plate]:
    """The frame in which the method gains the most on the baseline, and the one in which it gains the least."""
    if scene.footage is None or focus.against is None:
        return []
    found = gaps(scene, scene.footage, focus)
    if not found:
        return []
    ends = {"most": max(found, key=lambda frame: found[frame]), "least": min(found, key=lambda frame: found[frame])}
    if ends["most"] == ends["least"]:
        del ends["least"]
    return [_plate(scene, scene.footage, focus, palette, which, frame, found) for which, frame in ends.items()]


def _plate(
    scene: Scene, footage: Footage, focus: Focus, palette: Palette, which: str, frame: int, found: dict[int, float]
) -> Plate:
    methods = [name for name in in_order(scene, focus) if _score(scene, footage, name, frame) is not None][:ROWS]
    looked = {name: (scene.contexts(name, frame) or [])[:CONTEXTS] for name in methods}
    columns = 3 + max(1, *(len(contexts) for contexts in looked.values()))
    height, width = footage.masks.shape[1:]
    figure = canvas(TILE * columns + 0.9, (TILE * height / width + 0.42) * len(methods) + 0.3)
    axes = figure.subplots(len(methods), columns, squeeze=False)
    rows = []
    for line, method in zip(axes, methods, strict=True):
        sight = footage.sights(scene.runs[method])[frame]
        _line(line, scene, footage, method, frame, looked[method], sight)
        line[0].set_ylabel(method.replace("/", "/\n"), color=palette(method).colour, fontweight="bold")
        contexts = ", ".join(map(str, scene.contexts(method, frame) or [])) or "none"
        rows.append([method, contexts, seen(sight.saw, sight.knew), f"{footage.psnr(method, frame):.2f} dB"])
    return Plate(
        f"figure-2-{slug(scene.clip)}-{which}",
        f"{scene.clip}, frame {frame}: where {focus.method} gains the {which} on {focus.against}",
        f"Pictures of frame {frame} for {counted(len(methods), 'method')}: with its hole, the frames looked at, the "
        "repair, and the truth.",
        _caption(scene, footage, focus, frame, found, rows),
        figure,
        Table(["method", "looked at", "which", "hole-PSNR of this frame"], rows),
    )


def _line(
    axes: Any, scene: Scene, footage: Footage, method: str, frame: int, contexts: list[int], sight: Sight
) -> None:
    """One row of pictures."""
    mask = footage.masks[frame]
    count = len(scene.contexts(method, frame) or [])
    below = f"{len(contexts)} of {count} contexts shown" if count > len(contexts) else ""
    _tile(axes[0], footage.damaged[frame], f"frame {frame}, to repair", below, mask)
    turn = scene.turn(method, frame) or 0
    for place, context in enumerate(contexts):
        # A frame repaired before this turn is looked at as repaired.
        before = scene.turn(method, context)
        done = before is not None and before < turn
        picture = footage.repaired[method][context] if done else footage.damaged[context]
        gap = f"{abs(context - frame)} {'later' if context > frame else 'earlier'}"
        saw, knew = sight.each_saw[place], sight.each_knew[place]
        below = f"saw {saw:.0%} of the hole" + (f",\nknew {knew:.0%} by its repair" if knew - saw > 0.005 else "")
        _tile(axes[1 + place], picture, f"frame {context}, {gap}{', repaired' if done else ''}", below, mask)
    score = footage.psnr(method, frame)
    _tile(axes[-2], footage.repaired[method][frame], "the repair", f"{score:.2f} dB in the hole")
    _tile(axes[-1], footage.truth[frame], "the truth")
    for axis in axes[1 + len(contexts) : -2]:
        axis.set_visible(False)


def _tile(
    axis: Any, picture: NDArray[np.uint8], above: str, below: str = "", hole: NDArray[np.bool_] | None = None
) -> None:
    axis.imshow(picture)
    if hole is not None:
        for colour, width in ((WHITE, 2.4), (to_hex(tuple(LINE / 255)), 1.2)):
            axis.contour(hole, levels=[0.5], colors=[colour], linewidths=width)
    axis.set_title(above, fontsize=7, pad=2, loc="center")
    axis.set_xlabel(below, fontsize=7.5, labelpad=2)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)
    axis.grid(visible=False)


def _caption(
    scene: Scene, footage: Footage, focus: Focus, frame: int, found: dict[int, float], rows: list[list[str]]
) -> str:
    said = []
    for method, contexts, what, score in rows:
        looked = "looked at no other frame" if contexts == "none" else f"looked at {contexts}, which {what}"
        said.append(f"{method} {looked}: {score}.")
    wins = sum(gap > 0 for gap in found.values())
    mean = float(np.mean(list(found.values())))
    return (
        f"Frame {frame} is {footage.masks[frame].mean():.0%} hidden; the line marks the hole's place in each picture. "
        f"{' '.join(said)} Here {focus.method} differs from {focus.against} by {show(found[frame], DECIBELS, True)}; "
        f"over the clip by {show(mean, DECIBELS, True)} on average, and it is better in {wins} of "
        f"{counted(len(found), 'frame')}. The frame was chosen for its difference, and dB are measured on the "
        "compressed videos shown here. What a frame saw is counted at the same place of the picture, without following "
        "motion."
    )
