"""Processes of their own, forked off one that has everything loaded, so that loading it takes its time only once.

What happens in the first moments of a command is not to be seen in them; tests of that start Python anew.
"""

import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

from rovr.cli import main

LOADED = ["rovr.cli.restore", "rovr.restore", "rovr.editor.classical", "rovr.editor.aligned", "rovr.select.learned"]


class Forked:
    """Used as :class:`subprocess.Popen` is.

    Args:
        call: a function of some module, whose answer is the exit status; ``rovr`` by default.
        arguments: of it.
        env: variables to set beside those of the tests.
        file_size: bytes beyond which no file grows, as where a disk is full.
    """

    def __init__(
        self,
        *arguments: Any,
        call: Callable[..., int | None] | None = None,
        env: Mapping[str, str] | None = None,
        file_size: int | None = None,
    ) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(LOADED)
        self._told = [tempfile.NamedTemporaryFile("r", prefix="told-") for _ in range(2)]  # noqa: SIM115
        names = [file.name for file in self._told]
        run = (call or _rovr, arguments, dict(env or {}), file_size, names)
        self._process = context.Process(target=_run, args=run)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """Exit status; negative where a signal ended it, None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """See ``returncode``."""
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it, if there still is somebody to hear it."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Without asking."""
        self._process.kill()

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for the end; what was written to stdout and stderr."""
        self._process.join(timeout)
        if self.returncode is None:
            self.kill()
            raise subprocess.TimeoutExpired("forked", timeout or 0)
        out, err = (file.read() for file in self._told)
        for file in self._told:
            file.close()
        return out, err


def _run(
    call: Callable[..., int | None],
    arguments: tuple[Any, ...],
    env: dict[str, str],
    file_size: int | None,
    names: list[str],
) -> None:
    os.environ.update(env)
    for place, name in enumerate(names, 1):
        with open(name, "w") as file:
            os.dup2(file.fileno(), place)
    if file_size is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
    sys.exit(call(*arguments))


def _rovr(*arguments: str) -> int:
    return main(arguments)
