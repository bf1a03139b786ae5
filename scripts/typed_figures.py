"""Find figures in the documents that somebody typed instead of having them written from results/.

    python scripts/typed_figures.py   # exit 1 where there are any

A figure is a number with a unit of quality, time, memory or size (``21.6 dB``, ``85 ms``, ``3×``), or a decimal. It may
stand in a document only

- in a block of ``scripts/results_page.py``, which writes it from a file in ``results/``, or in code;
- as quoted from elsewhere: then its paragraph or row of a table, or the sentence above the table, holds a link to the
  source or its arXiv number;
- where it was not measured at all, and says so by a comment right before it: ``<!-- aim -->3 dB`` for what is aimed at,
  ``<!-- setting -->0.9`` for what the code or a file is made with, ``<!-- poster -->65.4 %`` for what the poster has.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

KINDS = ("aim", "setting", "poster")

WRITTEN = re.compile(r"<!-- begin:(?P<name>[\w-]+)[^>]*-->.*?<!-- end:(?P=name) -->", re.S)
CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.S | re.M)
NAMES = re.compile(
    r"\]\([^)]*\)"  # where links lead
    r"|arXiv \d+\.\d+|Python \d\.\d+(?:(?:, | or )\d\.\d+)*"
    r"|(?:Apache-|S-Lab |BY |BY-NC |BY-SA |CC0 |[vV]ersion )\d\.\d"
    r"|95 % intervals?"  # how they are computed stands in docs/evaluate.md
)
STATED = re.compile(rf"<!-- (?:{'|'.join(KINDS)}) -->")
SOURCE = re.compile(r"\]\(https?://|arXiv \d{4}\.\d+")

WORDS = "half an?|two|three|four|five|six|seven|eight|nine|ten|twenty|fifty|hundred"
TIME = "milliseconds?|seconds?|minutes?|hours?"
UNIT = rf"dB|decibels?|%|percent|ms|s|{TIME}|[kKMG]i?B|gigabytes?|megabytes?|fps|px|pixels?|points?|times"
FIGURE = re.compile(
    r"(?<![\w.,^])[+−-]?(?:"
    rf"\d[\d,.]*[  -]?(?:{UNIT})\b"
    r"|\d[\d,.]*[  ]?(?:%|×(?! ?\d))"
    rf"|(?:{WORDS}) (?:decibels?|{TIME}|percent|megabytes?|gigabytes?)\b"
    r"|\d+\.\d+(?![\w.]*\w))",
    re.I,
)


def typed(text: str) -> list[str]:
    """The figures of a document that have no right to be there, each with a little of what stands around it."""
    plain = CODE.sub("", WRITTEN.sub("", text))
    # Sources are looked for before links are taken away.
    found, introduced = [], False
    for paragraph in re.split(r"\n\s*\n", plain):
        quoted = bool(SOURCE.search(paragraph))
        rows = re.split(r"\n(?=\||[-*] |\d+\. )", paragraph)
        for row in rows:
            table = row.startswith("|")
            if SOURCE.search(row) or (table and introduced) or (quoted and len(rows) == 1):
                continue
            bare = NAMES.sub("", row)
            for match in FIGURE.finditer(bare):
                if not STATED.search(bare[max(0, match.start() - 20) : match.start()]):
                    found.append(" ".join(bare[max(0, match.start() - 40) : match.end() + 20].split()))
        introduced = quoted and paragraph.rstrip().endswith(":")
    return found


def documents(root: Path = ROOT) -> list[Path]:
    """Every document that makes claims."""
    return [root / "README.md", *sorted((root / "docs").rglob("*.md"))]


def main() -> None:
    """Look through all documents."""
    count = 0
    for path in documents():
        for figure in typed(path.read_text()):
            count += 1
            print(f"{path.relative_to(ROOT)}: … {figure} …")
    if count:
        sys.exit("typed by hand: have scripts/results_page.py write them, or say what they are; see this script's text")


if __name__ == "__main__":
    main()
