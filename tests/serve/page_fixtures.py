"""A page with nothing open, and a browser, for the tests that want them."""

from collections.abc import Iterator
from typing import Any

import pytest
from served import Served, browser_script, serving


@pytest.fixture
def served() -> Iterator[Served]:
    """A page with small limits, with nothing open."""
    with serving() as page:
        yield page


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser, driven by Playwright, whose event loop runs in this thread until the end of the module."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="the browser tests need Playwright")
    path = browser_script().find_browser()
    if path is None:
        pytest.skip("no Chromium on this machine: run python scripts/browser.py")
    with sync_api.sync_playwright() as playwright:
        # In a container there is no other user to keep apart from.
        options = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=path, args=options)
        yield browser
        browser.close()
