"""Conversion between a video's own colours and the RGB that editors see, there and back by the same rule."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rovr.video import frames, pixels
from rovr.video.bleed import without_bleed

if TYPE_CHECKING:
    import av

# AVColorSpace → the matrix numbers of swscale; what is not listed is left to the size of the picture.
_MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
_BT709, _BT601 = 1, 5
_LIMITED, _FULL = 1, 2


def matrix_of(tag: int, width: int, height: int) -> int:
    """The RGB ↔ YUV matrix a player would use.

    Args:
        tag: AVColorSpace of the frame; 2 = unspecified.
        width: pixels.
        height: pixels.
    """
    return _MATRICES.get(tag, _BT709 if width >= 1280 or height > 576 else _BT601)


def _is_yuv(frame: "av.VideoFrame") -> bool:
    shape = frame.format
    return len(shape.components) > 2 and not shape.is_rgb


@dataclass
class Colour:
    """How one video turns into RGB and back.

    Attributes:
        matrix: of swscale, see :func:`matrix_of`.
        full_range: whether luma spans 0–255 and not 16–235.
    """

    matrix: int
    full_range: bool
    _cache: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, frame: "av.VideoFrame") -> "Colour":
        """Read the rule off a frame's tags."""
        name = frame.format.name
        # swscale takes RGB and grey as full range whatever they are tagged.
        full = name.startswith(("yuvj", "gray")) or frame.format.is_rgb or frame.color_range == _FULL
        return cls(matrix_of(frame.colorspace, frame.width, frame.height), full)

    def _convert(self, key: str, frame: "av.VideoFrame", pix_fmt: str, full_in: bool, full_out: bool) -> Any:
        from av.video.reformatter import Interpolation, VideoReformatter

        # A reformatter sets itself up anew whenever its job changes, so each direction keeps its own.
        worker = self._cache.setdefault(key, VideoReformatter())
        flags = (
            Interpolation.BICUBIC
            | Interpolation.ACCURATE_RND
            | Interpolation.FULL_CHR_H_INT
            | Interpolation.FULL_CHR_H_INP
        )
        return worker.reformat(
            frame,
            format=pix_fmt,
            src_colorspace=self.matrix,
            dst_colorspace=self.matrix,
            src_color_range=_FULL if full_in else _LIMITED,
            dst_color_range=_FULL if full_out else _LIMITED,
            interpolation=flags,
            threads=1,
        )

    def rgb(self, frame: "av.VideoFrame") -> NDArray[np.uint8]:
        """Pixels as (H, W, 3) uint8."""
        if _is_yuv(frame):
            return np.asarray(cv2.merge(list(self.planar(frame))), np.uint8)
        array: NDArray[np.uint8] = self._convert("rgb", frame, "rgb24", self.full_range, True).to_ndarray()
        return array

    def planar(self, frame: "av.VideoFrame") -> NDArray[np.uint8]:
        """Pixels as (3, H, W) uint8, the same as those of :meth:`rgb`."""
        if not _is_yuv(frame):
            return np.ascontiguousarray(self.rgb(frame).transpose(2, 0, 1))
        # To planes swscale takes a far quicker way than to rgb24, and to the same values.
        green, blue, red = pixels.planes(self._convert("planar", frame, "gbrp", self.full_range, True))
        return np.stack([red[..., 0], green[..., 0], blue[..., 0]])

    def native(self, rgb: NDArray[np.uint8], pix_fmt: str) -> "av.VideoFrame":
        """RGB pixels in another format, by this video's matrix and range.

        Args:
            rgb: (H, W, 3) uint8.
            pix_fmt: FFmpeg's name of the format.
        """
        from av import VideoFrame

        frame = VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24")
        result: av.VideoFrame = self._convert("native", frame, pix_fmt, True, self.full_range)
        return result

    def recast(self, frame: "av.VideoFrame", pix_fmt: str) -> "av.VideoFrame":
        """A whole frame in another format, with its time stamps and tags.

        RGB becomes YUV by this rule's matrix and range; YUV keeps its own.
        """
        if frame.format.name == pix_fmt:
            return frame
        rgb_in = frame.format.is_rgb
        new: av.VideoFrame = self._convert("recast", frame, pix_fmt, rgb_in or self.full_range, self.full_range)
        frames.copy_tags(frame, new)
        return new

    def plain(self, frame: "av.VideoFrame", pix_fmt: str) -> "av.VideoFrame":
        """The same, its rows from top to bottom, as what is edited in place has to have them."""
        new = self.recast(frame, pix_fmt)
        if new is frame and any(plane.line_size < 0 for plane in frame.planes):
            return self.recast(self.recast(frame, "gbrp"), pix_fmt)
        return new


@dataclass
class Frame:
    """A decoded picture: native planes, and RGB on demand.

    Attributes:
        native: of a plain format; never written to, since the decoder may still refer to it.
        colour: how it turns into RGB.
        grey: whether the picture it comes from has no colours, although the format has; repairs get none then.
        profile: what its values mean (ICC), empty where nothing is said.
        lifted: whether a see-through logo was taken off it.
    """

    native: "av.VideoFrame"
    colour: Colour
    grey: bool = False
    profile: bytes = b""
    lifted: bool = False

    @property
    def rgb(self) -> NDArray[np.uint8]:
        """Pixels as (H, W, 3) uint8, made anew at every call to save memory."""
        return self.colour.rgb(self.native)

    @property
    def planar(self) -> NDArray[np.uint8]:
        """The same as (3, H, W) uint8, which takes less time."""
        return self.colour.planar(self.native)

    def beside(self, mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """As :attr:`planar`, for a repair of a hole, (H, W) bool, whose old colours do not show beside it."""
        return self.colour.planar(without_bleed(self.native, mask))

    def pasted(self, rgb: NDArray[np.uint8], mask: NDArray[np.bool_]) -> "Frame":
        """A new frame with repaired pixels under the mask and every other native sample as it was.

        Where chroma is subsampled, a chroma sample is replaced only if the hole covers it entirely; widen the
        mask by two pixels where a fringe of the old colour shows. Video of more than 8 bits is dithered there, the
        same way each time.

        Args:
            rgb: (H, W, 3) uint8.
            mask: (H, W) bool.
        """
        if self.grey:
            rgb = np.asarray(cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)
        filled = self.colour.native(rgb, self.native.format.name)
        if self.native.format.components[0].bits > 8:
            alike = self.grey and self.native.format.is_rgb
            pixels.dither(filled, mask, abs(self.native.pts or 0), alike)
        return replace(self, native=pixels.merge(self.native, filled, mask))
