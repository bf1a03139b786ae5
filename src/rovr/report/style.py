"""How figures look: one colour, marker and dash for each method wherever it appears, readable for the colour-blind.

Eight colours were picked for the largest distances under the three kinds of colour blindness while each has a contrast
of at least 3:1 with the page, and eight lighter ones for dark pages. In the page, colours are CSS variables, so that
its figures change with its theme; the files on disk are drawn for white paper.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

INK, MUTED, GRID, PAPER = "#1b1f24", "#59626d", "#d3d8df", "#ffffff"
WHITE = "#fefefe"
"""White on dark pages too, where paper is not."""

COLOURS = ("#5b91df", "#c57b1b", "#1d5f3d", "#7b1578", "#5949c5", "#978a56", "#6e0a00", "#2c3740")
DARK = ("#98bcfd", "#b8760a", "#58fe96", "#e2359c", "#9a79f9", "#f6d33c", "#eb2e54", "#e0e1e1")
MARKERS = "os^DvPX*"
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))

ORDER = LinearSegmentedColormap.from_list("order", ["#1f6fd1", "#8a5fb5", "#d9660a"])
"""Early to late; of one middling brightness, so that thin lines show on light and on dark."""

SETTINGS: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    # With hinting, the same text is of another width at each resolution, and the room that was found is too small.
    "text.hinting": "none",
    # A clip may have dollars in its name.
    "text.parse_math": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.facecolor": PAPER,
    "axes.facecolor": "none",
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "svg.fonttype": "path",
    "image.interpolation": "none",
}


@dataclass(frozen=True)
class Mark:
    """How a method is drawn; ``index`` is that of its colour."""

    index: int
    colour: str
    marker: str
    dash: Any


class Palette:
    """Gives each name its mark, the same each time; a name not seen before gets the next.

    Args:
        names: in the order in which marks are given out.
        same: further names, and whose mark each shares.
    """

    def __init__(self, names: Iterable[str], same: dict[str, str] | None = None) -> None:
        self.order = list(dict.fromkeys(names))
        self.same = same or {}

    def __call__(self, name: str) -> Mark:
        """The mark of a name."""
        if name not in self.order:
            name = self.same.get(name, name)
        if name not in self.order:
            self.order.append(name)
        place = self.order.index(name)
        index, turn = place % len(COLOURS), place // len(COLOURS)
        # A second turn through the colours has other markers and dashes.
        return Mark(index, COLOURS[index], MARKERS[(index + 3 * turn) % len(MARKERS)], DASHES[(index + turn) % 4])


def canvas(width: float, height: float) -> Figure:
    """An empty figure, in inches, that finds room for its labels itself."""
    return Figure(figsize=(width, height), layout="constrained")


def logarithmic(axis: Any) -> None:
    """Numbers that a person reads on one axis (``axes.xaxis``) of a logarithmic scale."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def legend(figure: Figure, axes: Any, columns: int = 3) -> None:
    """One legend below the figure for all that is labelled in some axes."""
    found: dict[str, Any] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=min(columns, max(1, len(found))))
