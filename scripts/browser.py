"""Find a Chromium for the tests of the page and for its pictures, or get one; never fails for want of it.

Looked for in this order: ``ROVR_CHROMIUM``, one that is installed, Playwright's own. Where there is none, Playwright is
asked to download its own, and where that fails, Debian's package is tried if this is a Debian and we are its root.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
PATIENCE = 300


def find_browser() -> str | None:
    """The path of a browser that Playwright can drive, None where there is none."""
    given = os.environ.get("ROVR_CHROMIUM")
    if given:
        return given
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    return found or _own()


def _own() -> str | None:
    """The one that Playwright downloaded."""
    try:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            path = playwright.chromium.executable_path
    except Exception:
        return None
    return path if Path(path).exists() else None


def _attempt(*command: str) -> bool:
    try:
        done = subprocess.run(
            command, timeout=PATIENCE, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def main() -> None:
    """Find or get one, and say which."""
    found = find_browser()
    if found is None:
        _attempt(sys.executable, "-m", "playwright", "install", "chromium")
        found = find_browser()
    if found is None and shutil.which("apt-get") and hasattr(os, "getuid") and os.getuid() == 0:
        _attempt("apt-get", "install", "--yes", "--no-install-recommends", "chromium")
        found = find_browser()
    if found:
        print(f"browser for the tests of the page: {found}")
    else:
        print("no browser for the tests of the page, which are skipped; install Chromium, or name one in ROVR_CHROMIUM")


if __name__ == "__main__":
    main()
