"""Lists of videos: a table with a heading (.csv, .tsv), or a JSON object a line (.jsonl).

Columns are ``input``, ``mask``, ``box``, ``output``, and the options ``dilate``, ``seed``, ``crf``, ``lossless`` and
``rate``; only ``input`` must be there. Paths count from the list's own folder, outputs from the folder for outputs.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from rovr.batch.task import Options, check_options
from rovr.errors import UserError
from rovr.video.masks import parse_box

_TABLES, _LINES = (".csv", ".tsv"), (".jsonl", ".ndjson", ".json")
_OPTIONS: dict[str, Any] = {option.name: type(option.default) for option in fields(Options)}
_COLUMNS = ("input", "mask", "box", "output", *_OPTIONS)
_YES, _NO = ("1", "true", "yes"), ("0", "false", "no")


@dataclass(frozen=True)
class Row:
    """What a list says of one video.

    Attributes:
        input: the damaged video.
        mask: None where the list does not say.
        boxes: empty where the list does not say.
        output: relative to the folder for outputs; empty where the list does not say.
        options: the rest.
    """

    input: Path
    mask: Path | None = None
    boxes: tuple[str, ...] = ()
    output: str = ""
    options: Options = field(default_factory=Options)


def read_list(path: Path, options: Options) -> list[Row]:
    """Read a list.

    Args:
        path: of the file.
        options: what holds where the list does not say.

    Raises:
        UserError: not such a list; says in which line.
    """
    suffix = path.suffix.lower()
    if suffix not in (*_TABLES, *_LINES):
        raise UserError(f"{path} is no list that can be read; give a .csv, .tsv or .jsonl, or a folder of videos.")
    try:
        # Spreadsheets put a mark before the first letter.
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as text in UTF-8; save it so.") from error
    lines = _objects(text, path) if suffix in _LINES else _table(text, path)
    rows = [_row(values, path, options, number) for number, values in lines]
    if not rows:
        raise UserError(f"{path} lists no videos.")
    return rows


def _table(text: str, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    heading = text.partition("\n")[0]
    # Spreadsheets of some countries write semicolons.
    delimiter = max(",;\t", key=heading.count)
    reader = csv.DictReader(text.splitlines(), delimiter=delimiter, skipinitialspace=True)
    _known([(name or "").strip() for name in reader.fieldnames or ()], path, 1)
    for row in reader:
        if None in row:
            raise UserError(
                f"{path}, line {reader.line_num}: more values than columns; put values with commas in quotes."
            )
        yield reader.line_num, {name.strip(): (value or "").strip() for name, value in row.items()}


def _objects(text: str, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except ValueError:
            values = None
        if not isinstance(values, dict):
            raise UserError(f'{path}, line {number}: give one JSON object a line, such as {{"input": "a.mp4"}}.')
        _known(values, path, number)
        yield number, {name: value for name, value in values.items() if value is not None}


def _known(names: Iterable[str], path: Path, line: int) -> None:
    names = list(names)
    unknown = [name for name in names if name not in _COLUMNS]
    if unknown:
        raise UserError(f"{path}, line {line}: there is no column '{unknown[0]}'; choose from {', '.join(_COLUMNS)}.")
    if "input" not in names:
        raise UserError(f"{path}, line {line}: the column 'input' is missing.")


def _row(values: dict[str, Any], path: Path, options: Options, number: int) -> Row:
    given = {name: value for name, value in values.items() if value != ""}
    try:
        if "input" not in given:
            raise UserError("no input is given.")
        chosen = replace(options, **{name: _value(name, given[name]) for name in _OPTIONS if name in given})
        check_options(chosen)
        boxes = _boxes(given.get("box", ()))
    except UserError as error:
        raise UserError(f"{path}, line {number}: {error}") from None
    mask = path.parent / str(given["mask"]) if "mask" in given else None
    return Row(path.parent / str(given["input"]), mask, boxes, str(given.get("output", "")), chosen)


def _value(name: str, value: Any) -> Any:
    kind = _OPTIONS[name]
    if kind is bool:
        word = str(value).lower()
        if word not in (*_YES, *_NO):
            raise UserError(f"{name} '{value}': give true or false.")
        return word in _YES
    try:
        return kind(value)
    except (TypeError, ValueError):
        raise UserError(f"{name} '{value}': give a number.") from None


def _boxes(value: Any) -> tuple[str, ...]:
    """From ``"x,y,w,h"``, several with spaces between them, or a list of such."""
    boxes = tuple(value.split()) if isinstance(value, str) else tuple(str(box) for box in value)
    for box in boxes:
        parse_box(box)
    return boxes
