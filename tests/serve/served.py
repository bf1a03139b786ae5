"""Servers for the tests of the page: one in this process with small limits, and a plain way to ask it."""

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the page needs the extra 'app'")
pytest.importorskip("uvicorn", reason="the page needs the extra 'app'")

import uvicorn

from rovr.serve.app import Page, make_app
from rovr.serve.guard import Guard
from rovr.serve.limits import Limits
from rovr.serve.run import bind

ROOT = Path(__file__).resolve().parents[2]
SMALL = Limits(upload=400_000, frames=60, pixels=400 * 300, body=20_000, clips=4, jobs=3, spare=0)


@dataclass
class Served:
    """A page that is being served."""

    port: int
    page: Page

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        """One request, its path sent as it is: status and body."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {"x-rovr": "1", **{name.replace("_", "-"): value for name, value in headers.items()}}
        with contextlib.closing(link):
            link.request(method, path, body, sent)
            answer = link.getresponse()
            return answer.status, answer.read()

    def json(self, method: str, path: str, body: Any = None) -> Any:
        """One request that must succeed."""
        status, data = self.ask(method, path, body)
        assert status < 300, data
        return json.loads(data) if data else None

    def open(self, video: Path) -> dict[str, Any]:
        """Upload a video."""
        return self.json("POST", f"/api/clips?name={video.name}", video.read_bytes())

    def job(self, clip: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Queue a job."""
        return self.json("POST", f"/api/clips/{clip}/jobs", json.dumps(asked))

    def state_of(self, job: str) -> dict[str, Any]:
        return next(one for one in self.json("GET", "/api/state")["jobs"] if one["id"] == job)

    def wait(self, job: str, *states: str, patience: float = 100) -> dict[str, Any]:
        """A job once it is in one of some states."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            found = self.state_of(job)
            if found["state"] in (states or ("done", "failed", "cancelled")):
                return found
            time.sleep(0.1)
        raise AssertionError(f"the job is still {found}")


@contextlib.contextmanager
def serving(limits: Limits = SMALL, token: str | None = None, ready: bool = False) -> Iterator[Served]:
    """Serve in a thread of this process."""
    app = make_app(limits, "cpu", ready)
    with bind("127.0.0.1", 0) as listener:
        config = uvicorn.Config(
            Guard(app, "127.0.0.1" if token is None else "0.0.0.0", token),
            log_level="error",
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.02)
        try:
            yield Served(listener.getsockname()[1], app.state.page)
        finally:
            server.should_exit = True
            thread.join(20)
