"""Tables and other short texts that users write: UTF-8, of bounded size, with commas, semicolons or tabs."""

import csv
from collections.abc import Collection, Iterator
from pathlib import Path

from rovr.errors import UserError
from rovr.video.limits import MAX_TEXT, check_bytes


def read_text(path: Path) -> str:
    """The text of a file, without the mark that spreadsheets put before the first letter.

    Raises:
        UserError: nothing there, more than 64 MB, or not UTF-8.
    """
    check_bytes(path, MAX_TEXT)
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path} cannot be read as text in UTF-8; save it so.") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); check the path.") from None


def read_table(
    path: Path, text: str, columns: Collection[str], needed: Collection[str] = ()
) -> Iterator[tuple[int, dict[str, str]]]:
    """Every row of a table with a heading: the number of its line, and its values by column, empty ones left out.

    Args:
        path: of the file, to be named in errors.
        text: what it holds.
        columns: that may be there.
        needed: those that must.

    Raises:
        UserError: another column, one too few, more values than columns, or no table at all.
    """
    heading = text.partition("\n")[0]
    # Spreadsheets of some countries write semicolons.
    reader = csv.DictReader(text.splitlines(), delimiter=max(",;\t", key=heading.count), skipinitialspace=True)
    try:
        names = [(name or "").strip() for name in reader.fieldnames or ()]
        check_names(f"{path}, line 1", names, columns, "column", needed)
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise UserError(f"{path}, line 1: the column '{twice}' stands there twice; leave one.")
        for row in reader:
            if None in row:
                raise UserError(
                    f"{path}, line {reader.line_num}: more values than columns; put values with commas in quotes."
                )
            given = {name.strip(): (value or "").strip() for name, value in row.items()}
            yield reader.line_num, {name: value for name, value in given.items() if value}
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: no line of a table ({error}).") from None


def check_names(
    where: str, names: Collection[str], known: Collection[str], what: str, needed: Collection[str] = ()
) -> None:
    """Refuse names that say nothing, since they are mistyped ones.

    Args:
        where: they stand, to begin the error with.
        names: given.
        known: that may be given.
        what: they are names of.
        needed: that must be given.

    Raises:
        UserError: naming the first that is not known, or is missing.
    """
    for name in names:
        if name not in known:
            raise UserError(f"{where}: there is no {what} '{name}'; choose from {', '.join(known)}.")
    for name in needed:
        if name not in names:
            raise UserError(f"{where}: the {what} '{name}' is missing.")
