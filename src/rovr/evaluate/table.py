"""An evaluation as plain text."""

from typing import Any

from rovr.evaluate.summary import FEWEST
from rovr.types import counted

ACROSS = 4
"""Metrics side by side, so that lines stay short enough for a terminal."""


def tables(report: dict[str, Any]) -> str:
    """The summary, and the differences in its first metric."""
    blocks = []
    keys = list(report["metrics"])
    few = len(report["protocol"]["clips"]) < FEWEST
    what = f"mean; fewer than {FEWEST} clips give no interval" if few else "mean and 95 % interval"
    for corruption in report["protocol"]["corruptions"]:
        rows = [row for row in report["summary"] if row["corruption"] == corruption]
        blocks.append(f"{corruption}, {counted(rows[0]['count'], 'run')} a method: {what}")
        for first in range(0, len(keys), ACROSS):
            some = keys[first : first + ACROSS]
            lines = [["method", *(_head(report["metrics"][key]) for key in some)]]
            lines += [[row["method"], *(_cell(row["values"][key], few) for key in some)] for row in rows]
            blocks.append(_aligned(lines))
        pairs = [row for row in report["differences"] if row["corruption"] == corruption]
        if pairs:
            blocks.append(f"differences in {_head(report['metrics'][keys[0]])}, same clips and seeds")
            lines = [
                [row["method"], f"over {row['against']}", _cell(row["values"][keys[0]], few, "+")] for row in pairs
            ]
            blocks.append(_aligned(lines))
    return "\n\n".join(blocks)


def _head(metric: dict[str, str]) -> str:
    return f"{metric['label']}, {metric['unit']}" if metric["unit"] else metric["label"]


def _cell(value: dict[str, float] | None, few: bool, sign: str = "") -> str:
    if value is None:
        return "–"
    largest = max(map(abs, value.values()))
    digits = 2 if largest >= 2 else 4 if largest >= 0.01 else 6
    mean, low, high = (format(value[name], f"{sign}.{digits}f") for name in ("mean", "low", "high"))
    return mean if few else f"{mean} [{low}, {high}]"


def _aligned(lines: list[list[str]]) -> str:
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    rows = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
    return "\n".join("  ".join(row).rstrip() for row in rows)
