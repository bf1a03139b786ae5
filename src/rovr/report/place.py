"""The folder of a report: it appears whole or not at all, and takes the place of nothing but an earlier report."""

from pathlib import Path

from rovr.errors import UserError
from rovr.video.outfile import PendingOutput

MARK = '<meta name="generator" content="rovr report">'


class ReportFolder(PendingOutput):
    """A report in the making; arguments and errors as of :class:`rovr.video.outfile.PendingOutput`."""

    def _check_replaceable(self, overwrite: bool) -> None:
        if not self.path.is_dir():
            raise UserError(f"{self.path} is in the way of the output; choose another name.")
        if not any(self.path.iterdir()):
            return
        if not overwrite:
            raise UserError(f"The folder {self.path} is not empty; pass --overwrite or choose another.")
        page = self.path / "index.html"
        if not page.is_file() or MARK not in _top(page):
            raise UserError(f"The folder {self.path} holds no earlier report and is not replaced; choose another.")


def _top(page: Path) -> str:
    """Near the top stands the mark, so a large file need not be read through."""
    with page.open(encoding="utf-8", errors="replace") as file:
        return file.read(2000)
