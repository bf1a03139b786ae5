"""``rovr mask``: make the masks that ``rovr restore`` needs, by hand or from the video itself."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from rovr.cli.repairing import RATE_UNUSED, frame_rate
from rovr.cli.signals import VIDEO

if TYPE_CHECKING:
    from rovr.cli.progress import Display
    from rovr.masking import Masker, Place


@dataclass(frozen=True, kw_only=True)
class _Mask:
    LOADS = VIDEO
    video: Positional[Path]
    """Video, or folder of frames."""
    output: Annotated[str, arg(aliases=["-o"], metavar="MASK")]
    """Where the masks go: .mp4, .mov, .m4v, .mkv, or a folder for PNGs; white = missing."""
    dilate: int = 0
    """Pixels to widen the holes by."""
    overwrite: bool = False
    """Replace the output if it exists."""
    rate: Annotated[float | None, arg(metavar="FPS")] = None
    """Frames per second of a folder of frames; by default 25."""
    max_pixels: int = 1 << 26
    """Pixels that a frame may have; larger ones are refused before they are decoded."""
    quiet: bool = False
    """Print nothing but errors."""

    def _place(self) -> "Place":
        from rovr.masking import Place

        rate = frame_rate(self.rate)
        return Place(self.video, self.output, self.overwrite, rate, self.dilate, self.max_pixels)

    @contextmanager
    def _display(self, passes: int = 1) -> Iterator["Display"]:
        from rovr.cli.progress import Display
        from rovr.video.source import count_frames

        with Display(self.quiet) as display:
            # What is wrong with the video is said by whoever reads it.
            if self.rate is not None and self.video.is_file():
                display.note(RATE_UNUSED)
            frames = count_frames(self.video, self.max_pixels) if self.video.exists() else None
            display.start(frames * passes if frames else None, "masking")
            yield display

    def _write(self, display: "Display", masker: "Masker", least: str | None = None) -> None:
        from rovr.masking import write_masks

        done = write_masks(self._place(), masker, least=least, on_frame=display.step)
        display.line(
            f"{self.output}: masks of {done.frames} frames, {done.masked} with a hole, {done.share:.2%} of all pixels"
        )


@dataclass(frozen=True, kw_only=True)
class MaskDraw(_Mask):
    """Draw boxes and polygons that a file lists, moved evenly from one key to the next."""

    shapes: Annotated[Path, arg(metavar="FILE")]
    """What to draw: .json or .csv."""

    def run(self) -> None:
        """Do it."""
        from rovr.masking import drawing, read_shapes

        masker = drawing(read_shapes(self.shapes))
        with self._display() as display:
            self._write(display, masker, f"{self.shapes}: no shape lies in any frame; check its places and times.")


@dataclass(frozen=True, kw_only=True)
class MaskLogo(_Mask):
    """Find a logo that stands still before a picture that moves."""

    dilate: int = 2
    """Pixels to widen the hole by."""
    sensitivity: float = 1.0
    """Above 1 finds fainter logos, below 1 takes less for one."""

    def run(self) -> None:
        """Do it."""
        from rovr.masking import find_logo, standing

        place = self._place()
        with self._display(2) as display:
            looked = (place.video, self.sensitivity, place.rate, display.step, place.max_pixels)
            self._write(display, standing(lambda: find_logo(*looked)))


@dataclass(frozen=True, kw_only=True)
class MaskScratches(_Mask):
    """Find scratches and dropouts, which the frames before and after do not show."""

    dilate: int = 1
    """Pixels to widen the holes by."""
    sensitivity: float = 1.0
    """Above 1 finds fainter damage, below 1 takes less for it."""

    def run(self) -> None:
        """Do it."""
        from rovr.masking import finding_scratches

        masker = finding_scratches(self.sensitivity)
        with self._display() as display:
            self._write(display, masker)


@dataclass(frozen=True, kw_only=True)
class MaskFollow(_Mask):
    """Follow an object from one box around it."""

    box: Annotated[str, arg(metavar="X,Y,W,H")]
    """Rectangle around the object, in pixels of the video as it plays."""
    start: Annotated[int, arg(name="from", metavar="FRAME")] = 0
    """Frame that the box belongs to, counted from 0; those before it get no hole."""

    def run(self) -> None:
        """Do it."""
        from rovr.masking import following
        from rovr.video.masks import parse_box

        box = parse_box(self.box)
        with self._display() as display:
            self._write(display, following(box, self.start, self._lost(display)))

    def _lost(self, display: "Display") -> Callable[[int, float], None]:
        def say(frame: int, time: float) -> None:
            display.note(
                f"The object is lost at frame {frame} ({time:.2f} s); no hole from there on. Follow it again with "
                f"another --box and --from."
            )

        return say
