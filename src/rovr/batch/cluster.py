"""The way to a Ray cluster, and one line for the user where there is none."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rovr.errors import UserError

PATIENCE = 5.0
"""Seconds for an address to answer at all."""

GREETING = 120.0
"""Seconds for a cluster that answers to let us in, or for one of one's own to start on a busy machine."""

STORE = 80 << 20
"""Bytes of the object store of a cluster of one's own: what passes through it are paths."""


class _LateError(Exception):
    """The time is up."""


@contextmanager
def connected(address: str, cores: int | None = None) -> Iterator[None]:
    """Be part of a cluster.

    Args:
        address: ``auto`` for the one that this machine belongs to, ``local`` for one of one's own that ends with this
            process, or the ``host:port`` of a head. Whoever is connected already stays with that.
        cores: of a cluster of one's own, by default all.

    Raises:
        UserError: Ray is not installed, the address is none, or nobody answers there.
    """
    ray = _ray()
    if ray.is_initialized():
        yield
        return
    _check(address)
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == "local":
        # Nobody is told that this cluster exists.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        options |= {"num_cpus": cores, "object_store_memory": STORE, "include_dashboard": False}
    try:
        with _patience(GREETING):
            ray.init(address=address, **options)
    except _LateError:
        ray.shutdown()
        raise UserError(f"--ray {address}: no Ray cluster answers there within {GREETING:.0f} s.{_HINT}") from None
    except (ray.exceptions.RayError, OSError, RuntimeError, ValueError) as error:
        ray.shutdown()
        raise UserError(f"--ray {address}: {_line(error)}{_HINT}") from error
    try:
        yield
    finally:
        ray.shutdown()


_HINT = " Check that the cluster runs and that this machine is one of its nodes (ray status), or pass --ray local."


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise UserError("--ray needs Ray; install it with pip install 'rovr[ray]'.") from error
    return ray


def _check(address: str) -> None:
    """Knock, since Ray itself would go on knocking for minutes."""
    if address in ("auto", "local"):
        return
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdigit():
        raise UserError(f"--ray {address}: give auto, local, or host:port of the cluster's head, as in 10.0.0.1:6379.")
    try:
        socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise UserError(f"--ray {address}: nobody answers there ({_line(error)}).{_HINT}") from error


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """Break off what takes too long, where the system can: in the first thread."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def late(number: int, frame: Any) -> None:
        raise _LateError

    previous = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0].rstrip(".") + "." if text and not isinstance(error, OSError) else str(error) or type(error).__name__
