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
from rovr.report.media import Scene, Sight
from rovr.report.plate import Plate, Table, slug
from rovr.report.style import GRID, MUTED, ORDER, WHITE, Palette, canvas
from rovr.report.words import counted, listed, show

WIDTH = 9.4
THUMBNAILS = 9
MANY = 6
"""Contexts of one repair above which their arcs are drawn thinner and without arrows."""

LINE = np.array([233, 87, 63], np.uint8)
"""Colour of a hole's outline in pictures, red, green, blue."""


def arcs_plate(scene: Scene, focus: Focus, palette: Palette) -> Plate:
    """Draw one clip, one row a method."""
    n, methods = scene.length, in_order(scene, focus)
    figure = canvas(WIDTH, 0.7 + _strip_height(scene) + 1.12 * len(methods))
    heights = [_strip_height(scene), *[1.12] * len(methods)]
    axes = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0]
    _strip(axes[0], scene)
    for axis, method in zip(axes[1:], methods, strict=True):
        _row(axis, scene.runs[method], n)
        axis.set_ylabel(
            _broken(method),
            color=palette(method).colour,
            rotation=0,
            ha="right",
            va="center",
            fontsize=9,
            fontweight="bold",
        )
    for place, text in ((0.85, "looks at later frames"), (-1.0, "looks at earlier frames")):
        axes[1].text(n - 0.4, place, text, color=MUTED, fontsize=6.5, ha="right", va="center")
    axes[-1].tick_params(bottom=True, labelbottom=True)
    axes[-1].set_xlabel("frame of the clip")
    axes[-1].set_xticks(range(0, n, max(1, round(n / 25))))
    most = max(len(run.edits) for run in scene.runs.values())
    bar = figure.colorbar(ScalarMappable(Normalize(1, max(most, 2)), ORDER), ax=axes[1:].tolist(), pad=0.01, aspect=40)
    bar.set_label("order of repair")
    bar.outline.set_visible(False)
    return Plate(
        f"figure-2-{slug(scene.clip)}",
        f"Figure 2. Where each method looks: {scene.clip}, damage '{scene.corruption}'",
        f"A strip of the clip's damaged frames, and for {listed(methods)} a line of dots, one a frame, with arcs from "
        "each repaired frame to the frames it was repaired from.",
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
    """The methods of a scene, those of the comparison first."""
    return sorted(scene.runs, key=lambda name: (name != focus.method, name != focus.against))


def outlined(picture: NDArray[np.uint8], mask: NDArray[np.bool_], thickness: int) -> NDArray[np.uint8]:
    """A picture (H, W, 3) with the border of a hole drawn in."""
    contours = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    drawn = picture.copy()
    cv2.drawContours(drawn, contours, -1, LINE.tolist(), thickness)
    return np.asarray(drawn, np.uint8)


def _broken(name: str) -> str:
    """A long name on several lines."""
    return name.replace("/", "/\n").replace(" (", "\n(")


def _inches(scene: Scene) -> tuple[int, float]:
    """Frames between two thumbnails, and a thumbnail's width in inches."""
    step = -(-scene.length // THUMBNAILS)
    return step, step * (WIDTH - 1.9) / scene.length


def _strip_height(scene: Scene) -> float:
    if scene.footage is None:
        return 0.5
    height, width = scene.footage.masks.shape[1:]
    return _inches(scene)[1] * height / width + 0.4


def _strip(axis: Any, scene: Scene) -> None:
    """The damaged frames, and below them how much of each is hidden."""
    hole = next(iter(scene.runs.values())).hole
    top = max(max(hole), 1e-9)
    axis.bar(range(len(hole)), [-share / top for share in hole], width=0.8, color=MUTED, alpha=0.6)
    ceiling = 0.0
    step = _inches(scene)[0]
    if scene.footage is not None:
        inches = _inches(scene)[1]
        height, width = scene.footage.masks.shape[1:]
        # One unit upwards is what is left of the strip's height for the bars, 0.4 inches with its margins.
        ceiling = inches * height / width / 0.32
        for first in range(0, scene.length, step):
            at = first + (step - 1) / 2
            frame = min(first + step // 2, scene.length - 1)
            tile = cv2.resize(scene.footage.damaged[frame], (120, round(120 * height / width)), interpolation=3)
            mask = cv2.resize(scene.footage.masks[frame].astype(np.uint8), tile.shape[1::-1], interpolation=0) > 0
            half = step * 0.48
            axis.imshow(outlined(tile, mask, 1), extent=(at - half, at + half, 0.06 * ceiling, ceiling), aspect="auto")
    axis.set_xlim(-0.8, max(len(hole), -(-len(hole) // step) * step) - 0.3)
    axis.set_ylim(-1.15, max(ceiling, 0.05))
    axis.set_yticks([-0.5], [f"hidden\n(up to {top:.0%})"], fontsize=7.5)
    axis.tick_params(left=False, bottom=False, labelbottom=False)
    axis.spines[:].set_visible(False)
    axis.grid(visible=False)


def _row(axis: Any, run: Run, n: int) -> None:
    """One method: dots in the colour of their turn, arcs up to later frames and down to earlier ones."""
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
        axis.plot(frame, 0, "o", color=colour, ms=11 if n <= 30 else 5, zorder=4)
        if n <= 30:
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


def distance(run: Run) -> float | None:
    """Mean distance in frames between a repaired frame and those it was repaired from."""
    spans = [abs(context - frame) for frame, contexts in run.edits for context in contexts]
    return float(np.mean(spans)) if spans else None


def _caption(scene: Scene, focus: Focus) -> str:
    said = []
    for method in [name for name in (focus.method, focus.against) if name in scene.runs]:
        run = scene.runs[method]
        far, order = distance(run), [frame for frame, _ in run.edits]
        where = "no other frame" if far is None else f"frames {far:.1f} away on average{_mean_sight(scene, run)}"
        value = run.value(focus.key)
        score = f", and reaches {show(value, focus.metric)} {focus.metric.label}" if np.isfinite(value) else ""
        when = "in the order of time" if order == sorted(order) else "in an order of its own"
        said.append(f"{method} repairs {counted(len(order), 'frame')} {when}, looks at {where}{score}.")
    how = (
        "Each dot is a frame, numbered and coloured by its turn. Arcs lead from it to the frames it was repaired from: "
        "above the line to later frames, below it to earlier ones."
    )
    return f"{how} {' '.join(said)}"


def _mean_sight(scene: Scene, run: Run) -> str:
    """What the contexts saw, on average over repairs, as part of a sentence."""
    sights = list(scene.footage.sights(run).values()) if scene.footage else []
    if not sights:
        return ""
    saw, knew = (float(np.mean([getattr(sight, what) for sight in sights])) for what in ("saw", "knew"))
    return f", which {Sight(saw, knew, [], []).words()}"
