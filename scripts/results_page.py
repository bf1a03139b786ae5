"""Write the figures of results/*.json into the documents, or check that they are the ones written there.

    python scripts/results_page.py           # rewrite every block
    python scripts/results_page.py --check   # exit 1 where a block is not what the files give

A block stands between two comments and belongs to the file named in them::

    <!-- begin:selection columns=selector,frames,ms_per_frame where=frames:400 -->
    <!-- end:selection -->

Without options it shows every column of the file's ``rows``. The options, separated by spaces:

- ``rows=key``: the list under this key of the file instead of its ``rows``.
- ``columns=a,b.c``: these columns, in this order; a dot leads into a value that has parts of its own.
- ``times=a:1000,…``: these columns times so many, and their heads say so: for figures whose digits begin late.
- ``where=key:value,…``: only the rows with these values.
- ``pivot=a,b,c``: one line for each value of a, one column for each value of b, c in the cells.
- ``value=path.to.number``: no table but that one number, for use within a sentence; ``format=.1f`` says how. With
  ``where``, the path begins at the one row with these values. A blank in a key or value is written as ``_``.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from rovr.evaluate.summary import FEWEST

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"(<!-- begin:(?P<name>[\w-]+)(?P<options>[^>]*?) -->)(?P<body>.*?)(<!-- end:(?P=name) -->)", re.S)
MISSING = "not measured yet"


def show(value: Any) -> str:
    """A cell: whole numbers whole, others to about three digits; a mean with its interval in brackets."""
    if isinstance(value, dict) and value.keys() == {"mean", "low", "high"}:
        return "{} [{}, {}]".format(*(show(value[key]) for key in ("mean", "low", "high")))
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return str(value)
    if value and abs(value) < 0.001:
        return f"{value:.1e}"
    return f"{value:.{0 if abs(value) >= 100 else 2 if abs(value) >= 1 else 3}f}"


def table(heads: list[str], lines: list[list[Any]]) -> str:
    """A Markdown table; columns of numbers are set to the right."""
    numeric = [all(isinstance(line[k], int | float | None) for line in lines) for k in range(len(heads))]
    rule = ["--:" if right else "---" for right in numeric]
    names = [head.rpartition(".")[2].replace("_", " ") for head in heads]
    cells = [names, rule, *([show(cell) for cell in line] for line in lines)]
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)


def origin(name: str, report: dict[str, Any]) -> str:
    """One line that says where the figures come from."""
    machine = report.get("machine")
    if isinstance(machine, dict):
        machine = ", ".join(
            f"{value}" if key in ("cpu", "instructions") else f"{value} {key}" for key, value in machine.items()
        )
    facts = [f"{key} {report[key]}" for key in ("commit", "seed") if key in report] + ([machine] if machine else [])
    return f"From `results/{name}.json`" + (f" ({'; '.join(facts)})." if facts else ".")


def dig(report: Any, path: str) -> Any:
    """The value at a dotted path; a blank in a key is written as ``_``."""
    for key in path.split("."):
        if isinstance(report, list):
            report = report[int(key)]
        else:
            report = {name.replace(" ", "_"): value for name, value in report.items()}[key]
    return report


def part(row: dict[str, Any], path: str, few: bool = False) -> Any:
    """A cell's value, None where a row has none; of few clips the mean alone."""
    found: Any = row
    for key in path.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found["mean"] if few and isinstance(found, dict) and "low" in found else found


def scaled(value: Any, factor: float) -> Any:
    """A figure, or a mean with its interval, times a factor."""
    if factor == 1 or value is None:
        return value
    return {key: factor * bound for key, bound in value.items()} if isinstance(value, dict) else factor * value


def unique(rows: list[dict[str, Any]], key: str) -> list[Any]:
    """The values of a column, each once, in order of appearance."""
    return list(dict.fromkeys(row.get(key) for row in rows))


def chosen(report: dict[str, Any], options: dict[str, str]) -> list[dict[str, Any]]:
    """The rows that a block asks for."""
    rows: list[dict[str, Any]] = report[options.get("rows", "rows")]
    for condition in filter(None, options.get("where", "").split(",")):
        key, _, wanted = condition.partition(":")
        rows = [row for row in rows if str(row.get(key)).replace(" ", "_") == wanted]
    return rows


def body(name: str, options: dict[str, str], results: Path) -> str:
    """What stands in a block."""
    path = results / f"{name}.json"
    if not path.exists():
        return MISSING if "value" in options else f"\n{MISSING.capitalize()}.\n"
    report = json.loads(path.read_text())
    if "value" in options:
        whole = chosen(report, options) if "where" in options else [report]
        if len(whole) != 1:
            raise SystemExit(f"{path.name}: {len(whole)} rows where one is wanted: {options}")
        value = dig(whole[0], options["value"])
        return format(value, options["format"]) if "format" in options else show(value)
    rows = chosen(report, options)
    if "pivot" in options:
        down, across, cell = options["pivot"].split(",")
        found = {(row.get(down), row.get(across)): row.get(cell) for row in rows}
        columns = unique(rows, across)
        lines = [[line, *(found.get((line, column)) for column in columns)] for line in unique(rows, down)]
        text = table([down, *(f"{across} {show(column)}" for column in columns)], lines)
    else:
        every = dict.fromkeys(key for row in rows for key in row)
        heads = options["columns"].split(",") if "columns" in options else list(every)
        times = dict(pair.split(":") for pair in filter(None, options.get("times", "").split(",")))
        few = len(report.get("protocol", {}).get("clips", range(FEWEST))) < FEWEST
        lines = [[scaled(part(row, head, few), float(times.get(head, 1))) for head in heads] for row in rows]
        text = table([f"{head} × {times[head]}" if head in times else head for head in heads], lines)
    return f"\n{text}\n\n{origin(name, report)}\n"


def rendered(text: str, results: Path = ROOT / "results") -> str:
    """A document with every block brought up to date."""

    def fill(match: re.Match[str]) -> str:
        options = dict(option.split("=", 1) for option in match["options"].split())
        return f"{match[1]}{body(match['name'], options, results)}{match[5]}"

    return BLOCK.sub(fill, text)


def documents(root: Path = ROOT) -> list[Path]:
    """Every document that may hold blocks."""
    return [root / "README.md", *sorted((root / "docs").rglob("*.md"))]


def unshown(root: Path = ROOT) -> list[str]:
    """The results that no document shows."""
    shown = {match["name"] for path in documents(root) for match in BLOCK.finditer(path.read_text())}
    return sorted(path.name for path in (root / "results").glob("*.json") if path.stem not in shown)


def main() -> None:
    """Rewrite or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where a block is out of date")
    arguments = parser.parse_args()
    stale = [path for path in documents() if rendered(path.read_text()) != path.read_text()]
    for path in stale:
        if not arguments.check:
            path.write_text(rendered(path.read_text()))
        print(f"{'out of date' if arguments.check else 'rewritten'}: {path.relative_to(ROOT)}")
    for name in unshown():
        print(f"results/{name} is shown in no document; add a block to docs/results.md")
    if arguments.check and stale:
        sys.exit("run: python scripts/results_page.py")


if __name__ == "__main__":
    main()
