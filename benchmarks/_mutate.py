"""Ways to damage a file: bits, bytes, lengths, foreign pieces, and values of JSON."""

import copy
import json
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Chance = np.random.Generator
_ODD = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 100_000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_HEADERS = (
    b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"RIFF\xff\xff\xff\x7fAVI LIST", b"\x1a\x45\xdf\xa3",
    b"\0\0\0\x20ftypisom", b"OggS", b"FLV\1", b"#EXTM3U\n", b"ffconcat version 1.0\nfile x\n", b"\0\0\1\xba", b"PK\3\4",
    b"\x80\4\x95", b"BM", b"II*\0", b"MM\0*", b"YUV4MPEG2 W99999 H99999 F25:1\nFRAME\n", b"%PDF", b"[Script Info]\n",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 0.5, 1e308, -1e308, 10**30, float("nan"), float("inf"), "", "x", "../../x", "\0",
    "<b>", "é" * 300, [], {}, [[]], [None], [[[[1]]]], {"": 1}, [1] * 50, "1", "1e999", 2**31, 2**63, -(2**63),
)  # fmt: skip


def _place(data: bytes, chance: Chance) -> int:
    """Somewhere, most often near the start, where headers are."""
    span = len(data) if chance.random() < 0.7 else min(len(data), 1024)
    return int(chance.integers(0, max(span, 1)))


def _truncated(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
    return data[: int(chance.integers(0, len(data) + 1))]


def _bits(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
    changed = bytearray(data)
    for _ in range(int(2 ** chance.integers(0, 6))):
        if changed:
            changed[_place(data, chance)] ^= 1 << int(chance.integers(0, 8))
    return bytes(changed)


def _number(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
    """A length, a count or a size becomes absurd."""
    changed = bytearray(data)
    for _ in range(int(chance.integers(1, 4))):
        at, form = _place(data, chance), str(chance.choice(["<I", ">I", "<H", ">H", "<Q", ">Q"]))
        value = int(chance.choice(_ODD)) & (2 ** (8 * struct.calcsize(form)) - 1)
        changed[at : at + struct.calcsize(form)] = struct.pack(form, value)
    return bytes(changed)


def _run(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
    """A stretch of zeros, of ones or of noise."""
    at, count = _place(data, chance), int(2 ** chance.integers(0, 10))
    fill = (bytes(count), b"\xff" * count, chance.bytes(count))[int(chance.integers(0, 3))]
    return data[:at] + fill + data[at + count :]


def _cut(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
    at = _place(data, chance)
    return data[:at] + data[at + int(2 ** chance.integers(0, 10)) :]


def _doubled(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
    at, other, count = _place(data, chance), _place(data, chance), int(2 ** chance.integers(0, 10))
    return data[:at] + data[other : other + count] + data[at:]


def _spliced(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
    """The start of this and the end of another."""
    other = others[int(chance.integers(0, len(others)))]
    return data[: _place(data, chance)] + other[_place(other, chance) :]


def _headed(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
    """The header of something else."""
    header = _HEADERS[int(chance.integers(0, len(_HEADERS)))]
    return header + data[len(header) * int(chance.integers(0, 2)) :]


def _blank(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
    return (b"", b"\0", bytes(4096), chance.bytes(4096), bytes(len(data)))[int(chance.integers(0, 5))]


_BYTES: tuple[Callable[[bytes, Chance, Sequence[bytes]], bytes], ...] = (
    _truncated, _bits, _bits, _number, _number, _number, _run, _cut, _doubled, _spliced, _headed,
)  # fmt: skip


def mutate(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
    """Damage a file in one to three ways.

    Args:
        data: the file.
        chance: decides all.
        others: files to take pieces from.
    """
    if chance.random() < 0.01:
        return _blank(data, chance, others)
    for _ in range(int(chance.choice([1, 1, 1, 2, 3]))):
        data = _BYTES[int(chance.integers(0, len(_BYTES)))](data, chance, others)
    return data


def mutate_json(text: bytes, chance: Chance) -> bytes:
    """Put odd values into JSON, leave entries out, nest it deeply."""
    if chance.random() < 0.03:
        depth = int(10 ** chance.integers(1, 6))
        return b"[" * depth + (b"]" * depth if chance.random() < 0.5 else b"")
    held = json.loads(text)
    for _ in range(int(chance.integers(1, 4))):
        places = list(_places(held))
        if not places:
            break
        # Of each depth alike: lists of numbers would otherwise take nearly all.
        depth = int(chance.choice(sorted({place[2] for place in places})))
        fitting = [place for place in places if place[2] == depth]
        box, key, _ = fitting[int(chance.integers(0, len(fitting)))]
        if chance.random() < 0.2:
            del box[key]
        elif chance.random() < 0.1 and isinstance(box, list):
            box.append(copy.deepcopy(box[key]))
        else:
            box[key] = copy.deepcopy(_VALUES[int(chance.integers(0, len(_VALUES)))])
    return json.dumps(held).encode("utf-8", "surrogatepass")


def _places(held: Any, depth: int = 0) -> Any:
    """(container, key, depth) of everything in it."""
    pairs = held.items() if isinstance(held, dict) else enumerate(held) if isinstance(held, list) else ()
    for key, value in list(pairs):
        yield held, key, depth
        yield from _places(value, depth + 1)
