"""The page: clicks and seconds to the first repaired frame of the sample, and memory on a long video in full HD.

Run python benchmarks/page.py [--out FILE] on a machine that has nothing else to do.
"""

import argparse
import http.client
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from _common import ROOT, commit, machine, write
from memory import make

sys.path.insert(0, str(ROOT / "scripts"))
from browser import find_browser

TARGET_SECONDS, TARGET_CLICKS, TARGET_MB = 20, 3, 600


@contextmanager
def served(*options: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The page's process and port while it is served."""
    command = [sys.executable, "-m", "rovr", "serve", "--port", "0", "--no-browser", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, int(process.stdout.readline().strip().rstrip("/").rpartition(":")[2])
        finally:
            process.terminate()


def first_frame() -> dict[str, Any]:
    """From the command to a repaired frame of the sample that a browser shows."""
    from playwright.sync_api import sync_playwright

    path = find_browser()
    if path is None:
        raise SystemExit("no browser; run: python scripts/browser.py")
    clicks = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        began = time.perf_counter()
        with served() as (_, port):
            tab = browser.new_page()
            tab.set_default_timeout(600_000)
            tab.goto(f"http://127.0.0.1:{port}/")
            for place in ("#sample", "#preview"):
                tab.click(place)
                clicks += 1
            tab.wait_for_selector("#back:not([hidden])")
            tab.wait_for_load_state("networkidle")
            seconds = time.perf_counter() - began
        browser.close()
    return {"clicks": clicks, "seconds": round(seconds, 1)}


def peak(process: int) -> float:
    """The most memory that a process has held, in MB; Linux alone tells."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise SystemExit("the kernel does not tell a process's peak memory")


def long_video(frames: int, width: int, height: int) -> dict[str, Any]:
    """Upload, look at frames here and there, and play a while: the server's peak memory and the slowest frame."""
    with tempfile.TemporaryDirectory() as folder, served() as (process, port):
        video, _ = make(Path(folder), frames, width, height, 5, 0)
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=600)

        def ask(method: str, path: str, body: Any = None) -> bytes:
            link.request(method, path, body, {"x-rovr": "1"})
            return link.getresponse().read()

        before = peak(process.pid)
        with video.open("rb") as file:
            clip = json.loads(ask("POST", "/api/clips?name=long.mp4", file))
        chance, slowest = random.Random(0), 0.0
        wanted = [chance.randrange(frames) for _ in range(60)] + list(range(frames // 2, frames // 2 + 200))
        for number in wanted:
            began = time.perf_counter()
            ask("GET", f"/api/clips/{clip['id']}/picture/source/{number}?width=1440")
            slowest = max(slowest, time.perf_counter() - began)
        return {
            "frames": frames,
            "size": f"{width}×{height}",
            "server_mb_idle": round(before, 1),
            "server_mb_peak": round(peak(process.pid), 1),
            "slowest_frame_s": round(slowest, 2),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "page.json")
    parser.add_argument("--frames", type=int, default=4500, help="of the long video")
    parser.add_argument("--size", type=int, nargs=2, default=(1920, 1080))
    arguments = parser.parse_args()
    report = {
        "benchmark": "page",
        "commit": commit(),
        "seed": 0,
        "machine": machine(os.cpu_count() or 1),
        "target": {"clicks": TARGET_CLICKS, "seconds": TARGET_SECONDS, "server_mb": TARGET_MB},
        "rows": [{**first_frame(), **long_video(arguments.frames, *arguments.size)}],
    }
    write(arguments.out, report)


if __name__ == "__main__":
    main()
