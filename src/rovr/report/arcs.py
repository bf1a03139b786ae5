"""Figure 2: in which order each method repairs the frames of a clip, and which frames it looks at meanwhile."""

from typing import Any

import cv2
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Arc
from numpy.typing import NDArray

from rovr.report.evaluation import Run
from rovr.report.focus import Focus
from rovr.report.media import Scene
from rovr.report.plate import Plate, Table, slug
from rovr.report.reach import distance, reach
from rovr.report.style import GRID, INK, MUTED, ORDER, WHITE, Palette, canvas
from rovr.report.words import listed, seen, show
from rovr.types import counted

WIDTH, ROW = 9.4, 0.95
"""Inches of the figure, and of a method's row."""

BLANK = np.array([205, 210, 217], np.uint8)
"""Colour of what is not hidden where there is no footage to show."""

THUMBNAILS = 9
MANY = 6
"""Contexts of one repair above which their arcs are drawn thinner and without arrows."""

LINE = np.array([233, 87, 63], np.uint8)
"""Colour of a hole's outline in pictures, red, green, blue."""


def arcs_plate(scene: Scene, focus: Focus, palette: Palette) -> Plate:
    """Draw one clip, one row a method."""
    n, methods = scene.length, in_order(scene, focus)
    strip = _strip_height(scene)
    figure = canvas(WIDTH, 0.9 + strip + ROW * len(methods))
    heights = [strip] * bool(strip) + [ROW] * len(methods)
    axes = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0]
    if strip:
        _strip(axes[0], scene)
    rows = axes[-len(methods) :]
    for axis, method in zip(rows, methods, strict=True):
        _row(axis, scene.runs[method], n)
        style = {"rotation": 0, "ha": "right", "va": "center", "fontsize": 9, "fontweight": "bold"}
        axis.set_ylabel(_broken(method), color=palette(method).colour, **style)
        told = "\n".join(_told(scene.runs[method], focus))
        axis.text(n - 0.2, 0, told, color=INK, fontsize=7.5, va="center", linespacing=1.35)
    for place, text in ((0.95, "later frames ↑"), (-1.0, "earlier frames ↓")):
        rows[0].text(-1.0, place, text, color=MUTED, fontsize=6.5, ha="right", va="center")
    axes[-1].set_xlim(-0.8, n - 0.3)
    axes[-1].tick_params(bottom=True, labelbottom=True)
    axes[-1].set_xlabel("frame of the clip, counted from 0")
    axes[-1].set_xticks(range(0, n, max(1, round(n / 25))))
    most = max(2, *(len(run.edits) for run in scene.runs.values()))
    colours = ScalarMappable(Normalize(1, most), ORDER)
    bar = figure.colorbar(colours, ax=axes[-1], location="bottom", shrink=0.3, aspect=30, pad=0.02)
    bar.set_ticks([1, most], labels=["repaired first", "last"], fontsize=7.5)
    bar.outline.set_visible(False)
    return Plate(
        f"figure-2-{slug(scene.clip)}",
        f"Figure 2. Which frames each method looks at: {scene.clip}",
        f"For {listed(methods)} a line of dots, one a frame, with arcs from each repaired frame to the frames it was "
        "repaired from.",
        _caption(scene, focus),
        figure,
        Table(
            ["method", "repair", "frame", "looked at"],
            [
                [method, str(k + 1), str(frame), ", ".join(map(str, contexts)) or "none"]
                for method, run in scene.runs.items()
                for k, (frame, contexts) in enumerate(run.edits)
            ],
        ),
    )


def in_order(scene: Scene, focus: Focus) -> list[str]:
    """The methods of a scene, those of the comparison first and those that know the truth last."""
    first = [focus.method, *dict(focus.others)]
    return sorted(scene.runs, key=lambda name: (name in focus.bounds, (first.index(name) if name in first else 9)))


def outlined(picture: NDArray[np.uint8], mask: NDArray[np.bool_], thickness: int) -> NDArray[np.uint8]:
    """A picture (H, W, 3) with the border of a hole drawn in."""
    contours = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    drawn = picture.copy()
    cv2.drawContours(drawn, contours, -1, LINE.tolist(), thickness)
    return np.asarray(drawn, np.uint8)


def _broken(name: str) -> str:
    """A long name on several lines."""
    return name.replace("/", "/\n").replace(" (", "\n(")


def _inches(scene: Scene) -> float:
    """A thumbnail's width."""
    return (WIDTH - 2.6) / min(THUMBNAILS, scene.length)


def _strip_height(scene: Scene) -> float:
    """Inches for the strip; none where nobody knows what a frame looks like."""
    if scene.masks is None:
        return 0.0
    height, width = scene.masks.shape[1:]
    return _inches(scene) * height / width + 0.2


def _strip(axis: Any, scene: Scene) -> None:
    """Some of the damaged frames, over the numbers they have below; without footage, the place of their holes."""
    assert scene.masks is not None
    height, width = scene.masks.shape[1:]
    count = min(THUMBNAILS, scene.length)
    for k in range(count):
        at = (k + 0.5) * scene.length / count - 0.5
        frame, half = round(at), 0.48 * scene.length / count
        size = 120, max(1, round(120 * height / width))
        mask = cv2.resize(scene.masks[frame].astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        if scene.footage is not None:
            tile = outlined(cv2.resize(scene.footage.damaged[frame], size, interpolation=cv2.INTER_AREA), mask, 1)
        else:
            tile = np.where(mask[..., None], LINE, BLANK).astype(np.uint8)
        axis.imshow(tile, extent=(at - half, at + half, 0, 1), aspect="auto")
        axis.text(at, 1.04, f"frame {frame}", color=INK, fontsize=7, ha="center", va="bottom")
    axis.set_ylim(0, 1.2)
    axis.set_yticks([0.5], ["the clip" if scene.footage else "the holes"], fontsize=7.5)
    axis.tick_params(left=False, bottom=False, labelbottom=False)
    axis.spines[:].set_visible(False)
    axis.grid(visible=False)


def _row(axis: Any, run: Run, n: int) -> None:
    """One method: dots in the colour of their turn, arcs up to later frames and down to earlier ones."""
    numbered = n <= 30 and not in_time(run)
    spans = [abs(context - frame) for frame, contexts in run.edits for context in contexts]
    longest = max(spans, default=1)
    last = max(len(run.edits) - 1, 1)
    many = any(len(contexts) > MANY for _, contexts in run.edits)
    axis.axhline(0, color=GRID, linewidth=1, zorder=0)
    axis.plot(range(n), [0] * n, ".", color=MUTED, ms=3, zorder=1)
    for turn, (frame, contexts) in enumerate(run.edits):
        colour = ORDER(turn / last)
        for context in contexts:
            _arc(axis, frame, context, longest, colour, many)
        axis.plot(frame, 0, "o", color=colour, ms=11 if numbered else 7 if n <= 30 else 5, zorder=4)
        if numbered:
            axis.text(frame, -0.015, str(turn + 1), color=WHITE, fontsize=6, ha="center", va="center", zorder=5)
    axis.set_ylim(-1.12, 1.12)
    axis.set_yticks([])
    axis.tick_params(bottom=False, labelbottom=False)
    axis.spines[:].set_visible(False)
    axis.grid(visible=False)
    if not spans:
        axis.text(n / 2, 0.5, "looks at no other frame", color=MUTED, ha="center", fontsize=8)


def _arc(axis: Any, frame: int, context: int, longest: int, colour: Any, thin: bool) -> None:
    side = 1 if context > frame else -1
    height = 0.25 + 0.8 * (abs(context - frame) / longest) ** 0.7
    half = (0, 180) if side > 0 else (180, 360)
    middle, span = (frame + context) / 2, abs(context - frame)
    axis.add_patch(
        Arc(
            (middle, 0),
            span,
            2 * height,
            theta1=half[0],
            theta2=half[1],
            color=colour,
            lw=0.5 if thin else 1.1,
            alpha=0.5 if thin else 0.9,
            zorder=2,
        )
    )
    if not thin:
        axis.plot(context, side * 0.24, "v" if side > 0 else "^", color=colour, ms=3.4, zorder=3)


def in_time(run: Run) -> bool:
    """Whether frames are repaired from the first to the last."""
    order = [frame for frame, _ in run.edits]
    return order == sorted(order)


def _told(run: Run, focus: Focus) -> list[str]:
    """What stands beside a row."""
    far, found, value = distance(run), reach([run]), run.value(focus.key)
    lines = [show(value, focus.metric)] if np.isfinite(value) else []
    lines += [f"saw {found.saw:.0%}"] if found and far is not None else []
    return [*lines, *([] if far is None else [f"{far:.1f} frames away"])]


def _caption(scene: Scene, focus: Focus) -> str:
    said = []
    for method in [name for name in (focus.method, focus.against) if name in scene.runs]:
        run = scene.runs[method]
        far, found, value = distance(run), reach([run]), run.value(focus.key)
        sight = f", which {seen(found.saw, found.knew)}" if found and far is not None else ""
        where = "no other frame" if far is None else f"frames {far:.1f} away on average{sight}"
        score = f", and reaches {show(value, focus.metric)} {focus.metric.label}" if np.isfinite(value) else ""
        when = "in the order of time" if in_time(run) else "in an order of its own"
        said.append(f"{method} repairs {counted(len(run.edits), 'frame')} {when}, looks at {where}{score}.")
    hole = next(iter(scene.runs.values())).hole
    hidden = f"{min(hole):.0%}" if max(hole) - min(hole) < 0.005 else f"{min(hole):.0%} to {max(hole):.0%}"
    own = any(not in_time(run) for run in scene.runs.values()) and scene.length <= 30
    holes = "" if scene.footage or scene.masks is None else " The strip shows where the holes are, in red."
    return (
        f"Damage '{scene.corruption}', which hides {hidden} of each frame.{holes} Each dot is a frame. Arcs lead from "
        "it to the frames it was repaired from: above the line to later frames, below it to earlier ones. Colours tell "
        f"the order of repair{'; where it is not that of time, dots have the number of their turn' * own}. "
        f"{' '.join(said)}"
    )
