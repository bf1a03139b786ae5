"""Boxes and polygons over time, read from JSON or CSV; docs/masks.md describes both formats."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rovr.errors import UserError
from rovr.tables import check_names, read_table, read_text

FloatArray = NDArray[np.float64]
_KEY = ("frame", "time", "box", "polygon")
_COLUMNS = ("shape", "frame", "time", *"xywh", "points")
# Sixteenths of a pixel, as OpenCV's fixed point has them.
_SHIFT = 4
# Seconds by which a time stamp may miss a key and still be at it.
_SLACK = 1e-4


@dataclass(frozen=True)
class Shape:
    """One box or polygon over time.

    Attributes:
        box: whether the points are x, y, width and height; else they are the corners.
        unit: ``frame`` or ``time`` (seconds); None for a shape that is always there.
        keys: (K,) when, rising.
        points: (K, 4) for boxes, (K, 2·N) for polygons of N corners as x, y, x, y, …
        name: that its file gives it, or its number there.
    """

    box: bool
    unit: str | None
    keys: FloatArray
    points: FloatArray
    name: str = ""

    def at(self, frame: int, time: float) -> FloatArray | None:
        """Its points in a frame, interpolated between keys; None before the first key and after the last."""
        if self.unit is None:
            return self.points[0]
        now, slack = (float(frame), 0.0) if self.unit == "frame" else (time, _SLACK)
        if not self.keys[0] - slack <= now <= self.keys[-1] + slack:
            return None
        return np.array([np.interp(now, self.keys, column) for column in self.points.T])

    def paint(self, mask: NDArray[np.uint8], frame: int, time: float) -> None:
        """Draw it into a mask (H, W) where it is there."""
        points = self.at(frame, time)
        if points is None:
            return
        if self.box:
            x, y, width, height = points
            left, top = max(math.floor(x + 0.5), 0), max(math.floor(y + 0.5), 0)
            mask[top : max(math.floor(y + height + 0.5), 0), left : max(math.floor(x + width + 0.5), 0)] = 1
        else:
            corners = np.rint(points.reshape(-1, 1, 2) * 2**_SHIFT).astype(np.int32)
            cv2.fillPoly(mask, [corners], 1, shift=_SHIFT)


def read_shapes(path: str | Path) -> list[Shape]:
    """Read a file of shapes.

    Args:
        path: ``.json``, or a table: ``.csv`` or ``.tsv``.

    Raises:
        UserError: nothing there, or a line that says what is wrong with which shape.
    """
    path = Path(path)
    if path.suffix.lower() not in (".json", ".csv", ".tsv"):
        raise UserError(f"{path}: shapes are read from .json, .csv or .tsv; give one of these.")
    text = read_text(path)
    entries = _from_json(path, text) if path.suffix.lower() == ".json" else _from_table(path, text)
    if not entries:
        raise UserError(f"{path} holds no shapes; docs/masks.md shows what one looks like.")
    return [_shape(path, name, keys) for name, keys in entries]


Entry = tuple[str, list[dict[str, Any]]]


def _from_json(path: Path, text: str) -> list[Entry]:
    try:
        held = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{path} is no JSON: {error.msg} in line {error.lineno}.") from None
    except (RecursionError, ValueError):
        raise UserError(f"{path} nests too deeply or holds an endless number; write it plainly.") from None
    if isinstance(held, dict):
        check_names(str(path), held, ("shapes",), "key")
    shapes = held.get("shapes") if isinstance(held, dict) else held
    if not isinstance(shapes, list) or not all(isinstance(shape, dict) for shape in shapes):
        raise UserError(f'{path}: give {{"shapes": […]}}, a list of objects.')
    entries = []
    for number, shape in enumerate(shapes, start=1):
        where = f"{path}, shape {shape.get('name', number)}"
        check_names(where, shape, ("name", "keys") if "keys" in shape else ("name", *_KEY, "keys"), "key")
        keys = shape.get("keys", [{name: value for name, value in shape.items() if name != "name"}])
        if not isinstance(keys, list) or not keys or not all(isinstance(key, dict) for key in keys):
            raise UserError(f"{where}: 'keys' must be a list of objects.")
        for key in keys:
            check_names(where, key, _KEY, "key")
        entries.append((str(shape.get("name", number)), keys))
    return entries


def _from_table(path: Path, text: str) -> list[Entry]:
    entries: dict[str, list[dict[str, Any]]] = {}
    for _, given in read_table(path, text, _COLUMNS):
        key: dict[str, Any] = {unit: given[unit] for unit in ("frame", "time") if unit in given}
        if "points" in given:
            key["polygon"] = given["points"].replace(";", " ").split()
        if any(side in given for side in "xywh"):
            key["box"] = [given.get(side) for side in "xywh"]
        entries.setdefault(given.get("shape", "1"), []).append(key)
    return list(entries.items())


def _shape(path: Path, name: str, keys: list[dict[str, Any]]) -> Shape:
    where = f"{path}, shape {name}"
    units = {unit for key in keys for unit in ("frame", "time") if unit in key}
    if len(units) > 1:
        raise UserError(f"{where}: keys count in frames or in times; use one of them throughout.")
    unit = units.pop() if units else None
    if any(("box" in key) == ("polygon" in key) or ("box" in key) != ("box" in keys[0]) for key in keys):
        raise UserError(f"{where}: every key needs a box, or every key a polygon.")
    if len(keys) > 1 and any(unit not in key for key in keys):
        raise UserError(f"{where}: each of several keys needs its frame or its time.")
    box = "box" in keys[0]
    points = [_points(where, key["box" if box else "polygon"], box) for key in keys]
    if len({len(row) for row in points}) > 1:
        raise UserError(f"{where}: all keys of a polygon need the same number of corners, to move each to its next.")
    times = _numbers(where, [key[unit] for key in keys] if unit else [0], "frame or time")
    if (np.diff(times) <= 0).any():
        raise UserError(f"{where}: frames or times of the keys must rise.")
    return Shape(box, unit, times, np.stack(points), name)


def _points(where: str, given: Any, box: bool) -> FloatArray:
    flat = np.ravel(np.array(given, dtype=object)).tolist()
    if box:
        points = _numbers(where, flat, "box")
        if len(points) != 4 or min(points[2:]) <= 0:
            raise UserError(f"{where}: a box is x, y, width and height, the latter two above 0.")
        return points
    if not all(isinstance(value, int | float | str) for value in flat) or len(flat) < 6 or len(flat) % 2:
        raise UserError(f"{where}: a polygon is a list of at least three corners x, y.")
    return _numbers(where, flat, "polygon")


def _numbers(where: str, given: list[Any], what: str) -> FloatArray:
    try:
        numbers = np.array([float(value) for value in given])
    except (TypeError, ValueError):
        raise UserError(f"{where}: {what} holds something that is no number.") from None
    if not np.isfinite(numbers).all() or (np.abs(numbers) > 1e6).any():
        raise UserError(f"{where}: {what} holds a number beyond any picture.")
    return numbers
