"""Ctrl-C, a request to end, a closed terminal: one line and an exit code, and nothing half-written stays behind."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

VIDEO = ("numpy", "cv2", "av")
"""What reads and writes videos; NumPy first, which the others import out of compiled code."""
HEAVY = (*VIDEO, "torch")
"""What repairs them. A verb that needs others says so in ``LOADS``."""

Handler = Callable[[int, FrameType | None], Any]
_asked: list[int] = []
_WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


class Interrupted(KeyboardInterrupt):
    """Ctrl-C; Python counts its own exception as unhandled once it has passed compiled code, and then kills itself."""


class Terminated(SystemExit):
    """The process was asked to end; an exception, so that whatever is half-written is removed on the way out."""


def told(number: int) -> str:
    """The line that says how a job ended.

    Args:
        number: of the signal.
    """
    return f"rovr: {_WORDS[signal.Signals(number)]}, nothing was written."


@contextmanager
def orderly() -> Iterator[None]:
    """While a job runs: SIGINT and SIGTERM raise exceptions, and a closed terminal (SIGHUP) counts as SIGTERM."""
    handlers: dict[int, Handler] = {signal.SIGINT: _raise, signal.SIGTERM: _raise}
    _asked.clear()
    if hasattr(signal, "SIGHUP"):
        handlers[signal.SIGHUP] = _as_termination
    with _handled(handlers):
        yield


@contextmanager
def at_once() -> Iterator[None]:
    """While nothing is begun: SIGINT and SIGTERM end the process on the spot.

    Compiled modules import others when they are loaded, and discard or rename an exception that comes up meanwhile.
    """
    with _handled({signal.SIGINT: _end, signal.SIGTERM: _end}):
        yield


@contextmanager
def _handled(handlers: dict[int, Handler]) -> Iterator[None]:
    previous = {}
    try:
        for number, handler in handlers.items():
            # Whoever has the process ignore a signal, as nohup does, means it.
            if signal.getsignal(number) != signal.SIG_IGN:
                previous[number] = signal.signal(number, handler)
        yield
    finally:
        for number, handler_before in previous.items():
            signal.signal(number, handler_before)


@contextmanager
def going_on(say: Callable[[str], None], line: str) -> Iterator[None]:
    """Around work of which a part is kept: say so in place of :func:`told` when it is interrupted.

    Args:
        say: prints a line.
        line: what is kept, and how to go on.
    """
    try:
        yield
    except (KeyboardInterrupt, Terminated) as error:
        say(line)
        raise SystemExit(getattr(error, "code", 128 + signal.SIGINT)) from None


def check() -> None:
    """Between two frames: raise once more what compiled code, or a finalizer, may have swallowed.

    Raises:
        Interrupted: by Ctrl-C.
        Terminated: by SIGTERM.
    """
    if _asked:
        raise _exception(_asked[-1])


def _exception(number: int) -> BaseException:
    return Interrupted() if number == signal.SIGINT else Terminated(128 + number)


def _raise(number: int, frame: FrameType | None) -> None:
    _asked.append(number)
    raise _exception(number)


def _as_termination(number: int, frame: FrameType | None) -> None:
    # Through the signal, since a server has its own way to end.
    signal.raise_signal(signal.SIGTERM)


def _end(number: int, frame: FrameType | None) -> None:
    try:
        # Not by print: the signal may have come in the middle of one.
        os.write(2, f"{told(number)}\n".encode())
    finally:
        os._exit(128 + number)
