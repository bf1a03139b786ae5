"""Real signals to real processes, from their first moment on."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import moving_texture, write_video

from rovr.cli import answer
from rovr.cli.progress import Display

WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "terminated"}


@pytest.fixture(autouse=True)
def heard():
    """As in a terminal, even where the tests themselves run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def begin(folder, *args, ignored=None):
    """A job that outlasts the signal."""
    path = write_video(folder / "in.mp4", moving_texture(600), options={"preset": "ultrafast"})
    command = [sys.executable, "-m", "rovr", "restore", str(path), "--box", "4,4,50,40", "--device", "cpu"]
    command += ["--editor", "telea", "--selector", "nearest", "-o", str(folder / "out.mp4"), *args]

    def prepare():
        if ignored is not None:
            signal.signal(ignored, signal.SIG_IGN)

    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=prepare)


def reached(process, place):
    """Wait until a process has loaded a compiled module, or begun a file; whether it has."""
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        with open(f"/proc/{process.pid}/maps") as maps:
            if place in maps.read() or any(place in name for name in os.listdir(f"/proc/{process.pid}/cwd")):
                return True
        time.sleep(0.005)
    return False


# What is loaded, or written, when the signal comes.
@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks into /proc")
@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGINT, "_multiarray_umath"),
        (signal.SIGINT, "libtorch_python"),
        (signal.SIGTERM, "libtorch_python"),
        (signal.SIGHUP, ".out.partial"),
    ],
)
def test_a_signal_ends_the_command_whenever_it_comes(tmp_path, monkeypatch, number, moment):
    monkeypatch.chdir(tmp_path)
    process = begin(tmp_path)
    assert reached(process, moment)
    process.send_signal(number)
    told = process.communicate(timeout=120)[1]
    expected = signal.SIGTERM if number == signal.SIGHUP else number
    assert process.returncode == 128 + expected, told
    assert told.splitlines()[-1] == f"rovr: {WORDS[number]}, nothing was written."
    assert "Traceback" not in told
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


@pytest.mark.parametrize("number", WORDS)
def test_what_is_said_of_a_signal(number, capsys):
    assert answer(lambda: signal.raise_signal(number)) == 128 + (15 if number == signal.SIGHUP else number)
    assert capsys.readouterr().err == f"rovr: {WORDS[number]}, nothing was written.\n"


@pytest.mark.parametrize("number", WORDS)
def test_what_the_process_is_told_to_ignore_is_ignored(number):
    before = signal.signal(number, signal.SIG_IGN)
    try:
        assert answer(lambda: signal.raise_signal(number)) == 0
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("number", WORDS)
def test_a_swallowed_signal_is_raised_again_at_the_next_frame(number):
    frames = []

    def run():
        with Display(quiet=True) as display:
            # As compiled code does that imports a module.
            with contextlib.suppress(BaseException):
                signal.raise_signal(number)
            for frame in range(3):
                display.step()
                frames.append(frame)

    assert answer(run) > 128
    assert not frames
    # Another job is not to blame.
    assert answer(lambda: Display(quiet=True).step()) == 0


def test_the_handlers_are_put_back():
    before = [signal.getsignal(number) for number in WORDS]
    answer(lambda: None)
    assert [signal.getsignal(number) for number in WORDS] == before
