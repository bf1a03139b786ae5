"""Give memory back that the C library keeps although nobody uses it."""

import ctypes
import functools
from collections.abc import Callable

LARGE = 2**20
"""Pixels of a frame from which on this is worth the time."""


@functools.cache
def _trim() -> Callable[[int], int] | None:
    """Glibc's malloc_trim; None where the C library is another one."""
    try:
        found: Callable[[int], int] = ctypes.CDLL("libc.so.6").malloc_trim
    except (OSError, AttributeError):
        return None
    return found


def release(pixels: int) -> None:
    """Hand unused memory back to the system, where frames have so many pixels that it matters.

    Between two large pictures that are let go of, something small is often kept, and glibc then keeps the gap, which
    nothing large fits into again: a process that never needs one gigabyte at a time comes to hold three.
    """
    trim = _trim() if pixels >= LARGE else None
    if trim is not None:
        trim(0)
