"""A real cluster of several nodes on this machine; workers and nodes are killed."""

import json
import os
import signal
import socket
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import moving_texture, write_video

from rovr.batch import cluster
from rovr.batch.run import Listener, restore_many
from rovr.batch.task import Tools
from rovr.cli import main
from rovr.errors import UserError

pytest.importorskip("ray", reason="rovr[ray] is not installed")
pytest_plugins = ["ray_nodes"]

TOOLS = Tools(editor="telea", selector="random", device="cpu")
FAST = ["--editor", "telea", "--selector", "random", "--device", "cpu"]
BOX = "8,8,20,20"


# No cluster there


@pytest.mark.parametrize("address", ["nonsense", "host:port", "ray://host:10001", ":6379"])
def test_no_address(address):
    with pytest.raises(UserError, match="give auto, local, or host:port"), cluster.connected(address):
        pass


def test_nobody_answers(tmp_path, capsys):
    write_video(tmp_path / "a.mp4", moving_texture(4))
    with socket.socket() as taken:
        # Bound but not listening: refused at once, and nobody else gets the port.
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for command in (
            ["restore-many", str(tmp_path), "-o", str(tmp_path / "out")],
            ["restore", str(tmp_path / "a.mp4"), "-o", str(tmp_path / "b.mp4")],
        ):
            began = time.monotonic()
            assert main([*command, "--box", BOX, *FAST, "--ray", address]) == 2
            assert time.monotonic() - began < 60
            told = capsys.readouterr().err.splitlines()[-1]
            assert told.startswith(f"rovr: --ray {address}: nobody answers there (")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "out"]


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request", b"", None])
def test_somebody_else_answers(monkeypatch, answer):
    monkeypatch.setattr(cluster, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def reply():
            with server.accept()[0] as line:
                line.recv(100)
                time.sleep(0.4 * (answer is None))
                line.sendall(answer or b"")

        thread = threading.Thread(target=reply)
        thread.start()
        says = "nobody answers there" if answer is None else "no head of a Ray cluster"
        with pytest.raises(UserError, match=says), cluster.connected(f"127.0.0.1:{server.getsockname()[1]}"):
            pass
        thread.join()


def test_a_head_that_falls_silent_is_given_up(monkeypatch):
    """As one whose machine was switched off: lines to it stay open, and its farewell never comes."""
    for name, seconds in (("PATIENCE", 0.1), ("SILENCE", 0.2), ("GOODBYE", 0.1)):
        monkeypatch.setattr(cluster, name, seconds)
    monkeypatch.setattr(cluster, "_LOST", set())
    over, ends = threading.Event(), []
    monkeypatch.setattr(cluster.atexit, "register", ends.append)
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"
        ray = SimpleNamespace(
            get_runtime_context=lambda: SimpleNamespace(gcs_address=place), shutdown=lambda: over.wait(60)
        )
        monkeypatch.setattr(cluster, "_ray", lambda: ray)
        with pytest.raises(UserError, match=f"the head of the cluster, {place}, no longer answers"):
            cluster.watch()
    monkeypatch.setattr(cluster, "SILENCE", 600)
    with pytest.raises(UserError):
        cluster.watch()
    cluster._leave(ray)
    over.set()
    assert ends == [cluster._end]


def test_ray_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"pip install 'rovr\[ray\]'"), cluster.connected("auto"):
        pass


# A cluster


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    for index, name in enumerate("abcd"):
        write_video(tmp_path / "in" / f"{name}.mp4", moving_texture(6, 48, 64, seed=index))
    return tmp_path


def write_long(path):
    """A video that takes a while, in several blocks."""
    noise = np.random.default_rng(0).integers(0, 256, (400, 96, 128, 3), dtype=np.uint8)
    write_video(path, noise, options={"preset": "ultrafast"})


def check(folder, names):
    """All there, each once, none partial, and as one machine makes them."""
    lines = [json.loads(line) for line in (folder / "out" / "manifest.jsonl").read_text().splitlines()]
    assert sorted(line["output"] for line in lines if line["status"] == "done") == names
    restore_many(folder / "in", folder / "truth", boxes=[BOX], tools=TOOLS)
    for name in names:
        assert (folder / "out" / name).read_bytes() == (folder / "truth" / name).read_bytes(), name
    assert sorted(os.listdir(folder / "out")) == [*names, "manifest.jsonl"]


@pytest.mark.timeout(600)
def test_videos_repaired_on_two_nodes(folder, head, capsys, monkeypatch):
    (folder / "in" / "d.mp4").write_bytes(b"no video")
    # What is relative here is sent as it is found from anywhere.
    monkeypatch.chdir(folder)
    command = ["restore-many", "in", "-o", "out", "--box", BOX, *FAST, "--ray", head.address]
    assert main([*command, "--json"]) == 2
    told = capsys.readouterr()
    summary = json.loads(told.out)
    assert (summary["done"], summary["failed"], summary["fault"]) == (3, 1, "user")
    assert "d.mp4 failed: " in told.err
    write_video(folder / "in" / "d.mp4", moving_texture(6))
    assert main([*command, "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    check(folder, ["a.mp4", "b.mp4", "c.mp4", "d.mp4"])


@pytest.mark.timeout(600)
def test_tools_that_cannot_be_loaded(folder, head, capsys):
    command = ["restore-many", str(folder / "in"), "-o", str(folder / "out"), "--box", BOX, "--ray", head.address]
    assert main([*command, "--weights", "none.safetensors"]) == 2
    assert "none.safetensors does not exist" in capsys.readouterr().err.splitlines()[-1]
    assert main([*command, "--worker-cores", "3"]) == 2
    assert "No node of the Ray cluster has 3 cores for a worker" in capsys.readouterr().err


class Killer(Listener):
    """Kills when a video is under way."""

    def __init__(self, kill):
        self.kill, self.reasons = kill, []

    def share(self, task, share):
        if task.input.stem == "a" and 0 < share < 1 and self.kill is not None:
            kill, self.kill = self.kill, None
            kill()

    def again(self, task, reason):
        self.reasons.append(reason)


@pytest.mark.timeout(600)
def test_a_killed_worker_harms_nobody(folder, head, monkeypatch):
    monkeypatch.setattr("rovr.batch.ray.BEAT", 0.05)

    def kill():
        for node in head.nodes:
            for pid in head.workers(node):
                os.kill(pid, signal.SIGKILL)

    write_long(folder / "in" / "a.mp4")
    killer = Killer(kill)
    summary = restore_many(folder / "in", folder / "out", boxes=[BOX], tools=TOOLS, ray=head.address, listener=killer)
    assert killer.kill is None
    assert set(killer.reasons) == {"its worker was killed"}
    # A third where it was given to the other worker, which nobody knew to be dead too.
    assert summary.files[0]["attempts"] in (2, 3)
    assert (summary.done, summary.failed) == (4, 0)
    check(folder, ["a.mp4", "b.mp4", "c.mp4", "d.mp4"])


@pytest.mark.timeout(600)
def test_a_lost_node_harms_nobody(tmp_path, head, capsys):
    """One long video this time, shared out by scenes."""
    scenes = [moving_texture(count, 64, 64, seed=count) for count in (150, 160, 170, 140)]
    path = write_video(tmp_path / "in.mp4", np.concatenate(scenes), options={"preset": "ultrafast", "g": "20"})
    command = ["restore", str(path), "--box", "4,4,54,54", *FAST]
    assert main([*command, "-o", str(tmp_path / "truth.mp4")]) == 0
    lost, over = [], threading.Event()

    def lose():
        journal = tmp_path / ".out.mp4.journal"
        while not list(journal.glob("*.npz")) and not over.wait(0.01):
            pass
        node = None
        while node is None and not over.wait(0.01):
            node = next((node for node in head.nodes if head.workers(node)), None)
        if node is not None:
            lost.append(node)
            head.remove_node(node, allow_graceful=False)

    thread = threading.Thread(target=lose)
    thread.start()
    assert main([*command, "-o", str(tmp_path / "out.mp4"), "--json", "--ray", head.address]) == 0
    over.set()
    thread.join()
    told = capsys.readouterr()
    assert len(lost) == 1, told.err
    assert "are repaired again: its" in told.err
    summary = json.loads(told.out)
    assert (summary["repaired"], summary["resumed"]) == (620, 620)
    assert (tmp_path / "out.mp4").read_bytes() == (tmp_path / "truth.mp4").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4", "truth.mp4"]


@pytest.mark.timeout(600)
def test_a_lost_head_ends_the_command_in_one_line(folder, mortal, capfd):
    write_long(folder / "in" / "a.mp4")
    command = ["restore-many", str(folder / "in"), "-o", str(folder / "out"), "--box", BOX, *FAST]
    over = threading.Event()

    def behead():
        journal = folder / "out" / ".a.mp4.journal"
        while not list(journal.glob("*.npz")) and not over.wait(0.01):
            pass
        mortal.behead()

    thread = threading.Thread(target=behead)
    thread.start()
    assert main([*command, "--quiet", "--ray", mortal.place]) == 2
    over.set()
    thread.join()
    (told,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("rovr: ")]
    assert told.startswith(f"rovr: --ray: the head of the cluster, {mortal.place}, no longer answers.")
    # Nobody is left who would be in the way of the next run.
    assert not any(mortal.workers(node) for node in mortal.nodes)
    assert main(command) == 0
    check(folder, ["a.mp4", "b.mp4", "c.mp4", "d.mp4"])
