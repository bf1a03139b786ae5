"""``rovr mask``: make the masks that ``rovr restore`` needs, by hand or from the video itself."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from tyro.conf import Positional, UseAppendAction, arg

from rovr.cli.signals import HEAVY, VIDEO, at_once
from rovr.types import RATE_UNUSED, counted, frame_rate

if TYPE_CHECKING:
    from numpy import uint8
    from numpy.typing import NDArray

    from rovr.cli.progress import Display
    from rovr.masking import Masker, Place
    from rovr.masking.outline import Spot
    from rovr.video.masks import Box


@dataclass(frozen=True, kw_only=True)
class _Mask:
    LOADS: ClassVar[tuple[str, ...]] = VIDEO
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
            if frame_rate(self.rate) is not None and self.video.is_file():
                display.note(RATE_UNUSED)
            frames = count_frames(self.video, self.max_pixels) if self.video.exists() else None
            display.start(frames * passes if frames else None, "masking")
            yield display

    def _write(self, display: "Display", masker: "Masker", least: str | None = None, dilate: int | None = None) -> None:
        from rovr.masking import write_masks

        place = self._place() if dilate is None else replace(self._place(), dilate=dilate)
        done = write_masks(place, masker, least=least, on_frame=display.step)
        display.line(
            f"{self.output}: masks of {counted(done.frames, 'frame')}, {done.masked} with a hole, "
            f"{done.share:.2%} of all pixels"
        )


@dataclass(frozen=True, kw_only=True)
class MaskDraw(_Mask):
    """Draw boxes and polygons that a file lists, moved evenly from one key to the next."""

    shapes: Annotated[Path, arg(metavar="FILE")]
    """What to draw: .json, .csv or .tsv."""

    def run(self) -> None:
        """Do it."""
        from rovr.masking import drawing, read_shapes

        shapes = read_shapes(self.shapes)
        with self._display() as display:
            none = f"{self.shapes}: no shape lies in any frame; check its places and times."
            self._write(display, drawing(shapes, display.note), none)


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
class MaskTranslucent(_Mask):
    """Learn a see-through logo that stands still: what shines through it is then kept, and only the rest is a hole."""

    LOADS: ClassVar[tuple[str, ...]] = (*HEAVY, "rovr.restore")
    output: Annotated[str, arg(aliases=["-o"], metavar="LOGO.npz")]
    """Where to write what was learned: for rovr restore a mask like others."""
    mask: Annotated[Path | None, arg(metavar="PATH")] = None
    """Where the logo is, as rovr mask logo writes it; one picture will do."""
    box: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="X,Y,W,H")] = ()
    """Rectangle around the logo, in pixels of the video as it plays; may be given several times."""
    device: str = "auto"
    """Where to compute: auto, cpu, cuda or mps."""

    def run(self) -> None:
        """Do it."""
        from rovr.cli.progress import Display
        from rovr.restorer import Restorer
        from rovr.translucent import learn_overlay

        with Display(self.quiet) as display:
            done = learn_overlay(
                self.video,
                self.mask,
                self.output,
                boxes=self.box,
                dilate=self.dilate,
                restorer=Restorer.from_pretrained(device=self.device),
                overwrite=self.overwrite,
                rate=self.rate,
                max_pixels=self.max_pixels,
                on_start=lambda frames: display.start(frames, "learning"),
                on_frame=display.step,
                on_note=display.note,
            )
        display.line(
            f"{self.output}: learned from {counted(done.frames, 'frame')}; {1 - done.hole / done.pixels:.0%} of the "
            "logo's pixels can be seen through, the rest is a hole"
        )


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

        # The finder widens what it finds: it knows whether that was found in one field.
        masker = finding_scratches(self.sensitivity, self.dilate)
        with self._display() as display:
            self._write(display, masker, dilate=0)


@dataclass(frozen=True, kw_only=True)
class MaskBlocks(_Mask):
    """Find what a digital recording has lost: blocks of a tape, and what a decoder makes up in their place."""

    dilate: int = 2
    """Pixels to widen the holes by."""
    sensitivity: float = 1.0
    """Above 1 finds fainter damage, below 1 takes less for it."""

    def run(self) -> None:
        """Do it."""
        from rovr.masking import finding_blocks

        masker = finding_blocks(self.sensitivity)
        with self._display() as display:
            self._write(display, masker)


@dataclass(frozen=True, kw_only=True)
class MaskSubtitles(_Mask):
    """Find burnt-in subtitles: bright letters that come all at once, stand still, and go all at once."""

    box: Annotated[str | None, arg(metavar="X,Y,W,H")] = None
    """Where to look, in pixels of the video as it plays; by default everywhere."""
    sensitivity: float = 1.0
    """Above 1 finds fainter letters, below 1 takes less for such."""

    def run(self) -> None:
        """Do it."""
        from rovr.masking import finding_subtitles
        from rovr.video.masks import parse_box

        place, box = self._place(), None if self.box is None else parse_box(self.box)
        with self._display(2) as display:
            looked = (self.sensitivity, box, place.rate, display.step, place.max_pixels)
            none = "No subtitles were found; raise --sensitivity, or give their place with rovr mask draw."
            self._write(display, finding_subtitles(place.video, *looked), none)


@dataclass(frozen=True, kw_only=True)
class MaskFollow(_Mask):
    """Follow an object from one box around it, or from a click on it."""

    box: Annotated[str | None, arg(metavar="X,Y,W,H")] = None
    """Rectangle around the object, in pixels of the video as it plays."""
    click: Annotated[str | None, arg(metavar="X,Y[,FRAME]")] = None
    """A place on the object, in place of the box, which is then sought around it."""
    start: Annotated[int | None, arg(name="from", metavar="FRAME")] = None
    """Frame that the box or the click belongs to, counted from 0; those before it get no hole. By default 0."""
    tracker: Literal["opencv", "sam2"] = "opencv"
    """What follows: opencv gives a box and needs nothing; sam2 gives the outline and needs the extra rovr[sam2]."""
    tracker_model: Annotated[str | None, arg(metavar="NAME_OR_FOLDER")] = None
    """SAM 2: owner/name on the Hugging Face Hub, or a folder; by default facebook/sam2.1-hiera-tiny."""
    device: str = "auto"
    """Where SAM 2 computes: auto, cpu, cuda or mps."""

    def run(self) -> None:
        """Do it."""
        at, start = self._where()
        if self.tracker == "sam2":
            self._outline(at, start)
        else:
            self._follow(at, start)

    def _follow(self, at: "Box | Spot", start: int) -> None:
        from rovr.errors import UserError
        from rovr.masking import following
        from rovr.masking.click import box_at

        if self.tracker_model is not None:
            raise UserError("--tracker-model belongs to --tracker sam2; give both, or neither.")
        with self._display() as display:

            def find(image: "NDArray[uint8]") -> "Box":
                box = box_at(image, *at[:2])
                display.note(f"The object in frame {start} is taken to be --box {','.join(map(str, box))}.")
                return box

            again = "no hole from there on. Follow it again with another --box and --from."
            lost = self._lost(display, again)
            self._write(display, following(at if len(at) == 4 else find, start, lost))

    def _outline(self, at: "Box | Spot", start: int) -> None:
        with at_once():
            from rovr.hub import locate
            from rovr.masking import outlining
            from rovr.masking.sam2 import FILES, MODEL, library, read_sam2

            library()
        sam = read_sam2(locate(self.tracker_model or MODEL, files=FILES), self.device)
        with self._display() as display:
            again = "no hole while it is out of sight. SAM 2 goes on looking for it."
            self._write(display, outlining(sam, at, start, self._lost(display, again)))

    def _where(self) -> "tuple[Box | Spot, int]":
        """The box, or the place clicked on, and the frame that it belongs to."""
        from rovr.errors import UserError
        from rovr.masking.click import parse_click
        from rovr.video.masks import parse_box

        if (self.box is None) == (self.click is None):
            raise UserError("Give either --box around the object or --click on it.")
        if self.box is not None:
            return parse_box(self.box), self.start or 0
        x, y, frame = parse_click(str(self.click))
        if None not in (frame, self.start) and frame != self.start:
            raise UserError(f"--click {self.click} and --from {self.start} name two frames; leave out one of them.")
        return (x, y), next((number for number in (frame, self.start) if number is not None), 0)

    def _lost(self, display: "Display", then: str) -> Callable[[int, float], None]:
        def say(frame: int, time: float) -> None:
            display.note(f"The object is lost at frame {frame} ({time:.2f} s); {then}")

        return say
