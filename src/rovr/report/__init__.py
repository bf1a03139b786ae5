"""Figures from data, and one HTML file that shows them offline: ``rovr report``."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rovr.errors import UserError

if TYPE_CHECKING:
    from rovr.report.options import ReportOptions

NEEDS = ("matplotlib", "jinja2", "msgspec")


def write_report(options: "ReportOptions", say: Callable[[str], None] = print) -> Path:
    """Write figures and page into a folder that appears whole or not at all.

    Args:
        options: what to draw, and from which files.
        say: told each thing that was left out.

    Returns:
        The page, ``index.html``.

    Raises:
        UserError: a file that cannot be used, a name that is not in it, a folder in the way, or packages that are
            not installed.
    """
    missing = [name for name in NEEDS if find_spec(name) is None]
    if missing:
        raise UserError(f"a report needs {', '.join(missing)}; install with: pip install 'rovr[report]'")
    from rovr.report.build import build_report

    return build_report(options, say)
