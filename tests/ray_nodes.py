"""A real cluster of several nodes on this machine, whose workers and nodes may be killed."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def head() -> Iterator[Any]:
    """A head, and two nodes with room for one worker each, for all tests of a module that take it.

    ``head.workers(node)`` are the processes of a node that hold a worker of ours.
    """
    with _cluster() as made:
        yield made


@pytest.fixture
def mortal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The same for one test alone, whose head, at ``mortal.place``, ``mortal.behead()`` kills; that is soon noticed."""
    monkeypatch.setattr("rovr.batch.cluster.SILENCE", 2.0)
    with _cluster() as made:
        made.place, made.behead = made.address, made.head_node.kill_gcs_server
        yield made


@contextlib.contextmanager
def _cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_PRESTART_WORKER_FIRST_DRIVER", "0")
        # As quick as other processes, and not fifteen steps nicer.
        patch.setenv("RAY_worker_niceness", "0")
        # A lost node is noticed in seconds.
        patch.setenv("RAY_health_check_period_ms", "1000")
        patch.setenv("RAY_health_check_failure_threshold", "3")
        small = {"object_store_memory": 80 << 20, "include_dashboard": False}
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **small})
        made.nodes = [made.add_node(num_cpus=1, object_store_memory=80 << 20) for _ in range(2)]
        made.wait_for_nodes()
        made.workers = _workers
        yield made
        made.shutdown()


def _workers(node: Any) -> list[int]:
    raylet = node.all_processes["raylet"][0].process.pid
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == raylet and (folder / "cmdline").read_bytes().startswith(b"ray::Worker"):
                found.append(int(folder.name))
    return found
