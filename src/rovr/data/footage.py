"""One sequence of a data set: a video file or a folder of frames, read from anywhere, decoded only when asked."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rovr.errors import UserError
from rovr.video.folder import list_images, read_image
from rovr.video.source import count_decoded, count_frames, open_source

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Footage:
    """A video, or frames in a folder, in the natural order of their names.

    Frames are counted by listing them: in sparse data sets their numbers are not contiguous.

    Attributes:
        name: how the data set calls it.
        path: the file or folder.
        annotations: a folder with a picture of the objects per annotated frame, named like the frame.
    """

    name: str
    path: Path
    annotations: Path | None = None

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """The frames of a folder; none for a video."""
        return tuple(list_images(self.path)) if self.path.is_dir() else ()

    @cached_property
    def length(self) -> int:
        """Number of frames."""
        if self.path.is_dir():
            return len(self.files)
        # Reading through is slow, but some containers do not tell otherwise.
        return count_frames(self.path) or count_decoded(self.path)

    def frames(self, start: int, count: int, stride: int = 1) -> Iterator[Picture]:
        """Decode some frames.

        Args:
            start: the first one.
            count: how many.
            stride: distance between two of them.

        Yields:
            (H, W, 3) uint8 RGB.

        Raises:
            UserError: a frame cannot be read.
        """
        wanted = slice(start, start + (count - 1) * stride + 1, stride)
        if self.path.is_dir():
            for file in self.files[wanted]:
                yield np.asarray(cv2.cvtColor(read_image(file, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)
            return
        with open_source(self.path) as source:
            found = 0
            for frame in islice(source, wanted.start, wanted.stop, wanted.step):
                found += 1
                yield source.info.orientation.to_shown(frame.rgb)
        if found < count:
            raise UserError(f"{self.path} ends before frame {wanted.stop}; fetch or export it again.")

    def objects(self, start: int, count: int, stride: int = 1) -> Iterator[NDArray[np.bool_]]:
        """Where the annotated objects are, whichever they are.

        Args:
            start: the first frame.
            count: how many.
            stride: distance between two of them.

        Yields:
            (H, W) bool.

        Raises:
            UserError: there are no annotations, or one of these frames has none.
        """
        if self.annotations is None:
            raise UserError(f"{self.path} has no annotations; take masks from elsewhere.")
        for file in self.files[start : start + (count - 1) * stride + 1 : stride]:
            drawn = self.annotations / f"{file.stem}.png"
            if not drawn.is_file():
                raise UserError(f"{drawn} does not exist; not every frame is annotated here, use other masks.")
            # Palettes are resolved to colours, of which only the background's is black.
            yield np.asarray(read_image(drawn, cv2.IMREAD_COLOR).any(-1))
