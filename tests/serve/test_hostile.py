"""A hostile client reads nothing, writes nothing, and the server lives on."""

import http.client
import json
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import moving_texture, write_video

from rovr.serve.limits import Limits
from rovr.serve.store import Store

pytest_plugins = ["page_fixtures"]

WAYS_UP = [
    "..%2f" * 8 + "etc%2fpasswd",
    "../" * 8 + "etc/passwd",
    "%2e%2e/%2e%2e/etc/passwd",
    "/etc/passwd",
    "..\\..\\x",
    "\x00",
]


def held(root):
    """All files below a folder, with their sizes."""
    return {path.relative_to(root): path.stat().st_size for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def clip(served, video):
    return served.open(video(count=6))["id"]


@pytest.mark.parametrize("way", WAYS_UP)
def test_no_path_leads_out(served, clip, way):
    way = way.replace("\x00", "%00").replace(" ", "%20")
    before = held(served.page.store.root)
    for path in (
        f"/static/{way}",
        f"/{way}",
        f"/api/clips/{way}/picture/source/0",
        f"/api/clips/{clip}/picture/{way}/0",
        f"/api/jobs/{way}/made/live",
        f"/api/jobs/{way}/download/video",
    ):
        for method in ("GET", "POST", "DELETE"):
            status, data = served.ask(method, path)
            assert status in (404, 405), (method, path, status)
            assert b"root:" not in data
    assert held(served.page.store.root) == before
    assert served.json("GET", "/api/state")["clips"]


def test_the_name_of_an_upload_is_a_title_and_no_path(served, video):
    outside = set(Path(tempfile.gettempdir()).glob("evil*"))
    data = video(count=6).read_bytes()
    status, body = served.ask("POST", "/api/clips?name=..%2F..%2Fevil%00.mp4", data)
    assert status == 201
    assert b'"title":"evil.mp4"' in body
    assert set(Path(tempfile.gettempdir()).glob("evil*")) == outside
    assert {path.name for path in held(served.page.store.root)} == {"source"}


def test_an_upload_that_is_too_large_leaves_nothing(served):
    limit = served.page.limits.upload
    status, body = served.ask("POST", "/api/clips?name=a.mp4", b"0" * (limit + 1))
    assert status == 413
    assert b"larger than" in body

    def endless():
        for _ in range(64):
            yield b"0" * (limit // 32)

    status, _ = served.ask("POST", "/api/clips?name=a.mp4", endless())
    assert status == 413
    assert not held(served.page.store.root)
    assert not list(served.page.store.root.iterdir())


def test_of_a_mask_that_was_uploaded_only_the_mask_is_left(served, clip):
    root, small = served.page.store.root, served.page.limits
    before = {path.name for path in held(root)}

    def send(data):
        status, body = served.ask("POST", f"/api/clips/{clip}/mask?name=hole.png", data)
        return served.wait(json.loads(body)["id"]) if status < 300 else body.decode()

    assert send(b"no picture")["state"] == "failed"
    assert "larger than" in send(b"0" * (small.upload + 1))
    assert {path.name for path in held(root)} == before
    index = served.page.store.clips[clip].index
    white = np.zeros((index.height, index.width), np.uint8)
    white[:8, :8] = 255
    done = send(cv2.imencode(".png", white)[1].tobytes())
    layer = done["result"]["layer"]
    served.json("POST", f"/api/jobs/{done['id']}/layer/{layer}")
    assert {path.name for path in held(root)} - before == {f"{layer}.mkv"}
    assert served.ask("GET", f"/api/clips/{clip}/picture/{layer}/0")[0] == 200
    # Nor is anything left where too many jobs wait.
    served.page.jobs.most = 0
    assert "the limit" in send(b"no picture")
    assert {path.name for path in held(root)} - before == {f"{layer}.mkv"}


def test_an_upload_that_breaks_off_leaves_nothing(served):
    link = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    link.putrequest("POST", "/api/clips?name=a.mp4")
    for name, value in (("x-rovr", "1"), ("content-length", "100000")):
        link.putheader(name, value)
    link.endheaders()
    link.send(b"0" * 5000)
    end = time.monotonic() + 20
    while not list(served.page.store.root.iterdir()):
        assert time.monotonic() < end
        time.sleep(0.05)
    link.close()
    while list(served.page.store.root.iterdir()):
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("data", [b"", b"hello", b"\x00" * 5000, b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"])
def test_what_is_no_video_is_said_to_be_none_and_leaves_nothing(served, data):
    status, body = served.ask("POST", "/api/clips?name=notes.mp4", data)
    assert status in (400, 422)
    assert b"empty" in body or b"notes.mp4 is not a video" in body
    assert str(served.page.store.root).encode() not in body
    assert not list(served.page.store.root.iterdir())


def test_more_marks_than_are_taken_are_said_to_be_too_many(served, clip):
    mark = {"type": "box", "x": 1, "y": 1, "w": 4, "h": 4}
    asked = {"kind": "restore", "marks": [mark] * 1000}
    status, body = served.ask("POST", f"/api/clips/{clip}/jobs", json.dumps(asked))
    assert status == 413
    assert b"repair with some of them" in body


def test_a_video_that_is_too_long_or_too_large_is_refused(served, tmp_path):
    long = write_video(tmp_path / "long.mp4", moving_texture(61, 16, 16))
    assert served.ask("POST", "/api/clips?name=long.mp4", long.read_bytes())[0] == 413
    wide = write_video(tmp_path / "wide.mp4", moving_texture(2, 400, 400))
    assert served.ask("POST", "/api/clips?name=wide.mp4", wide.read_bytes())[0] == 413
    assert not list(served.page.store.root.iterdir())


def bomb(side):
    """A PNG of a few kilobytes that announces a picture of side × side."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packed = zlib.compress(b"\0" * 2_000_000, 9)
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def test_a_mask_that_unfolds_to_fill_the_memory_is_refused(served, clip):
    job = served.json("POST", f"/api/clips/{clip}/mask?name=m.png", bomb(60_000))
    found = served.wait(job["id"])
    assert found["state"] == "failed"
    assert "m.png says it is 60000×60000" in found["error"]
    assert str(served.page.store.root) not in found["error"]
    assert {path.name for path in held(served.page.store.root)} == {"source"}


BAD = [
    b"",
    b"{}",
    b"[" * 100_000,
    b'{"kind":"restore","marks":[{"type":"box","x":0,"y":0,"w":9,"h":9}],"selector":"/etc/passwd"}',
    b'{"kind":"restore","marks":[{"type":"box","x":0,"y":0,"w":9,"h":9}],"selector":"a.safetensors"}',
    b'{"kind":"restore","marks":[],"out":"/tmp/x.mp4"}',
    b'{"kind":"restore","marks":[{"type":"found","layer":"../../x"}]}',
    b'{"kind":"find","how":"file"}',
    b'{"kind":"find","how":"follow"}',
    b'{"kind":"preview","marks":[],"frame":-1}',
    b'{"kind":"preview","marks":[{"type":"box","x":0,"y":0,"w":9,"h":9}],"frame":6}',
    b'{"kind":"preview","marks":[{"type":"stroke","points":[[NaN,0]],"size":1}],"frame":0}',
]


@pytest.mark.parametrize("body", BAD, ids=lambda body: repr(body[:40]))
def test_requests_that_make_no_sense_are_refused(served, clip, body):
    assert served.ask("POST", f"/api/clips/{clip}/jobs", body)[0] in (400, 413, 422)
    assert not served.json("GET", "/api/state")["jobs"]


def test_only_so_many_videos_and_jobs_are_taken(served, video):
    data = video(count=6).read_bytes()
    clips = [served.ask("POST", "/api/clips?name=a.mp4", data) for _ in range(6)]
    assert [status for status, _ in clips] == [201] * 4 + [409] * 2
    name = served.json("GET", "/api/state")["clips"][0]["id"]
    asked = b'{"kind":"find","how":"scratches"}'
    statuses = [served.ask("POST", f"/api/clips/{name}/jobs", asked)[0] for _ in range(5)]
    assert statuses.count(429) >= 1
    assert len(list(served.page.store.root.iterdir())) <= 6


def test_a_hundred_requests_at_once_are_all_answered(served, clip):
    paths = ["/api/state", "/", f"/api/clips/{clip}/picture/source/3?width=160", "/api/nothing"]

    def ask(k):
        return served.ask("GET", paths[k % 4])[0]

    with ThreadPoolExecutor(100) as pool:
        statuses = list(pool.map(ask, range(200)))
    assert [statuses[k::4] for k in range(4)] == [[200] * 50] * 3 + [[404] * 50]
    assert len(served.page.pictures._readers) == 1


def test_other_sites_and_names_get_nothing_from_the_real_server(served, clip):
    for headers in ({"origin": "http://evil.example"}, {"host": "evil.example"}, {"sec_fetch_site": "cross-site"}):
        assert served.ask("DELETE", f"/api/clips/{clip}", **headers)[0] == 403
        assert served.ask("GET", f"/api/clips/{clip}/picture/source/0", **headers)[0] == 403
    assert served.json("GET", "/api/state")["clips"]


def test_closing_a_video_deletes_it(served, clip):
    assert held(served.page.store.root)
    served.json("DELETE", f"/api/clips/{clip}")
    assert not list(served.page.store.root.iterdir())
    assert served.ask("GET", f"/api/clips/{clip}/picture/source/0")[0] == 404


@pytest.mark.parametrize("kill", ["terminate", "kill"])
def test_nothing_is_left_when_the_server_ends(tmp_path, video, kill):
    data = video(count=6).read_bytes()
    place = tmp_path / "temporary"
    place.mkdir()
    import os

    environment = {**os.environ, "TMPDIR": str(place)}
    command = [sys.executable, "-m", "rovr", "serve", "--port", "0", "--no-browser", "--device", "cpu"]

    def start():
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert process.stdout is not None
        return process, int(process.stdout.readline().strip().rstrip("/").rpartition(":")[2])

    process, port = start()
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    link.request("POST", "/api/clips?name=a.mp4", data, {"x-rovr": "1"})
    assert link.getresponse().status == 201
    link.close()
    assert len(list(place.glob("rovr-serve-*"))) == 1
    getattr(process, kill)()
    process.wait(60)
    if kill == "terminate":
        assert process.returncode == 0
        assert "Stopped; the videos" in process.stdout.read()
    if kill == "kill":
        # Nobody can tidy up after that but the next server.
        process, port = start()
        folders = list(place.glob("rovr-serve-*"))
        assert [f"-{process.pid}-" in folder.name for folder in folders] == [True]
        process.terminate()
        process.wait(60)
    assert not list(place.glob("rovr-serve-*"))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="tells the state of a process on Linux alone")
def test_what_a_dead_server_left_goes_although_nobody_has_asked_how_it_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dead = subprocess.Popen(["true"])
    while Path(f"/proc/{dead.pid}/stat").read_text().split()[2] != "Z":
        time.sleep(0.01)
    (tmp_path / f"rovr-serve-{dead.pid}-abc").mkdir()
    store = Store(Limits())
    assert list(tmp_path.iterdir()) == [store.root]
    store.close()
    dead.wait()
