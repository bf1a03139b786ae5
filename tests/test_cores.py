"""What is said of cores that others have, or that may not be used."""

import os
import subprocess
import sys

import pytest

from rovr.cli.cores import Cores
from rovr.threads import SPINS

TICK = os.sysconf("SC_CLK_TCK")


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Four cores; ``machine(passed, busy, own)`` lets seconds pass, in which so many of one core were at work."""
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    (tmp_path / "proc").mkdir()
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    clock = {"idle": 1000.0, "busy": 500.0, "own": 1.0}

    def write():
        # user, nice, system, idle, waiting for disks, interrupts twice, stolen by other machines
        user, idle = clock["busy"] - 40, clock["idle"] - 30
        words = [user, 10, 10, idle, 30, 5, 5, 10, 0, 0]
        (tmp_path / "proc/stat").write_text("cpu  " + " ".join(str(round(w * TICK)) for w in words) + "\ncpu0 1 2 3\n")
        monkeypatch.setattr("os.times", lambda: (clock["own"], 0.0, 0.0, 0.0, 9.0))

    def let_pass(passed, busy, own):
        clock["busy"] += busy
        clock["idle"] += 4 * passed - busy
        clock["own"] += own
        write()

    write()
    return let_pass


@pytest.mark.parametrize(
    ("passed", "busy", "own", "threads", "better"),
    [
        (2.0, 2.0, 2.0, 4, None),  # ourselves alone
        (2.0, 4.0, 2.0, 4, 3),
        (2.0, 4.0, 2.0, 3, None),
        (2.0, 8.0, 2.0, 4, 1),
        (2.0, 8.0, 0.0, 2, 1),
        (2.0, 8.0, 2.0, 1, None),
        (2.0, 2.5, 2.0, 4, None),  # a quarter of a core
        (0.3, 1.2, 0.0, 4, None),  # too short a look
    ],
)
def test_others(machine, tmp_path, passed, busy, own, threads, better):
    cores = Cores(tmp_path)
    machine(passed, busy, own)
    said = cores.advice(threads)
    assert (f"OMP_NUM_THREADS={better} " in said) if better else said == ""
    if better:
        assert said.startswith(f"other programs keep {(busy - own) / passed:.1f} of 4 cores busy")


@pytest.mark.parametrize(
    ("files", "threads", "better"),
    [
        ({"cpu.max": "150000 100000\n"}, 4, 1),
        ({"cpu.max": "200000 100000\n"}, 4, 2),
        ({"cpu.max": "200000 100000\n"}, 2, None),
        ({"cpu.max": "max 100000\n"}, 4, None),
        ({"cpu.max": "?"}, 4, None),
        ({"cpu/cpu.cfs_quota_us": "250000", "cpu/cpu.cfs_period_us": "100000"}, 4, 2),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 4, None),
    ],
)
def test_containers(machine, tmp_path, files, threads, better):
    for name, text in files.items():
        path = tmp_path / "sys/fs/cgroup" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    said = Cores(tmp_path).advice(threads)
    assert ("this container" in said and f"OMP_NUM_THREADS={better} " in said) if better else said == ""


@pytest.mark.parametrize("text", [None, "", "cpu a b c", "cpu 1 2 3"])
def test_machines_that_tell_nothing(tmp_path, text):
    if text is not None:
        (tmp_path / "proc").mkdir()
        (tmp_path / "proc/stat").write_text(text)
    assert Cores(tmp_path).advice(4) == ""


@pytest.mark.skipif(sys.platform != "linux", reason="GNU's OpenMP tells its settings")
@pytest.mark.parametrize(
    ("said", "spins"), [({}, SPINS), ({"GOMP_SPINCOUNT": "77"}, 77), ({"OMP_WAIT_POLICY": "passive"}, 0)]
)
def test_threads_are_told_how_to_wait_before_they_begin(said, spins):
    own = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    env = {**own, "OMP_DISPLAY_ENV": "verbose", **said}
    told = subprocess.run([sys.executable, "-m", "rovr", "info"], env=env, capture_output=True, text=True, check=True)
    if "GOMP_SPINCOUNT" not in told.stderr:
        pytest.skip("torch's threads are not those of GNU's OpenMP here")
    assert f"GOMP_SPINCOUNT = '{spins}'" in told.stderr
