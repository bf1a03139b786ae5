"""A report made once for all tests that only look at it."""

from pathlib import Path
from types import SimpleNamespace

import made_up_report
import pytest

from rovr.report import write_report
from rovr.report.options import ReportOptions


@pytest.fixture(scope="session")
def inputs(tmp_path_factory) -> SimpleNamespace:
    """A made-up evaluation with videos, four training logs of two seeds, and one of an agent."""
    folder = tmp_path_factory.mktemp("inputs")
    path = made_up_report.write(folder, made_up_report.evaluation())
    ends = {"concat/sequential": 0.5, "concat/coverage": 0.4, "aligned/sequential": 0.25, "aligned/coverage": 0.2}
    curves = []
    for name, end in ends.items():
        for seed in range(2):
            log = made_up_report.log(
                folder / f"{name.replace('/', '-')}-{seed}.csv", end + 0.01 * seed, more={"lr": 1.0}
            )
            curves.append(f"{name}={log}")
    more = {"val/psnr": 21.5, "val/sight_psnr": 21.0}
    agent = made_up_report.log(folder / "ppg.csv", 0.75, name="ppg/return", more=more)
    return SimpleNamespace(folder=folder, path=path, curves=curves, agents=[f"ppg={agent}"])


def everything(inputs: SimpleNamespace, out: Path) -> ReportOptions:
    """A report of all that there is."""
    return ReportOptions((inputs.path,), out, curves=(tuple(inputs.curves),), agents=(tuple(inputs.agents),))


@pytest.fixture(scope="session")
def report(inputs, tmp_path_factory) -> Path:
    """The folder of a report with every section but the last clip's videos."""
    out = tmp_path_factory.mktemp("report") / "out"
    write_report(everything(inputs, out), say=lambda line: pytest.fail(f"nothing is missing, but: {line}"))
    return out


@pytest.fixture(scope="session")
def page(report) -> str:
    """The page's text."""
    return (report / "index.html").read_text(encoding="utf-8")
