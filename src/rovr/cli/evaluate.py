"""``rovr evaluate``: measure selectors and editors on damaged clips."""

import json as json_module
from dataclasses import dataclass

from rovr.evaluate.config import EvaluateConfig
from rovr.types import counted


@dataclass(frozen=True)
class Evaluate(EvaluateConfig):
    """Measure methods on the same damaged clips; the same command continues a killed run exactly."""

    quiet: bool = False
    """Print nothing but errors."""
    json: bool = False
    """Print summary and differences as JSON on stdout, in place of the table."""

    def run(self) -> None:
        """Do it."""
        from rovr.cli.progress import Display
        from rovr.cli.signals import going_on
        from rovr.evaluate.run import evaluate
        from rovr.evaluate.table import tables

        with Display(self.quiet) as display:
            kept = f"rovr: interrupted; finished runs are kept, and the same command goes on: {self.out}.partial"
            with going_on(display.line, kept):
                report = evaluate(self, display.start, display.step, display.note)
        if self.json:
            print(json_module.dumps({name: report[name] for name in ("summary", "differences")}))
        elif not self.quiet:
            print(tables(report))
        display.line(f"{self.out}: {counted(len(report['runs']), 'run')}")
