"""Any frame of a video at once: seek to the key frame before it and decode from there, holding a handful of frames."""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from rovr.errors import UserError
from rovr.serve.index import Index, open_safely
from rovr.video.colour import Colour
from rovr.video.orient import Orientation
from rovr.video.reader import video_stream

# Bytes of decoded frames that are kept, for requests that come in a slightly wrong order.
ROOM = 48 << 20


class Reader:
    """Decodes single frames of one video; not for several threads at a time.

    Args:
        index: of the video.
    """

    def __init__(self, index: Index) -> None:
        self.index = index
        self._open()
        self._decoder: Iterator[Any] | None = None
        self._place = -1
        self._recent: OrderedDict[int, Any] = OrderedDict()
        self._keep = max(2, min(16, ROOM // (index.width * index.height * 2)))
        self._rule: tuple[Colour, Orientation] | None = None

    def rgb(self, number: int) -> NDArray[np.uint8]:
        """A frame as it is played, (H, W, 3) uint8.

        Raises:
            UserError: as :meth:`decoded`.
        """
        frame = self.decoded(number)
        if self._rule is None:
            self._rule = Colour.of(frame), Orientation.of(frame)
        colour, orientation = self._rule
        return np.asarray(orientation.to_shown(colour.rgb(frame)), np.uint8)

    def decoded(self, number: int) -> Any:
        """A frame as it is stored.

        Raises:
            UserError: there is no such frame, or it cannot be decoded.
        """
        if not 0 <= number < self.index.frames:
            raise UserError(f"There is no frame {number}; the video has {self.index.frames}, counted from 0.")
        try:
            frame = self._recent.get(number)
            return self._decode(number) if frame is None else frame
        except (FFmpegError, OSError) as error:
            self._decoder = None
            raise UserError(f"Frame {number} cannot be decoded; the file is damaged there.") from error

    def _open(self) -> None:
        self.container = open_safely(self.index.path)
        self.stream = video_stream(self.container, self.index.path)
        self.stream.thread_type = "AUTO"

    def close(self) -> None:
        """Let go of the file."""
        self._decoder = None
        self._recent.clear()
        self.container.close()

    def _decode(self, number: int) -> Any:
        stamps = self.index.stamps
        if not self._ahead(number):
            self._seek(number, 0)
        assert self._decoder is not None
        back = 1
        while True:
            frame = next(self._decoder, None)
            if frame is None:
                # The header may promise a frame more than there is: the last one stands for it.
                if self._recent:
                    return next(reversed(self._recent.values()))
                if stamps and back:
                    # Some containers are sought by when a frame is decoded, so past the last key frame there is none.
                    back = self._seek(number, back)
                    continue
                self._decoder = None
                raise UserError(f"Frame {number} cannot be decoded; the file ends before it.")
            self._place = self._number(frame) if stamps else self._place + 1
            if self._place > number and stamps and back:
                # The seek went too far: a key frame earlier, in the end from the start.
                back = self._seek(number, back)
                continue
            self._remember(self._place, frame)
            if self._place >= number:
                return frame

    def _ahead(self, number: int) -> bool:
        """Whether decoding on reaches the frame sooner than a seek."""
        if self._decoder is None or number <= self._place:
            return False
        if not self.index.stamps:
            return True
        return self._key(number) <= self.index.stamps[max(self._place, 0)] or number - self._place <= 8

    def _key(self, number: int) -> int:
        """Time stamp of the last key frame at or before a frame."""
        keys, stamp = self.index.keys, self.index.stamps[number]
        at = bisect_right(keys, stamp) - 1
        return keys[at] if at >= 0 else self.index.stamps[0]

    def _seek(self, number: int, back: int) -> int:
        """Go to the key frame before a frame, or some key frames earlier.

        Returns:
            How many key frames to go back if even that is too late, 0 where there are none.
        """
        keys, stamps = self.index.keys, self.index.stamps
        self._recent.clear()
        self._place = -1
        at = bisect_right(keys, stamps[number]) - 1 - back if stamps else -1
        if at > 0:
            self.container.seek(keys[at], stream=self.stream, backward=True)
        else:
            # From the very start: some files begin before their time 0.
            self.container.close()
            self._open()
        self._decoder = self._shown()
        return 2 * max(back, 1) if at > 0 else 0

    def _shown(self) -> Iterator[Any]:
        """Decoded frames; those that cannot be decoded are passed over."""
        for packet in self.container.demux(self.stream):
            with suppress(FFmpegError):
                yield from packet.decode()

    def _number(self, frame: Any) -> int:
        stamp = frame.pts if frame.pts is not None else frame.dts
        return max(0, bisect_right(self.index.stamps, stamp) - 1) if stamp is not None else self._place + 1

    def _remember(self, number: int, frame: Any) -> None:
        self._recent[number] = frame
        while len(self._recent) > self._keep:
            self._recent.popitem(last=False)
