"""``rovr corrupt``: damage a video on purpose, to train on or to measure with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from rovr.types import RATE_UNUSED, counted, frame_rate


@dataclass(frozen=True)
class Corrupt:
    """Damage a video with masks that drift, stand still, scratch it or drop blocks, and write the masks too."""

    video: Positional[Path]
    """Video, or folder of frames."""
    output: Annotated[Path, arg(aliases=["-o"], metavar="PATH")]
    """Where the damaged video goes."""
    mask_out: Annotated[Path, arg(metavar="PATH")]
    """Where the mask video goes; white = missing."""
    kind: str = "shift"
    """What the damage is like: shift, static, scratch or blocks; +photometric behind it adds flicker and noise."""
    seed: int = 0
    """Decides the damage, for good."""
    size: Annotated[tuple[float, float] | None, arg(metavar="LEAST MOST")] = None
    """Sides of a mask as shares of the frame's, for shift and static; by default 0.25 0.6."""
    speed: Annotated[tuple[float, float] | None, arg(metavar="LEAST MOST")] = None
    """Drift per frame as a share of the frame's sides, for shift; by default 0.01 0.06."""
    shapes: tuple[Literal["rectangle", "ellipse", "blob"], ...] | None = None
    """Shapes to draw from, for shift and static; by default all three."""
    count: int | None = None
    """How many masks or scratches a clip has, for shift, static and scratch; by default 1 mask, 3 scratches."""
    fill: Literal["grey", "black", "noise"] = "grey"
    """What the holes are filled with."""
    crf: int = 18
    """Quality of H.264, 0 (best) to 51."""
    lossless: bool = False
    """Write the damaged video as FFV1 (.mkv)."""
    overwrite: bool = False
    """Replace outputs that exist."""
    rate: Annotated[float | None, arg(metavar="FPS")] = None
    """Frames per second of a folder of frames; by default 25."""
    max_pixels: int = 1 << 26
    """Pixels that a frame may have; larger ones are refused before they are decoded."""
    quiet: bool = False
    """Print nothing but errors."""

    def run(self) -> None:
        """Do it."""
        from rovr.cli.progress import Display
        from rovr.data.corrupt_video import corrupt_video

        with Display(self.quiet) as display:
            if frame_rate(self.rate) is not None and self.video.is_file():
                display.note(RATE_UNUSED)
            started = False

            def on_frame(done: int, total: int) -> None:
                nonlocal started
                if not started:
                    display.start(total, "damaging")
                    started = True
                display.step()

            frames = corrupt_video(
                self.video,
                self.output,
                self.mask_out,
                self.kind,
                self.seed,
                size=self.size,
                speed=self.speed,
                shapes=self.shapes,
                count=self.count,
                fill=self.fill,
                crf=self.crf,
                lossless=self.lossless,
                overwrite=self.overwrite,
                rate=frame_rate(self.rate),
                max_pixels=self.max_pixels,
                say=display.note,
                on_frame=on_frame,
            )
        display.line(
            f"{self.output}: {counted(frames, 'frame')} damaged ({self.kind}, seed {self.seed}); "
            f"masks in {self.mask_out}"
        )
