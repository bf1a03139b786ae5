"""``rovr restore-many``: many videos on the command line."""

import json
import sys
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, UseAppendAction, arg

from rovr.cli.repairing import Repairing, check_workers
from rovr.cli.signals import HEAVY, going_on
from rovr.types import counted, frame_rate

if TYPE_CHECKING:
    from rovr.batch.run import BatchSummary
    from rovr.cli.progress import Display


_KEPT = "rovr: interrupted; what is done is done, and the same command goes on with the rest."


@dataclass(frozen=True)
class RestoreMany(Repairing):
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
    retries: int = 2
    """How often to try a video again after a fault that may pass, such as a killed process."""
    overwrite: bool = False
    """Replace outputs that exist; those that earlier runs have finished with the same settings stay."""
    provenance: bool = False
    """Write whom each repaired pixel comes from, as NAME.npz and NAME.provenance.mp4 beside each output."""

    def run(self) -> None:
        """Do it."""
        from rovr.batch.cluster import hushed
        from rovr.batch.run import restore_many
        from rovr.batch.task import Options
        from rovr.cli.batch_display import BatchDisplay
        from rovr.cli.progress import Display

        check_workers(self.workers, self.worker_cores, self.ray)
        frame_rate(self.rate)
        with (
            Display(self.quiet) as display,
            nullcontext() if self.ray is None else hushed(),
            going_on(display.line, _KEPT),
        ):
            summary = restore_many(
                self.source,
                self.output,
                mask=self.mask,
                boxes=self.box,
                options=Options(
                    dilate=self.dilate,
                    seed=self.seed,
                    crf=self.crf,
                    lossless=self.lossless,
                    rate=25.0 if self.rate is None else self.rate,
                    grain=self.grain,
                    fields=self.fields,
                    provenance=self.provenance,
                    max_pixels=self.max_pixels,
                ),
                tools=self.tools(),
                workers=self.workers or int(self.ray is None),
                ray=self.ray,
                cores=self.worker_cores,
                retries=self.retries,
                overwrite=self.overwrite,
                listener=BatchDisplay(display),
            )
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
        told = f"{summary.failed} of {counted(len(summary.files), 'video')} failed"
        told += f"; {self.output / 'manifest.jsonl'} says why."
        if summary.fault == "user":
            raise UserError(told)
        print(f"rovr: {told}", file=sys.stderr)
        raise SystemExit(1)
