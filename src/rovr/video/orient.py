"""Display matrices: the quarter turns and mirrorings by which a player shows a stored picture."""

import struct
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import av


@dataclass(frozen=True)
class Orientation:
    """How stored pixels become shown pixels: transpose, then mirror.

    Attributes:
        transpose: swap rows and columns first.
        flip_x: then mirror left and right.
        flip_y: then mirror top and bottom.
        matrix: the nine integers of the display matrix, None where there is none.
        exact: False where the matrix also turns by other than quarter turns, which is passed on but not edited for.
    """

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False
    matrix: tuple[int, ...] | None = None
    exact: bool = True

    @property
    def upright(self) -> bool:
        """Whether pictures are shown as they are stored."""
        return not (self.transpose or self.flip_x or self.flip_y)

    @property
    def degrees(self) -> int:
        """Clockwise rotation in degrees; mirrorings left aside."""
        if self.transpose:
            return 90 if self.flip_x else 270
        return 180 if self.flip_y else 0

    @property
    def mirrored(self) -> bool:
        """Whether a stored picture is mirrored left and right before it is turned by :attr:`degrees`."""
        return self.transpose ^ self.flip_x ^ self.flip_y

    @classmethod
    def turned(cls, degrees: int, mirrored: bool = False) -> "Orientation":
        """The orientation of these :attr:`degrees`, mirrored or not; it has no matrix.

        Raises:
            ValueError: not 0, 90, 180 or 270 degrees.
        """
        for transpose, flip_x, flip_y in product((False, True), repeat=3):
            found = cls(transpose, flip_x, flip_y)
            if (found.degrees, found.mirrored) == (degrees, mirrored):
                return found
        raise ValueError(f"{degrees} degrees are no quarter turn")

    @classmethod
    def of(cls, frame: "av.VideoFrame") -> "Orientation":
        """Read the matrix that the container attached to a decoded frame."""
        data: Any
        for data in frame.side_data:
            if getattr(getattr(data, "type", None), "name", "") == "DISPLAYMATRIX":
                return cls.from_matrix(struct.unpack("<9i", bytes(data)[:36]))
        return cls()

    @classmethod
    def from_matrix(cls, matrix: tuple[int, ...]) -> "Orientation":
        """Understand a display matrix: x' = m0·x + m3·y, y' = m1·x + m4·y.

        Args:
            matrix: nine integers, 16.16 fixed point.
        """
        a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
        straight = not b and not c and bool(a) and bool(d)
        turned = not a and not d and bool(b) and bool(c)
        if turned:
            return cls(True, c < 0, b < 0, tuple(matrix))
        if straight:
            return cls(False, a < 0, d < 0, tuple(matrix))
        return cls(matrix=tuple(matrix), exact=False)

    def shown_size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) as played, from the stored ones."""
        return (height, width) if self.transpose else (width, height)

    def to_shown(self, array: NDArray[Any]) -> NDArray[Any]:
        """Turn a stored (H, W, …) array as a player would."""
        if self.transpose:
            array = array.swapaxes(0, 1)
        if self.flip_x:
            array = array[:, ::-1]
        return np.ascontiguousarray(array[::-1] if self.flip_y else array)

    def to_stored(self, array: NDArray[Any]) -> NDArray[Any]:
        """Undo :meth:`to_shown`."""
        if self.flip_y:
            array = array[::-1]
        if self.flip_x:
            array = array[:, ::-1]
        return np.ascontiguousarray(array.swapaxes(0, 1) if self.transpose else array)
