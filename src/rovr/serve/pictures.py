"""Frames as JPEGs and masks as clear PNGs: few decoders open at a time, recent pictures kept within a budget."""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import Lock

import cv2
import numpy as np
from numpy.typing import NDArray

from rovr.serve.frames import Reader
from rovr.serve.index import Index

# Widths that pictures come in, so that the same picture is not made at every size of a window.
WIDTHS = (160, 320, 640, 960, 1440, 1920)
BUDGET = 48 << 20
READERS = 6


def near_width(asked: int) -> int:
    """The width in which a picture of some width is made."""
    return next((width for width in WIDTHS if width >= asked), WIDTHS[-1])


def jpeg(rgb: NDArray[np.uint8], width: int, quality: int = 88) -> bytes:
    """A frame (H, W, 3) as a JPEG, made smaller where it is wider than asked for."""
    bgr = cv2.cvtColor(smaller(rgb, width), cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def smaller(image: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """A picture no wider than asked for."""
    if image.shape[1] <= width:
        return image
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def clear_png(mask: NDArray[np.uint8], width: int) -> bytes:
    """A mask (H, W) of 0–255 as a white PNG that is as opaque as the mask is bright."""
    alpha = smaller(mask, width)
    white = np.full_like(alpha, 255)
    return cv2.imencode(".png", cv2.merge([white, white, white, alpha]))[1].tobytes()


class Pictures:
    """Pictures of all videos of a server; for several threads at a time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._readers: OrderedDict[Path, tuple[Reader, Lock]] = OrderedDict()
        self._kept: OrderedDict[tuple[Path, int, int, bool], bytes] = OrderedDict()
        self._size = 0

    def frame(self, index: Index, number: int, width: int) -> bytes:
        """A frame as a JPEG of about this width."""
        return self._picture(index, number, near_width(width), False, jpeg)

    def mask(self, index: Index, number: int, width: int) -> bytes:
        """A frame of a mask video as a clear PNG."""
        return self._picture(index, number, near_width(width), True, lambda rgb, w: clear_png(rgb[..., 0], w))

    def forget(self, folder: Path) -> None:
        """Close and drop whatever lies in a folder."""
        with self._lock:
            gone = [path for path in self._readers if folder in path.parents]
            readers = [self._readers.pop(path) for path in gone]
            for key in [key for key in self._kept if folder in key[0].parents]:
                self._size -= len(self._kept.pop(key))
        for reader, lock in readers:
            with lock:
                reader.close()

    def close(self) -> None:
        """Close everything."""
        self.forget(Path("/").absolute())

    def _picture(
        self, index: Index, number: int, width: int, mask: bool, encode: Callable[[NDArray[np.uint8], int], bytes]
    ) -> bytes:
        key = (index.path, number, width, mask)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        while True:
            reader, lock = self._reader(index)
            with lock:
                # Another thread may have closed it between the two locks.
                if self._readers.get(index.path, (None,))[0] is reader:
                    rgb = reader.rgb(number)
                    break
        data = encode(rgb, width)
        self._keep(key, data)
        return data

    def _reader(self, index: Index) -> tuple[Reader, Lock]:
        closing = []
        with self._lock:
            if index.path not in self._readers:
                self._readers[index.path] = (Reader(index), Lock())
            self._readers.move_to_end(index.path)
            while len(self._readers) > READERS:
                closing.append(self._readers.popitem(last=False)[1])
            found = self._readers[index.path]
        for reader, lock in closing:
            with lock:
                reader.close()
        return found

    def _keep(self, key: tuple[Path, int, int, bool], data: bytes) -> None:
        with self._lock:
            if key in self._kept or not key[0].exists():
                return
            self._kept[key] = data
            self._size += len(data)
            while self._size > BUDGET:
                self._size -= len(self._kept.popitem(last=False)[1])
