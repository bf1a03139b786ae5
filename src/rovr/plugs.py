"""Selectors, editors and kinds of damage that other packages bring, found by their entry points.

A package names what it brings in its ``pyproject.toml``::

    [project.entry-points."rovr.selectors"]
    farthest = "my_package:Farthest"

and, once installed, it is known by that name wherever ROVR takes one. Nothing of a package is imported before its name
is asked for, so that a broken one is in nobody's way. ROVR's own names come first.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache, wraps
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from rovr.errors import UserError, in_a_line

GROUPS = {"selector": "rovr.selectors", "editor": "rovr.editors", "kind of damage": "rovr.corruptions"}
"""What can be brought → its group of entry points."""

T = TypeVar("T")


@dataclass(frozen=True)
class Plug:
    """One thing that a package brings.

    Attributes:
        what: a key of ``GROUPS``.
        name: by which it is asked for.
        package: name and version of who brings it.
        entry: where it is.
    """

    what: str
    name: str
    package: str
    entry: EntryPoint

    def load(self) -> Any:
        """Import it.

        Raises:
            UserError: where that fails, naming the package.
        """
        try:
            return self.entry.load()
        except Exception as error:  # whatever a stranger's module does when it is imported
            raise self.broken(in_a_line(error)) from error

    def broken(self, why: str) -> UserError:
        """One line that says whose fault it is."""
        return UserError(f"{self.what} '{self.name}' of the package {self.package} is broken ({why}); update it")

    def maker(self, kind: type) -> Callable[..., Any]:
        """A callable of the same signature that answers for the package: what it makes is of a kind.

        Raises:
            UserError: where it cannot be imported or called.
        """
        make = self.load()
        if not callable(make):
            raise self.broken(f"{self.entry.value} cannot be called")

        @wraps(make)
        def guarded(*args: Any, **options: Any) -> Any:
            try:
                thing = make(*args, **options)
            except UserError:
                raise
            except Exception as error:
                raise self.broken(in_a_line(error)) from error
            if not isinstance(thing, kind):
                raise self.broken(f"it makes a {type(thing).__name__}, no {kind.__name__}")
            return thing

        return guarded


@cache
def plugs(what: str) -> tuple[Plug, ...]:
    """What other packages bring of a kind, by name; looked for once."""
    found = []
    for entry in entry_points(group=GROUPS[what]):
        package = f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
        found.append(Plug(what, entry.name, package, entry))
    return tuple(sorted(set(found), key=lambda plug: (plug.name, plug.package)))


def find(what: str, name: str, own: Mapping[str, T]) -> T | Plug:
    """What is called so: ROVR's own, or else another package's.

    Args:
        what: a key of ``GROUPS``.
        name: what is asked for.
        own: ROVR's own by name.

    Raises:
        UserError: nobody brings it, or two packages do.
    """
    theirs = [plug for plug in plugs(what) if plug.name == name]
    if name in own:
        for plug in theirs:
            _say_hidden(plug)
        return own[name]
    if len(theirs) > 1:
        packages = " and ".join(plug.package for plug in theirs)
        raise UserError(f"{what} '{name}' comes from {packages}; uninstall all of them but one")
    if not theirs:
        raise UserError(f"no {what} is called '{name}'; choose from {', '.join(names(what, own))}")
    return theirs[0]


def names(what: str, own: Collection[str]) -> list[str]:
    """All names there are, ROVR's own first."""
    return list(dict.fromkeys([*own, *(plug.name for plug in plugs(what))]))


@cache
def _say_hidden(plug: Plug) -> None:
    # Without any set-up, logging prints a warning as one plain line on stderr; whoever embeds ROVR can direct it.
    logging.getLogger("rovr").warning(
        "rovr: %s '%s' of the package %s is not used: ROVR has one of that name.", plug.what, plug.name, plug.package
    )
