"""``rovr restore``: the main job on the command line."""

import json
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, UseAppendAction, arg

from rovr.cli.cores import Cores
from rovr.cli.repairing import Repairing, check_workers
from rovr.cli.signals import HEAVY, going_on
from rovr.types import CHOICES, counted, frame_rate

if TYPE_CHECKING:
    from rovr.cli.progress import Display
    from rovr.cli.workers import Workers

MUCH = 0.2
"""Share made up of what was missing from which texture is worth its time."""


@dataclass(frozen=True)
class Restore(Repairing):
    """Repair the holes of a video: whatever is white in the mask is filled from other frames."""

    LOADS = (*HEAVY, "rovr.restore")
    input: Positional[Path]
    """Video, or folder of frames."""
    output: Annotated[str, arg(aliases=["-o"], metavar="PATH")]
    """Where to write: .mp4, .mov, .m4v, .mkv, or a folder for PNGs (DPX where the input is a folder of them)."""
    mask: Annotated[Path | None, arg(metavar="PATH")] = None
    """Video, folder of pictures, or one picture for all frames; white (above 127) = missing."""
    box: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="X,Y,W,H")] = ()
    """Rectangle missing in every frame, in pixels of the video as it plays; may be given several times."""
    overwrite: bool = False
    """Replace the output if it exists."""
    resume: bool = False
    """Keep what is repaired until the output is complete; after a kill the same command goes on from there."""
    ray: Annotated[str | None, arg(metavar="ADDRESS")] = None
    """Share the scenes out to a Ray cluster: auto, local, or host:port of its head. Implies --resume."""
    workers: int | None = None
    """Share the scenes out to processes side by side. Implies --resume. With --ray, workers on the cluster at most."""
    provenance: Annotated[Path | None, arg(metavar="NAME.npz")] = None
    """Write whom each repaired pixel comes from, and NAME.provenance.mp4 to show it."""
    report: Annotated[Path | None, arg(metavar="DIR")] = None
    """Folder for a page that shows what was done, offline in one file."""
    # Made when the arguments are known, before what takes long to load.
    cores: Cores = field(init=False, default_factory=Cores)

    def run(self) -> None:
        """Do it."""
        from rovr.cli.progress import Display

        rate = frame_rate(self.rate)
        with Display(self.quiet) as display, self._kept(display), ExitStack() as stack:
            from torch import get_num_threads

            from rovr.restore import restore_video
            from rovr.summary import Job

            report = None
            if self.report is not None:
                from rovr.outputs import apart
                from rovr.serve.onefile import RepairReport

                apart(self.output, self.provenance, self.report)
                report = stack.enter_context(RepairReport(self.report, self.overwrite))
            workers = self._workers(display)

            def start(job: Job) -> None:
                count = counted(job.frames, "frame") if job.frames else "frames"
                display.line(f"{self.input}: {count} of {job.size[0]}×{job.size[1]}, repairing on {job.device}")
                if advice := self.cores.advice(get_num_threads()):
                    display.note(advice)
                if workers is not None:
                    workers.share_out(job.fields)
                display.start(job.frames)

            summary = restore_video(
                self.input,
                self.mask,
                self.output,
                boxes=self.box,
                dilate=self.dilate,
                editor=self.editor,
                selector=self.selector,
                contexts=self.contexts,
                device=self.device,
                weights=self.weights,
                cuts=not self.one_scene,
                passes=self.passes,
                texture=self.texture,
                restorer=None if workers is None else workers.restorer,
                seed=self.seed,
                crf=self.crf,
                lossless=self.lossless,
                grain=self.grain,
                fields=CHOICES[self.fields],
                overwrite=self.overwrite,
                resume=self.resume or workers is not None,
                rate=rate,
                provenance=self.provenance,
                max_pixels=self.max_pixels,
                on_start=start,
                on_frame=display.step,
                on_ahead=display.ahead,
                on_early=display.early,
                on_note=display.note,
                watch=report.watch if report else None,
            )
            if report is not None:
                page = report.finish(summary, self.mask, self.box, self.dilate, rate, self.max_pixels)
                display.line(f"{page}: what was done, to look at")
        if self.json:
            print(json.dumps(summary.to_json()))
        if summary.hole_share:
            better = not self.texture and summary.mean_doubt >= MUCH
            advice = " --texture gives that the texture of its surroundings." if better else ""
            display.line(f"{summary.mean_doubt:.0%} of what was missing had to be made up.{advice}")
        scenes = f" in {len(summary.scenes)} scenes" if len(summary.scenes) > 1 else ""
        each = f"{summary.seconds_per_repair:.2f} s each, " if summary.repaired > summary.resumed else ""
        display.line(
            f"{summary.output}: {summary.repaired} of {counted(summary.frames, 'frame')}{scenes} repaired, "
            f"{each}{summary.seconds:.1f} s in all"
        )

    def _workers(self, display: "Display") -> "Workers | None":
        check_workers(self.workers, self.worker_cores, self.ray)
        if not self._shared:
            return None
        from rovr.cli.workers import Workers

        return Workers(self, display)

    @property
    def _shared(self) -> bool:
        return self.ray is not None or (self.workers or 1) > 1

    def _kept(self, display: "Display") -> AbstractContextManager[None]:
        """Say that an interrupted job can go on."""
        if not self.resume and not self._shared:
            return nullcontext()
        return going_on(display.line, "rovr: interrupted; the same command goes on from the last finished block.")
