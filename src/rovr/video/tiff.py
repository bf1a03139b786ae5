"""Tags of a TIFF, as in TIFF 6.0 and BigTIFF; nothing of it is decoded."""

import struct
from collections.abc import Collection

# Bytes of a value by its type: those in which sizes and profiles are written.
_SIZES = {1: 1, 3: 2, 4: 4, 7: 1, 16: 8}


def byte_order(data: bytes) -> str:
    """``<`` or ``>``, for :mod:`struct`."""
    return "<" if data[:2] == b"II" else ">"


def read_tags(data: bytes, wanted: Collection[int]) -> dict[int, bytes]:
    """Values of the first picture's tags, as they lie in the file.

    Args:
        data: the whole file.
        wanted: numbers of tags.

    Raises:
        struct.error: the file ends too early.
        KeyError: a value of another type.
    """
    order = byte_order(data)
    big = struct.unpack_from(f"{order}H", data, 2)[0] == 43
    where, count, entry = (f"{order}Q", f"{order}Q", 20) if big else (f"{order}I", f"{order}H", 12)
    room = struct.calcsize(where)
    start = struct.unpack_from(where, data, 8 if big else 4)[0]
    entries = struct.unpack_from(count, data, start)[0]
    found = {}
    for index in range(min(entries, 4096)):
        at = start + struct.calcsize(count) + index * entry
        tag, kind = struct.unpack_from(f"{order}HH", data, at)
        if tag not in wanted:
            continue
        size = _SIZES[kind] * struct.unpack_from(where, data, at + 4)[0]
        place = at + 4 + room
        if size > room:  # then an offset stands in the value's place
            place = struct.unpack_from(where, data, place)[0]
        found[tag] = data[place : place + size]
    return found
