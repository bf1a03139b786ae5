"""A figure with its words, written as PNG and SVG and put into the page."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from matplotlib.figure import Figure

from rovr.report.style import COLOURS, GRID, INK, MUTED, PAPER

NOTHING = {"Date": None, "Creator": None, "Format": None, "Type": None}
"""Metadata that would make two runs differ, or name addresses in the page."""

PIXELS = 4 / 3
"""Of a browser in a point of print."""

PATH, LONG = re.compile(r' d="([^"]+)"'), re.compile(r"-?\d+\.\d{3,}")
"""Outlines in a drawing, and coordinates in them with more decimals than are needed."""

PICTURE = re.compile(r"data:image/png;base64,\s*([A-Za-z0-9+/=\s]+)")


@dataclass(frozen=True)
class Table:
    """The numbers of a figure, for who cannot see it."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Plate:
    """A figure and what is said of it.

    Attributes:
        name: of its files.
        title: what it is.
        alt: what is drawn, for who cannot see it.
        caption: what is seen and what follows, computed from the data.
        figure: the drawing.
        table: its numbers.
    """

    name: str
    title: str
    alt: str
    caption: str
    figure: Figure
    table: Table | None = None

    def save(self, folder: Path) -> str:
        """Write ``name.png`` and ``name.svg``, and return the figure as part of a page."""
        buffer = BytesIO()
        self._settle()
        # The salt makes the ids within the drawing the same each time.
        with matplotlib.rc_context({"svg.hashsalt": self.name}):
            self.figure.savefig(buffer, format="svg", metadata=NOTHING)
        self.figure.savefig(folder / f"{self.name}.png", dpi=160, metadata={"Software": "rovr"})
        text = buffer.getvalue().decode()
        (folder / f"{self.name}.svg").write_text(text, encoding="utf-8")
        return inline(text, self.name, self.alt)

    def _settle(self) -> None:
        """Find room for the labels, once.

        The last digits of where axes come to lie differ from run to run, and ids within the drawing are made from them.
        """
        self.figure.draw_without_rendering()
        self.figure.set_layout_engine(None)
        for axes in self.figure.axes:
            left, bottom, width, height = (round(share, 5) for share in axes.get_position().bounds)
            axes.set_position((left, bottom, width, height))


def slug(text: str) -> str:
    """A name that is safe in files and ids."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower() or "unnamed"


def inline(svg: str, name: str, alt: str) -> str:
    """An SVG file as part of a page: its own ids, colours that follow the theme, and pictures as small JPEGs."""
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"', "", svg[svg.index("<svg") :])
    # Ids that nothing refers to are dropped: a picture that is shown twice would have the same one twice.
    used = set(re.findall(r'(?:url\(|href=")#([^")]+)', svg))
    svg = re.sub(r' id="([^"]+)"', lambda match: match[0] if match[1] in used else "", svg)
    svg = svg.replace(' id="', f' id="{name}-').replace("url(#", f"url(#{name}-").replace('href="#', f'href="#{name}-')
    svg = PATH.sub(lambda match: f' d="{LONG.sub(_rounded, match[1])}"', svg)
    svg = PICTURE.sub(lambda match: _smaller(match[1]), svg)
    # Without its paper, the shadows of what can be scrolled show through.
    svg = svg.replace(f"fill: {PAPER}", "fill: none", 1)
    named = {INK: "--ink", MUTED: "--muted", GRID: "--grid", PAPER: "--paper"}
    named |= {colour: f"--c{index}" for index, colour in enumerate(COLOURS)}
    for colour, variable in named.items():
        svg = svg.replace(f": {colour}", f": var({variable})")
    found = re.search(r'width="([\d.]+)pt"', svg)
    assert found is not None
    svg = re.sub(r'(width|height)="[\d.]+pt"', "", svg, count=2)
    wide = round(float(found[1]) * PIXELS)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(alt, quote=True)}" style="--wide: {wide}px" ', 1)


def _rounded(number: re.Match[str]) -> str:
    """A coordinate to a hundredth of a point, which nobody sees."""
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def _smaller(base: str) -> str:
    """A PNG in base64 as the data address of a JPEG, a tenth of the size; as it was where it is transparent."""
    data = base64.b64decode(base)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None or (image.ndim == 3 and image.shape[2] == 4 and image[..., 3].min() < 255):
        return f"data:image/png;base64,{base}"
    return data_address(image[..., :3] if image.ndim == 3 else image)


def data_address(bgr: np.ndarray, quality: int = 85) -> str:
    """A picture (H, W, 3) uint8 in the order blue, green, red as the data address of a JPEG."""
    encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return f"data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode()}"
