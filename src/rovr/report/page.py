"""The page: sections of figures, tables and clips to look at, put into one HTML file."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from rovr.report.explorer import Explorer
from rovr.report.plate import Plate, Table
from rovr.report.style import COLOURS, DARK

Drawn = tuple[Plate, str]
"""A figure and its drawing as SVG."""


@dataclass
class Clip:
    """What is shown of one clip.

    Attributes:
        title: its name, and what it is an example of.
        plates: figures that are seen at once.
        more: figures that are seen when asked for.
        explorer: what can be played with.
        note: why there is none.
    """

    title: str
    plates: list[Drawn] = field(default_factory=list)
    more: list[Drawn] = field(default_factory=list)
    explorer: Explorer | None = None
    note: str = ""


@dataclass
class Section:
    """A part of the page.

    Attributes:
        id: for links.
        title: its heading.
        lead: what it shows, and how to read it.
        plates: figures.
        tables: (title, table) of each table.
        more: (title, table) of each table that is shown when asked for.
        clips: close looks; all but the first are folded.
        notes: what was left out, and which option would give it.
    """

    id: str
    title: str
    lead: str
    plates: list[Drawn] = field(default_factory=list)
    tables: list[tuple[str, Table]] = field(default_factory=list)
    more: list[tuple[str, Table]] = field(default_factory=list)
    clips: list[Clip] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to see in it."""
        return not (self.plates or self.tables or self.clips)


@dataclass(frozen=True)
class Told:
    """What the page says besides its sections.

    Attributes:
        measured: what was measured on, and how.
        caveat: what has to be said of the figures; may be empty.
        short: headings with sentences that sum it up.
        facts: where the figures come from.
        words: terms and what they mean.
    """

    measured: Sequence[str]
    caveat: str
    short: Sequence[tuple[str, Sequence[str]]]
    facts: Sequence[tuple[str, str]]
    words: Sequence[tuple[str, str]]


RANGE = re.compile(r"(.*\d.*) \((.+ to .+)\)")
"""A mean with its interval, as :func:`rovr.report.words.spread` writes it."""


def _parts(cell: str) -> list[str]:
    """A cell's text, and what goes on a second line."""
    found = RANGE.fullmatch(cell)
    return [found[1], found[2]] if found else [cell, ""]


def render(sections: Sequence[Section], told: Told, colours: dict[str, int]) -> str:
    """The whole file.

    Args:
        sections: in order; those with nothing in them are named at the end alone.
        told: what the page says besides.
        colours: colour of each method.
    """
    environment = Environment(
        loader=PackageLoader("rovr.report", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["parts"] = _parts
    given: dict[str, Any] = {name: _asset(name) for name in ("page.css", "page.js")}
    return environment.get_template("page.html").render(
        sections=[section for section in sections if not section.empty],
        missing=[(section.title, note) for section in sections for note in section.notes],
        told=told,
        colours=colours,
        light=list(enumerate(COLOURS)),
        dark=list(enumerate(DARK)),
        css=given["page.css"],
        script=given["page.js"],
    )


def _asset(name: str) -> str:
    return files("rovr.report").joinpath("assets", name).read_text(encoding="utf-8")
