"""Start the page and keep it running until it is interrupted."""

import contextlib
import secrets
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Callable

import uvicorn

from rovr.errors import UserError
from rovr.serve.app import make_app
from rovr.serve.guard import Guard, is_loopback
from rovr.serve.limits import Limits

PORT, TRIES = 8765, 10


def bind(host: str, port: int | None) -> socket.socket:
    """A socket that listens.

    Args:
        host: address.
        port: None for the first that is free of a few, 0 for any.

    Raises:
        UserError: the address is not this machine's, or the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    reason = ""
    for number in range(PORT, PORT + TRIES) if port is None else (port,):
        listener = socket.socket(family, socket.SOCK_STREAM)
        if sys.platform != "win32":
            # There it would let two servers share a port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, number))
            return listener
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            listener.close()
    where = f"{host}:{port}" if port is not None else f"{host}:{PORT} to {PORT + TRIES - 1}"
    raise UserError(f"Nothing can listen on {where} ({reason}); pass another --port or --host.")


def serve(
    host: str = "127.0.0.1",
    port: int | None = None,
    browser: bool = True,
    device: str = "auto",
    limits: Limits | None = None,
    say: Callable[[str], object] = print,
) -> None:
    """Serve the page until interrupted.

    Args:
        host: address to listen on; one that others can reach gets a token.
        port: see :func:`bind`.
        browser: whether to open one.
        device: where to compute.
        limits: what is taken.
        say: told the page's address.

    Raises:
        UserError: the address or port cannot be had, or there is no such device.
    """
    from rovr.device import pick_device

    if device != "auto":
        pick_device(device)
    with bind(host, port) as listener:
        token = None if is_loopback(host) else secrets.token_urlsafe(24)
        shown = _own_address() if host in ("0.0.0.0", "::") else host
        named = f"[{shown}]" if ":" in shown else shown
        address = f"http://{named}:{listener.getsockname()[1]}/" + (f"?token={token}" if token else "")
        guarded = Guard(make_app(limits, device), host, token)
        config = uvicorn.Config(
            guarded,
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="on",
            # Behind these, requests are answered 503 at once.
            limit_concurrency=512,
            timeout_graceful_shutdown=3,
        )
        server = uvicorn.Server(config)
        threading.Thread(target=_announce, args=(server, address, browser, token, say), daemon=True).start()
        # Both are how a server is meant to end; uvicorn raises the signal once more when it is done.
        with contextlib.suppress(KeyboardInterrupt, SystemExit):
            server.run(sockets=[listener])
    say("Stopped; the videos that were opened here are deleted.")


def _own_address() -> str:
    """The number under which this machine is reached, as far as it knows."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        # Nothing is sent: a datagram socket only looks up its own side.
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])
    return "127.0.0.1"


def _announce(
    server: uvicorn.Server, address: str, browser: bool, token: str | None, say: Callable[[str], object]
) -> None:
    while not server.started:
        if server.should_exit:
            return
        time.sleep(0.05)
    say(f"ROVR's page: {address}")
    if token:
        say("Others on the network can reach it; whoever has the whole address can use it, so keep it to yourself.")
    say("Press Ctrl+C to stop.")
    if browser:
        webbrowser.open(address)
