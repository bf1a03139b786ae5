"""The way to a Ray cluster, and one line for the user where there is none."""

import atexit
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from rovr.errors import UserError

PATIENCE = 5.0
"""Seconds for an address to answer at all."""

HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
"""How a conversation in HTTP/2 begins, the language of Ray's heads; the answer's fourth byte is a 4 too (RFC 9113)."""

SILENCE = 30.0
"""Seconds without an answer after which a head is given up; Ray would end this process after 60, without a word."""

GOODBYE = 15.0
"""Seconds to part with a lost head."""

STORE = 80 << 20
"""Bytes of the object store of a cluster of one's own: what passes through it are paths."""


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
    else:
        # Whoever computes for minutes without a question is to live to hear of it from us.
        os.environ.setdefault("RAY_gcs_rpc_server_reconnect_timeout_s", "600")
    try:
        ray.init(address=address, **options)
    except (ray.exceptions.RayError, OSError, RuntimeError, ValueError) as error:
        ray.shutdown()
        raise UserError(f"--ray {address}: {_line(error)}{_HINT}") from error
    # One that was lost may have come back.
    _LOST.clear()
    try:
        yield
    finally:
        _leave(ray)


def _leave(ray: Any) -> None:
    """Part with the cluster; a head that is lost may never answer to that either."""
    if not _LOST:
        ray.shutdown()
        return
    leaving = threading.Thread(target=ray.shutdown, daemon=True)
    leaving.start()
    leaving.join(GOODBYE)
    if leaving.is_alive():
        # It would be waited for again at the end of the process, or, where it is not, bring that down.
        atexit.register(_end)


def _end() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(2)


def watch() -> None:
    """See that the head is there, before it is asked for anything: from a question to a lost one nobody comes back.

    Raises:
        UserError: it has not answered for a while.
    """
    place = str(_ray().get_runtime_context().gcs_address)
    end = time.monotonic() + SILENCE
    while place not in _LOST:
        try:
            if _knock(place):
                return
        except OSError:
            pass
        if time.monotonic() > end:
            _LOST.add(place)
        else:
            time.sleep(0.5)
    raise UserError(
        f"--ray: the head of the cluster, {place}, no longer answers. What was finished is kept: start the cluster "
        "again, and the same command goes on from there."
    )


_LOST: set[str] = set()


@contextmanager
def hushed() -> Iterator[None]:
    """For the command line: keep Ray's remarks on what it lost off stdout, which is left to results."""
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        yield


_HINT = " Check that the cluster runs and that this machine is one of its nodes (ray status), or pass --ray local."


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise UserError("Ray is not installed; install it with pip install 'rovr[ray]'.") from error
    return ray


def _check(address: str) -> None:
    """Knock, since Ray itself would go on knocking for minutes."""
    place = os.environ.get("RAY_ADDRESS", "auto") if address == "auto" else address
    if place in ("auto", "local"):
        return
    host, _, port = place.rpartition(":")
    if not host or "/" in host or not port.isdigit():
        raise UserError(f"--ray {place}: give auto, local, or host:port of the cluster's head, as in 10.0.0.1:6379.")
    try:
        head = _knock(place)
    except (OSError, OverflowError) as error:
        raise UserError(f"--ray {place}: nobody answers there ({_line(error)}).{_HINT}") from error
    if not head:
        raise UserError(f"--ray {place}: whoever answers there is no head of a Ray cluster.{_HINT}")


def _knock(place: str) -> bool:
    """Whether it is a head that answers at ``host:port``; an OSError where nobody does."""
    host, _, port = place.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), PATIENCE) as line:
        if os.environ.get("RAY_USE_TLS", "0") != "0":
            # An encrypted cluster says nothing to strangers; Ray knows how to talk to it.
            return True
        line.sendall(HELLO)
        return line.recv(9)[3:4] == b"\4"


def _line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0].rstrip(".") + "." if text and not isinstance(error, OSError) else str(error) or type(error).__name__
