"""The page of a report in a real browser: what runs in it, and what does not fit a phone."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import made_up_report
import pytest

from rovr.report import write_report
from rovr.report.options import ReportOptions

LONG = "a_clip_whose_name_goes_on_and_on_without_any_blank_as_those_of_files_do"


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """A report whose first clip has a long name."""
    folder = tmp_path_factory.mktemp("long")
    path = made_up_report.write(folder, made_up_report.evaluation())
    report = json.loads(path.read_text())
    path.write_text(path.read_text().replace('"alps"', f'"{LONG}"'))
    (folder / report["media"] / "alps").rename(folder / report["media"] / LONG)
    return write_report(ReportOptions((path,), folder / "out", clips=(LONG,)), say=lambda line: None)


@pytest.fixture
def tab(chromium, written) -> Iterator[Any]:
    context = chromium.new_context(offline=True, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.set_default_timeout(60_000)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: message.type == "error" and wrong.append(message.text))
    page.goto(written.as_uri())
    yield page
    assert not wrong
    context.close()


def test_nothing_is_wider_than_a_phone(tab):
    tab.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert LONG in tab.inner_text("main")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390


def times(tab) -> list[float]:
    """Where both videos of the slider are, once they are there."""
    videos = "[...document.querySelectorAll('#clip-0 .stage video')]"
    for _ in range(200):
        # The page forbids what Playwright would wait with.
        if tab.evaluate(f"{videos}.every((one) => one.readyState > 1 && !one.seeking)"):
            return tab.evaluate(f"{videos}.map((one) => one.currentTime)")
        tab.wait_for_timeout(100)
    raise AssertionError("the videos do not load")


def test_another_version_is_shown_at_the_same_moment(tab):
    times(tab)
    tab.locator("#clip-0 .controls input").nth(1).fill("0.5")
    before = times(tab)
    assert min(before) > 0
    for side in (0, 1):
        tab.locator("#clip-0 .controls select").nth(side).select_option("1")
        assert times(tab) == pytest.approx(before, abs=0.001)
