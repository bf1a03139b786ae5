"""``rovr report``: figures from data, and one page that shows them."""

from rovr.report.options import ReportOptions


class Report(ReportOptions):
    """Draw figures from an evaluation, and write them into one HTML file that opens offline."""

    LOADS = ("numpy",)

    def run(self) -> None:
        """Do it."""
        from rovr.report import write_report

        path = write_report(self)
        print(f"report: {path}")
