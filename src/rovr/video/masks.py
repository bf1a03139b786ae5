"""Masks in step with a video: from a video, a folder, one picture, or boxes."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from operator import index
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rovr.errors import UserError
from rovr.types import check_dilate, counted
from rovr.video.colour import Frame
from rovr.video.folder import is_image, list_images, read_image
from rovr.video.narrow import NarrowHoles
from rovr.video.overlay import SUFFIX, Overlay, read_overlay
from rovr.video.source import Say, VideoInfo, count_decoded, count_frames, open_source

Mask = NDArray[np.bool_]
Box = tuple[int, int, int, int]
_WHITE = 127
# Share of a mask beyond which it may be the wrong way round, and of all values by which those of one colour differ.
_MOST = 2 / 3
_ALIKE = 8
# Pixels up to which holes are widened by a brush, whose work grows with its area.
_NEAR = 16


def parse_box(box: str | Box) -> Box:
    """Read ``x,y,w,h`` in pixels of the video as it plays, or see that four numbers are such a box.

    Raises:
        UserError: not four whole numbers, or an empty box.
    """
    try:
        x, y, width, height = map(int, box.split(",")) if isinstance(box, str) else map(index, box)
    except (ValueError, TypeError):
        raise UserError(f"--box {box}: give four whole numbers x,y,w,h, as in 10,20,64,32.") from None
    if width < 1 or height < 1:
        raise UserError(f"--box {box}: width and height must be at least 1.")
    return x, y, width, height


def boxes_mask(boxes: Sequence[Box], size: tuple[int, int], say: Say = lambda note: None) -> Mask:
    """What boxes cover of a picture, (H, W).

    Args:
        boxes: in pixels of the picture.
        size: its width and height.
        say: told where a box sticks out.

    Raises:
        UserError: one lies outside.
    """
    width, height = size
    mask = np.zeros((height, width), bool)
    for x, y, w, h in boxes:
        left, top, right, bottom = max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)
        if left >= right or top >= bottom:
            raise UserError(f"The box {x},{y},{w},{h} lies outside the {width}×{height} picture; move it.")
        if (left, top, right, bottom) != (x, y, x + w, y + h):
            say(f"The box {x},{y},{w},{h} sticks out of the {width}×{height} picture: clipped.")
        mask[top:bottom, left:right] = True
    return mask


class MaskSource:
    """One (H, W) bool array a frame, True = missing, in the orientation in which the frames are stored.

    Args:
        info: of the video.
        path: a video, a folder, or one picture for all frames; None for boxes alone.
        boxes: rectangles missing in every frame.
        dilate: pixels to widen the holes by.
        say: told what the user should know.
        by_field: whether fields are repaired one by one.
        overlay: what lies over all frames, and is taken off them before they are repaired.

    Attributes:
        static: whether one mask serves all frames, however many there are.
        brightest: the largest value met in a mask, 0–255, to tell a dim mask from an empty one.
    """

    def __init__(
        self,
        info: VideoInfo,
        path: Path | None,
        boxes: Sequence[Box],
        dilate: int,
        say: Say,
        by_field: bool = False,
        overlay: Overlay | None = None,
    ) -> None:
        self.info, self.overlay = info, overlay
        self.path = path
        self.say = say
        self.brightest = 0
        self.static = path is None or overlay is not None or (not path.is_dir() and is_image(path))
        self._told: set[str] = set()
        self._first = True
        self._named = self._by_name()
        self.dilate, self.by_field = dilate, by_field
        self._narrow = NarrowHoles(info.pix_fmt, dilate, say, by_field)
        self._boxes = boxes_mask(boxes, info.shown_size, say) if boxes else None
        self._read: Callable[[Path], NDArray[np.uint8]] = self._reader()
        if self.static:
            self._single = self._finish(self._read(path) if path else None)
            # Of frames that do not show the logo.
            self._bare = self._single if overlay is None else self._finish(None)
            if self._single.all():
                raise UserError("The mask covers every pixel of every frame; leave something to learn from.")
            if not self._single.any():
                self.check_brightness()

    def _once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self.say(text)

    def _reader(self) -> Callable[[Path], NDArray[np.uint8]]:
        """How the pictures are to be read, judged by the first of them."""
        path = self.path
        if self.overlay is not None:
            hole = self.info.orientation.to_shown(self.overlay.hole) * np.uint8(255)
            return lambda file: hole
        if path is None or not (path.is_dir() or is_image(path)):
            return lambda file: np.empty(0, np.uint8)
        files = list_images(path) if path.is_dir() else [path]
        if not files:
            raise UserError(f"{path} holds no pictures; a folder of masks needs one PNG per frame.")
        first = read_image(files[0], cv2.IMREAD_UNCHANGED, self.info.max_pixels)
        by_alpha = first.ndim == 3 and first.shape[2] == 4 and _painted(first)
        if by_alpha:
            self._once("The mask is drawn in its alpha channel: opaque = missing.")

        def read(file: Path) -> NDArray[np.uint8]:
            if by_alpha:
                image = read_image(file, cv2.IMREAD_UNCHANGED, self.info.max_pixels)
                if image.ndim == 3 and image.shape[2] == 4:
                    # 16 bits to 8 by the upper byte.
                    return np.asarray(image[..., 3] >> (8 * (image.dtype.itemsize - 1)), np.uint8)
            return np.asarray(read_image(file, cv2.IMREAD_GRAYSCALE, self.info.max_pixels), np.uint8)

        return read

    def _by_name(self) -> list[Path | None] | None:
        """The mask of each frame, None where there is none; None altogether where names do not pair them up."""
        if self.path is None or not self.path.is_dir() or self.info.kind != "folder":
            return None
        frames = [file.stem for file in list_images(self.info.path)]
        masks = {file.stem: file for file in list_images(self.path)}
        if not masks or len(set(frames)) < len(frames) or not masks.keys() <= set(frames):
            return None
        if bare := len(frames) - len(masks):
            have = "has" if bare == 1 else "have"
            self._once(f"{bare} of {len(frames)} frames {have} no mask of the same name: left as they are.")
        return [masks.get(frame) for frame in frames]

    def _finish(self, grey: NDArray[np.uint8] | None) -> Mask:
        """From a picture to a hole in stored orientation."""
        info = self.info
        shown, stored = info.shown_size, (info.width, info.height)
        turned = info.orientation.to_stored
        if grey is None:
            mask = np.zeros((stored[1], stored[0]), bool)
        else:
            self.brightest = max(self.brightest, int(grey.max()))
            size = (grey.shape[1], grey.shape[0])
            if size == stored != shown:
                self._once("The masks have the size of the frames as stored, not as played: taken as stored.")
                mask = grey > _WHITE
            elif size != shown:
                self._once(_fitted(size, shown, float(info.shown_aspect_ratio or 1)))
                mask = turned(resized(grey > _WHITE, shown))
            else:
                mask = turned(grey > _WHITE)
        if self._boxes is not None:
            mask = mask | turned(self._boxes)
        if self._first and _MOST < (share := float(mask.mean())) < 1:
            self._once(
                f"The mask hides {share:.0%} of the picture: white is what is missing, so invert it if it is drawn the "
                "other way round."
            )
        # Frames without a mask of their own say nothing of the others'.
        self._first = self._first and grey is None and not self.static
        mask = widened(mask, self.dilate, self.by_field)
        self._narrow.look(mask)
        return np.ascontiguousarray(mask)

    def __iter__(self) -> Iterator[Mask]:
        return self.begin_at(0)

    def begin_at(self, first: int) -> Iterator[Mask]:
        """The masks from that of frame ``first`` on."""
        if self.static:
            while True:
                yield self._single
        path: Any = self.path
        if path.is_dir():
            for file in (self._named or list_images(path))[first:]:
                yield self._finish(self._read(file) if file else None)
            return
        with open_source(path, max_pixels=self.info.max_pixels) as source:
            turn = source.info.orientation.to_shown
            for frame in islice(source, first, None):
                yield self._finish(np.asarray(cv2.cvtColor(turn(frame.rgb), cv2.COLOR_RGB2GRAY), np.uint8))

    def lift(self, frame: Frame, mask: Mask) -> tuple[Frame, Mask]:
        """A frame without the logo that lies over it, and its mask; without a hole for the logo where it does not."""
        if self.overlay is None:
            return frame, mask
        return (self.overlay.lift(frame), mask) if self.overlay.shows(frame) else (frame, self._bare)

    def check_length(self) -> None:
        """Compare the number of masks with that of frames before any work, where it can be told cheaply.

        Raises:
            UserError: they differ.
        """
        if self.static or self.path is None or self._named:
            return
        paths, limit = (self.info.path, self.path), self.info.max_pixels
        counts = [count_frames(path, limit) for path in paths]
        if None in counts or counts[0] == counts[1]:
            return
        # Packets can mislead; before refusing the job, count what is really shown.
        frames, masks = (count_decoded(path, limit) for path in paths)
        if frames != masks:
            raise length_error(frames, masks)

    def check_brightness(self) -> None:
        """Where no mask has a hole: are they empty, or merely too dark? Of several, the last has to be read first.

        Raises:
            UserError: something was drawn, but nothing above the threshold.
        """
        # Compressed black is not quite black.
        exact = self.path is not None and (self.path.is_dir() or is_image(self.path))
        if (0 if exact else 32) < self.brightest <= _WHITE:
            raise UserError(
                f"The mask's brightest value is {self.brightest}, and missing means above {_WHITE}; "
                "draw holes in white (255)."
            )


def _painted(image: NDArray[Any]) -> bool:
    """Whether a picture (H, W, 4) is a layer painted on in one colour: what can be seen of it is the hole.

    Of two colours, as of black and white, the lighter one is the hole as ever, and so is what is opaque all over.
    """
    highest = np.iinfo(image.dtype).max
    seen = image[image[..., 3] > highest // 2][:, :3].astype(np.int64)
    alike = not len(seen) or bool((np.ptp(seen, axis=0) <= highest // _ALIKE).all())
    return alike and bool((image[..., 3] != highest).any())


def resized(mask: Mask, size: tuple[int, int]) -> Mask:
    """A mask (H, W) at another size, width and height; a pixel is missing wherever a hole touches it."""
    # Whoever took every other pixel would lose a scratch between them.
    least = (min(mask.shape[1], size[0]), min(mask.shape[0], size[1]))
    touched = cv2.resize(mask.astype(np.float32), least, interpolation=cv2.INTER_AREA) > 0
    return np.asarray(cv2.resize(touched.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0)


def widened(mask: Mask, by: int, by_field: bool = False) -> Mask:
    """A mask (H, W) whose holes reach some pixels further, in bounded time and memory however far.

    Args:
        mask: the mask.
        by: so many pixels.
        by_field: whether holes in one field stay in that.
    """
    if not by or not mask.any():
        return mask
    if by_field:
        wide = np.empty_like(mask)
        wide[0::2], wide[1::2] = (widened(mask[first::2], by) for first in (0, 1))
        return wide
    if by <= _NEAR:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * by + 1, 2 * by + 1))
        return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel) > 0)
    away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(away <= min(by, sum(mask.shape)))


def length_error(frames: int, masks: int) -> UserError:
    """What to say where masks and frames do not pair up."""
    are = "is" if masks == 1 else "are"
    return UserError(
        f"The video has {counted(frames, 'frame')}, but there {are} {counted(masks, 'mask')}; give one mask per frame, "
        "or two folders in which each mask is named as its frame."
    )


def open_masks(
    info: VideoInfo,
    mask: str | Path | None = None,
    boxes: Sequence[str | Box] = (),
    dilate: int = 0,
    say: Say = lambda note: None,
    by_field: bool = False,
) -> MaskSource:
    """Begin reading masks for a video.

    Args:
        info: of the video.
        mask: a video, a folder of pictures, or one picture for all frames; grey above 127 = missing. Or a see-through
            logo as ``rovr mask translucent`` writes it.
        boxes: ``x,y,w,h`` each, or four numbers, in pixels of the video as it plays; missing in every frame.
        dilate: pixels to widen the holes by.
        say: told what the user should know.
        by_field: whether fields are repaired one by one.

    Raises:
        UserError: neither mask nor box, nothing there, a box outside, or everything masked.
    """
    if mask is None and not boxes:
        raise UserError("Nothing says what to repair; pass --mask, which rovr mask finds or draws, or --box.")
    check_dilate(dilate)
    path = None if mask is None else Path(mask)
    if path is not None and not path.exists():
        raise UserError(f"The mask {path} does not exist; check the path.")
    rectangles = [parse_box(box) for box in ([boxes] if isinstance(boxes, str) else boxes)]
    overlay = None
    if path is not None and path.suffix.lower() == SUFFIX and path.is_file():
        overlay = read_overlay(path)
        overlay.check(info)
    return MaskSource(info, path, rectangles, dilate, say, by_field, overlay)


def _fitted(size: tuple[int, int], shown: tuple[int, int], aspect: float) -> str:
    """What is said of masks of another size; of pixels that are not square they may have the shape as it plays, too."""
    told = f"The masks are {size[0]}×{size[1]}, the video is {shown[0]}×{shown[1]}: "
    if any(abs(size[0] * shown[1] / (size[1] * wide) - 1) <= 0.02 for wide in (shown[0], shown[0] * aspect)):
        return f"{told}resized to fit."
    return f"{told}stretched to fit, since their shape is another; see whether the holes lie where they should."
