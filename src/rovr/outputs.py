"""Where an output goes, settled before anything is begun: links followed, and what killed runs left there removed."""

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

from rovr.errors import UserError, no_room
from rovr.video.outfile import sweep


def followed(path: str | Path) -> str:
    """The place that an output means: where a link points to, there or not yet; any other path as it is.

    Args:
        path: as given by the user; a slash at its end stays there.

    Raises:
        UserError: ``-``, a link that leads nowhere, or one to a name of another kind.
    """
    text, link = str(path), Path(path)
    if text == "-":
        raise UserError("Nothing is written to stdout; give the output a name, such as out.mp4.")
    if not link.is_symlink():
        return text
    try:
        target = link.resolve()
    except (OSError, RuntimeError):
        raise UserError(f"The output {link} is a link that leads in a circle; give another name.") from None
    if target.suffix.lower() != link.suffix.lower():
        raise UserError(f"The output {link} is a link to {target}, a name of another kind; give that name itself.")
    return f"{target}{text[len(text.rstrip('/')) :]}"


def prepared(path: str | Path) -> str:
    """As :func:`followed`, and half-written files that dead processes left of that output are removed."""
    place = followed(path)
    # Whatever is wrong with the folder is said by whoever writes into it.
    with contextlib.suppress(OSError):
        sweep(Path(place))
    return place


def apart(*places: Path | str | None) -> None:
    """Refuse outputs of which one is another, or lies in it.

    Args:
        places: of all outputs of a job; None where there is none.

    Raises:
        UserError: two are in each other's way.
    """
    given = [Path(place) for place in places if place is not None]
    for one, other in itertools.permutations(given, 2):
        if one.resolve() in (other.resolve(), *other.resolve().parents):
            raise UserError(f"The outputs {one} and {other} are in each other's way; give two places.")


@contextlib.contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """While something is written: say in one line where there is no room.

    Args:
        path: of what is written, as the user knows it.

    Raises:
        UserError: there was no room.
    """
    try:
        yield
    except OSError as error:
        raise no_room(error, Path(path)) or error from error
