"""Take the pictures of the page for README and docs: ``docs/images/page.png`` and the film ``page.mp4``.

Serves the real page, opens the bundled sample in a browser, and does what a person would. Every picture of the film is
a screenshot; waiting for the repair is left out. Run ``python scripts/page_pictures.py``.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from browser import find_browser

ROOT = Path(__file__).resolve().parents[1]
WIDE, HIGH, RATE = 1280, 800, 12


@contextmanager
def served() -> Iterator[str]:
    """The page's address while it is served."""
    command = [sys.executable, "-m", "rovr", "serve", "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


class Film:
    """Screenshots in a row."""

    def __init__(self, tab: Any) -> None:
        self.tab = tab
        self.frames: list[np.ndarray] = []

    def take(self, times: int = 1) -> None:
        """One more, shown for some frames."""
        shot = cv2.imdecode(np.frombuffer(self.tab.screenshot(), np.uint8), cv2.IMREAD_COLOR)
        self.frames += [shot] * times

    def move(self, count: int, act: Callable[[float], object]) -> None:
        """Do something in steps, from 0 to 1, with a picture of each."""
        for k in range(count):
            act(k / max(1, count - 1))
            self.tab.wait_for_timeout(60)
            self.take()

    def write(self, path: Path) -> None:
        """As H.264 that browsers play."""
        with av.open(str(path), "w", container_options={"movflags": "+faststart"}) as container:
            stream: Any = container.add_stream("libx264", rate=RATE, options={"crf": "27", "preset": "slow"})
            stream.width, stream.height, stream.pix_fmt = WIDE, HIGH, "yuv420p"
            for frame in self.frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "bgr24")))
            container.mux(stream.encode())


def show(tab: Any, film: Film) -> None:
    """From the empty page to a comparison."""
    film.take(14)
    tab.click("#sample")
    tab.wait_for_selector("#desk:not([hidden])")
    tab.wait_for_timeout(2500)
    film.take(12)
    tab.evaluate("document.getElementById('scrub').focus()")
    film.move(9, lambda share: tab.locator("#scrub").fill(str(round(24 * share))))
    film.take(6)
    tab.click("#preview")
    tab.wait_for_selector("#back:not([hidden])")
    tab.wait_for_timeout(800)
    film.take(6)
    box = tab.locator("#picture").bounding_box()
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.6)
    tab.mouse.down()

    def slide(share: float) -> None:
        across = 0.5 + 0.3 * np.sin(2 * np.pi * share)
        tab.mouse.move(box["x"] + box["width"] * across, box["y"] + box["height"] * 0.6)

    film.move(22, slide)
    tab.mouse.up()
    tab.click("#restore")
    seen = -1
    while tab.get_attribute("#tab-look", "aria-selected") != "true":
        tab.wait_for_timeout(500)
        done = tab.evaluate("document.querySelectorAll('#film circle.dot').length")
        if done // 4 > seen // 4:
            film.take(2)
            seen = done
    tab.wait_for_timeout(2000)
    film.move(16, lambda share: tab.locator("#scrub").fill(str(round(24 - 20 * share))))
    tab.wait_for_timeout(600)
    film.take(14)


def main() -> None:
    """Take them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--theme", choices=("light", "dark"), default="light")
    arguments = parser.parse_args()
    path = find_browser()
    if path is None:
        raise SystemExit("no browser; run: python scripts/browser.py")
    from playwright.sync_api import sync_playwright

    arguments.out.mkdir(parents=True, exist_ok=True)
    with served() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": WIDE, "height": HIGH}, color_scheme=arguments.theme)
        tab.set_default_timeout(1_800_000)
        tab.goto(address)
        tab.wait_for_selector("#empty:not([hidden])")
        film = Film(tab)
        show(tab, film)
        tab.screenshot(path=arguments.out / "page.png")
        browser.close()
    film.write(arguments.out / "page.mp4")
    for name in ("page.png", "page.mp4"):
        print(arguments.out / name, f"{(arguments.out / name).stat().st_size / 2**20:.2f} MB")


if __name__ == "__main__":
    main()
