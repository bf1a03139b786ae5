"""Bounds on what a file may claim, so that a few bytes cannot ask for all memory."""

from pathlib import Path

from rovr.errors import UserError

MAX_PIXELS = 1 << 26
"""Pixels of a frame or picture that are read unless more are asked for: 8192 × 8192."""

MAX_SIDE = 65_000
"""Pixels of a side; half of more would be beyond what OpenCV follows motion through."""

MAX_TEXT = 1 << 26
"""Bytes of a JSON or CSV file."""

MAX_WEIGHTS = 1 << 32
"""Bytes of a file of weights."""

# Uncompressed and with 16 bits a sample, a picture has no more bytes a pixel; headers may take a megabyte.
_BYTES_A_PIXEL, _HEADER = 8, 1 << 20


def check_pixels(what: Path | str, width: int, height: int, limit: int = MAX_PIXELS) -> None:
    """Refuse pictures that are larger than expected, before they are decoded.

    Args:
        what: the file.
        width: pixels.
        height: pixels.
        limit: pixels that are allowed.

    Raises:
        UserError: it is larger.
    """
    if width * height > limit:
        raise UserError(
            f"{what} says it is {width}×{height}, and more than {limit:,} pixels are refused; if it really is that "
            f"large, pass --max-pixels {width * height}."
        )
    if max(width, height) > MAX_SIDE:
        raise UserError(
            f"{what} is {width}×{height}, and sides of more than {MAX_SIDE:,} pixels are refused; cut it up."
        )


def check_bytes(path: Path, limit: int) -> None:
    """Refuse files that are larger than any of their kind, before they are read.

    Raises:
        UserError: it is larger, or cannot be found.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); check the path.") from None
    if size > limit:
        raise UserError(f"{path} has {size:,} bytes, more than the {limit:,} that such a file may have; check it.")


def picture_bytes(pixels: int) -> int:
    """Bytes that the file of a picture may have."""
    return pixels * _BYTES_A_PIXEL + _HEADER
