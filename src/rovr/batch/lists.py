"""Lists of videos: a table with a heading (.csv, .tsv), or a JSON object a line (.jsonl).

Columns are ``input``, ``mask``, ``box``, ``output``, and those of :class:`rovr.batch.task.Options`; only ``input`` must
be there. Paths count from the list's own folder, outputs from the folder for outputs.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from rovr.batch.task import Options, check_options
from rovr.errors import UserError
from rovr.tables import check_names, read_table, read_text
from rovr.video.masks import parse_box

_TABLES, _LINES = (".csv", ".tsv"), (".jsonl", ".ndjson", ".json")
_OPTIONS: dict[str, Any] = {option.name: type(option.default) for option in fields(Options)}
_COLUMNS = ("input", "mask", "box", "output", *_OPTIONS)
_PATHS = ("input", "mask", "output")
# Bytes: what Linux takes.
_LONGEST, _LONGEST_NAME = 4000, 240
_NEEDED = ("input",)
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
    text = read_text(path)
    lines = _objects(text, path) if suffix in _LINES else read_table(path, text, _COLUMNS, _NEEDED)
    rows = [_row(values, path, options, number) for number, values in lines]
    if not rows:
        raise UserError(f"{path} lists no videos.")
    return rows


def _objects(text: str, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            values = None
        if not isinstance(values, dict):
            raise UserError(f'{path}, line {number}: give one JSON object a line, such as {{"input": "a.mp4"}}.')
        check_names(f"{path}, line {number}", values, _COLUMNS, "column", _NEEDED)
        yield number, {name: value for name, value in values.items() if value is not None}


def _row(values: Mapping[str, Any], path: Path, options: Options, number: int) -> Row:
    given = {name: value for name, value in values.items() if value != ""}
    try:
        if "input" not in given:
            raise UserError("no input is given.")
        chosen = replace(options, **{name: _value(name, given[name]) for name in _OPTIONS if name in given})
        check_options(chosen)
        boxes = _boxes(given.get("box", ""))
        video, mask, output = (_path(name, given[name]) if name in given else "" for name in _PATHS)
    except UserError as error:
        raise UserError(f"{path}, line {number}: {error}") from None
    return Row(path.parent / video, path.parent / mask if mask else None, boxes, output, chosen)


def _path(name: str, value: Any) -> str:
    try:
        # What the system cannot take as a name, it refuses here and not in the middle of the work.
        if isinstance(value, str) and "\0" not in value:
            lengths = [len(os.fsencode(part)) for part in Path(value).parts]
            if sum(lengths) <= _LONGEST and max(lengths, default=0) <= _LONGEST_NAME:
                return value
    except UnicodeEncodeError:
        pass
    raise UserError(f"{name} {_short(value)}: give a path.")


def _short(value: Any) -> str:
    text = str(value)
    return repr(text if len(text) <= 40 else f"{text[:40]}…")


def _value(name: str, value: Any) -> Any:
    kind = _OPTIONS[name]
    if kind is bool:
        word = str(value).lower()
        if word not in (*_YES, *_NO):
            raise UserError(f"{name} {_short(value)}: give true or false.")
        return word in _YES
    try:
        number = kind(value)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or (kind is int and isinstance(value, float) and value != number):
        raise UserError(f"{name} {_short(value)}: give a {'whole ' * (kind is int)}number.")
    return number


def _boxes(value: Any) -> tuple[str, ...]:
    """From ``"x,y,w,h"``, several with spaces between them, a list of such, or one of four numbers."""
    given = value.split() if isinstance(value, str) else [value] if _is_box(value) else value
    if not isinstance(given, list):
        raise UserError(f'box {_short(value)}: give "x,y,w,h", or a list of such.')
    boxes = tuple(",".join(map(str, box)) if _is_box(box) else str(box) for box in given)
    for box in boxes:
        try:
            parse_box(box)
        except UserError as error:
            # In a list the column has no dashes.
            raise UserError(str(error).removeprefix("--")) from None
    return boxes


def _is_box(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 4 and all(type(side) is int for side in value)
