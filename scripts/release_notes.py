"""Print the changelog's section of a version: python scripts/release_notes.py v0.2.0.

Fails where the tag is not the version of the code, or the changelog has no section for it.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def notes(version: str, changelog: str) -> str:
    """The section of a version, without its heading; empty where there is none."""
    found = re.search(rf"^## \[{re.escape(version)}\][^\n]*\n(.*?)(?=^## \[|\Z)", changelog, re.S | re.M)
    return found[1].strip() if found else ""


def main() -> None:
    """Check and print."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    version = sys.argv[1].removeprefix("v")
    code = re.search(r'__version__ = "([^"]+)"', (ROOT / "src" / "rovr" / "_version.py").read_text())
    if code is None or code[1] != version:
        sys.exit(f"the tag says {version} and src/rovr/_version.py says {code and code[1]}")
    text = notes(version, (ROOT / "CHANGELOG.md").read_text())
    if not text:
        sys.exit(f"CHANGELOG.md has no section [{version}]; rename [Unreleased] to it")
    print(text)


if __name__ == "__main__":
    main()
