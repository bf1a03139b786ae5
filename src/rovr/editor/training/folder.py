"""The folder of a training run: made, held by one run at a time, and no place for another kind of run to go on in."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
        raise _other(checkpoint) from error


def check_same(checkpoint: Path, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """See that a run goes on with the settings that it began with.

    Args:
        checkpoint: that it goes on from.
        then: settings that decide what is learned, of those who began; what is not told there may be anything.
        now: of those who go on.

    Raises:
        UserError: one is another.
    """
    changed = [f"{name} was {then[name]}, now {value}" for name, value in now.items() if then.get(name, value) != value]
    if changed:
        raise _other(checkpoint, f" ({'; '.join(changed)})")


def _other(checkpoint: Path, which: str = "") -> UserError:
    return UserError(
        f"{checkpoint} is of a run with other settings{which}, and does not go on with these; "
        "give those of then, or another --out"
    )
