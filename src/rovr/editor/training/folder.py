"""The folder of a training run: made, held by one run at a time, and no place for another kind of run to go on in."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rovr.errors import UserError
from rovr.files import Lock
from rovr.outputs import writing

LOCK = ".lock"
"""In the folder; who holds it trains there."""


def made(out: Path) -> None:
    """Make the folder of a run.

    Raises:
        UserError: it cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out} cannot be made ({error.strerror}); choose another --out") from error


@contextmanager
def held(out: Path) -> Iterator[None]:
    """While a run is at work in its folder: keep others out of it.

    Raises:
        UserError: nothing can be written there, the disk runs full, or another run is at work in it.
    """
    try:
        lock = Lock(out / LOCK)
    except OSError as error:
        raise UserError(f"nothing can be written in {out} ({error.strerror}); choose another --out") from error
    if not lock.held:
        raise UserError(f"another run trains in {out}; wait for it, or choose another --out")
    try:
        with writing(out):
            yield
    finally:
        lock.release()


@contextmanager
def fitting(checkpoint: Path) -> Iterator[None]:
    """While a run takes up what a checkpoint holds.

    Raises:
        UserError: it is of a run that learns something else.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise UserError(
            f"{checkpoint} is of a run with other settings, and does not go on with these; "
            "give those of then, or another --out"
        ) from error
