"""``rovr restore-many``: many videos on the command line."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, UseAppendAction, arg

from rovr.cli.signals import HEAVY

if TYPE_CHECKING:
    from rovr.batch.run import BatchSummary
    from rovr.cli.progress import Display


@dataclass(frozen=True)
class RestoreMany:
    """Repair many videos: those of a list or a folder. The same command again goes on where it was interrupted."""

    LOADS = (*HEAVY, "rovr.batch.run", "rovr.batch.work")
    source: Annotated[Positional[Path], arg(metavar="LIST|FOLDER")]
    """List of videos (.csv, .tsv, .jsonl), with columns input, mask, output and more; or a folder of videos."""
    output: Annotated[Path, arg(aliases=["-o"], metavar="OUTDIR")]
    """Folder for the repaired videos and manifest.jsonl, which says what became of each."""
    mask: Annotated[Path | None, arg(metavar="PATH")] = None
    """Mask for videos that have none of their own; as for rovr restore."""
    box: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="X,Y,W,H")] = ()
    """Rectangle missing in every frame of videos that have no mask of their own; may be given several times."""
    workers: int | None = None
    """Processes side by side, by default 1; each loads the editor, and they share the processor's threads."""
    ray: Annotated[str | None, arg(metavar="ADDRESS")] = None
    """Work on a Ray cluster: auto, local, or host:port of its head. Then as many workers as it has room for."""
    worker_cores: int = 1
    """Cores of each worker on the cluster."""
    retries: int = 2
    """How often to try a video again after a fault that may pass, such as a killed process."""
    dilate: int = 0
    """Pixels to widen the holes by."""
    selector: str = "agent"
    """How the frames to look at are chosen."""
    editor: str = "aligned"
    """What repairs a frame."""
    weights: Annotated[Path | None, arg(metavar="PATH")] = None
    """Weights of the editor, in place of those that come with it."""
    contexts: int = 2
    """Frames to look at per repair."""
    device: str = "auto"
    """Where to compute: auto, cpu, cuda or mps."""
    seed: int = 0
    """Seed of selectors that sample."""
    crf: int = 18
    """Quality of H.264, 0 (best) to 51."""
    lossless: bool = False
    """Write FFV1 (.mkv) with every sample outside the holes exactly as it was."""
    overwrite: bool = False
    """Replace outputs that exist; those that earlier runs have finished with the same settings stay."""
    rate: float = 25.0
    """Frames per second, where an input is a folder."""
    quiet: bool = False
    """Print nothing but errors."""
    json: bool = False
    """Print a summary as JSON on stdout."""

    def run(self) -> None:
        """Do it."""
        from contextlib import nullcontext

        from rovr.batch.cluster import hushed
        from rovr.batch.run import restore_many
        from rovr.batch.task import Options, Tools
        from rovr.cli.batch_display import BatchDisplay
        from rovr.cli.progress import Display
        from rovr.errors import UserError

        for name, number in (("workers", self.workers), ("worker-cores", self.worker_cores)):
            if number is not None and number < 1:
                raise UserError(f"--{name} {number}: give at least 1.")
        with Display(self.quiet) as display, nullcontext() if self.ray is None else hushed():
            try:
                summary = restore_many(
                    self.source,
                    self.output,
                    mask=self.mask,
                    boxes=self.box,
                    options=Options(self.dilate, self.seed, self.crf, self.lossless, self.rate),
                    tools=Tools(self.editor, self.selector, self.contexts, self.device, self.weights),
                    workers=self.workers or int(self.ray is None),
                    ray=self.ray,
                    cores=self.worker_cores,
                    retries=self.retries,
                    overwrite=self.overwrite,
                    listener=BatchDisplay(display),
                )
            except (KeyboardInterrupt, SystemExit) as error:
                display.line("interrupted: what is done is done; the same command goes on with the rest.")
                raise SystemExit(getattr(error, "code", 130)) from None
        self._report(summary, display)

    def _report(self, summary: "BatchSummary", display: "Display") -> None:
        from rovr.errors import UserError

        if self.json:
            print(json.dumps(asdict(summary)))
        before = f", {summary.skipped} done before" if summary.skipped else ""
        display.line(
            f"{self.output}: {summary.done} repaired{before}, {summary.failed} failed, {summary.seconds:.1f} s"
        )
        if not summary.fault:
            return
        told = f"{summary.failed} of {len(summary.files)} videos failed; {self.output / 'manifest.jsonl'} says why."
        if summary.fault == "user":
            raise UserError(told)
        print(f"rovr: {told}", file=sys.stderr)
        raise SystemExit(1)
