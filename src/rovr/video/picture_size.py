"""The size of a picture by its header alone, so that it can be refused before it is decoded.

Headers as in the PNG specification, ITU-T T.81 (JPEG), TIFF 6.0, the WebP container specification, and Windows' BMP.
"""

import struct

from rovr.video.dpx import MAGIC, dpx_size
from rovr.video.tiff import byte_order, read_tags

# Start-of-frame markers of JPEG, which hold the size.
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
# Markers without a length behind them: fill, restart, start and end of image.
_BARE = {0x00, 0x01, *range(0xD0, 0xDA), 0xFF}
_WIDTH, _HEIGHT = 256, 257


def picture_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) of a PNG, JPEG, TIFF, BMP, WebP or DPX; None where it is none of these or its header is damaged.

    Args:
        data: the whole file.
    """
    readers = {b"\x89PNG": _png, b"\xff\xd8": _jpeg, b"BM": _bmp, b"RIFF": _webp, b"II": _tiff, b"MM": _tiff}
    readers |= dict.fromkeys(MAGIC, dpx_size)
    for start, read in readers.items():
        if data.startswith(start):
            try:
                width, height = read(data)
            except (struct.error, IndexError, KeyError, ValueError):
                return None
            return (width, height) if width > 0 and height > 0 else None
    return None


def _png(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _bmp(data: bytes) -> tuple[int, int]:
    old = struct.unpack_from("<I", data, 14)[0] == 12
    width, height = struct.unpack_from("<HH" if old else "<ii", data, 18)
    # A negative height means rows from the top.
    return width, abs(height)


def _jpeg(data: bytes) -> tuple[int, int]:
    at = 2
    while True:
        at = data.index(b"\xff", at) + 1
        marker = data[at]
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 4)
            return width, height
        if marker not in _BARE:
            at += 1 + struct.unpack_from(">H", data, at + 1)[0]


def _webp(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def _tiff(data: bytes) -> tuple[int, int]:
    values = read_tags(data, (_WIDTH, _HEIGHT))
    forms = {tag: byte_order(data) + {2: "H", 4: "I", 8: "Q"}[len(value)] for tag, value in values.items()}
    return struct.unpack(forms[_WIDTH], values[_WIDTH])[0], struct.unpack(forms[_HEIGHT], values[_HEIGHT])[0]
