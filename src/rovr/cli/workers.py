"""``rovr restore --workers`` and ``--ray``: the scenes of one video, repaired side by side, joined by this process."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from rovr.batch.cluster import hushed
from rovr.batch.portions import Shot
from rovr.batch.share_out import Sharing, share_out
from rovr.errors import UserError
from rovr.outputs import followed
from rovr.restorer import Restorer
from rovr.resume import job_options
from rovr.types import counted

if TYPE_CHECKING:
    from rovr.cli.progress import Display
    from rovr.cli.restore import Restore


class Workers:
    """What the verb and its workers have in common.

    Args:
        verb: with all its arguments.
        display: where to show how things go.

    Attributes:
        restorer: what the workers have too; this process joins their work with it.

    Raises:
        UserError: arguments that do not go together, or as :meth:`rovr.Restorer.from_pretrained`.
    """

    def __init__(self, verb: "Restore", display: "Display") -> None:
        if verb.one_scene:
            raise UserError(
                "A video is shared out scene by scene, and --one-scene leaves one; leave out one of the two."
            )
        self.verb = verb
        self.display = display
        self.tools = verb.tools()
        self.restorer: Restorer = self.tools.load()

    def share_out(self, fields: bool) -> None:
        """Have the workers repair whatever they can.

        Args:
            fields: whether fields are repaired one by one.

        Raises:
            UserError: as :func:`rovr.batch.share_out.share_out`.
        """
        verb = self.verb
        options = job_options(
            dilate=verb.dilate,
            seed=verb.seed,
            crf=verb.crf,
            lossless=verb.lossless,
            grain=verb.grain,
            fields=fields,
            provenance=verb.provenance is not None,
        )
        shot = Shot(
            input=verb.input.absolute(),
            mask=None if verb.mask is None else verb.mask.absolute(),
            output=Path(followed(verb.output)).absolute(),
            boxes=verb.box,
            options=tuple(options.items()),
            max_pixels=verb.max_pixels,
        )
        shown = _Shown(self.display, "to the cluster" if verb.ray else f"to {verb.workers} processes")
        with hushed() if verb.ray else nullcontext():
            share_out(shot, self.restorer, self.tools, verb.workers, verb.ray, verb.worker_cores, shown)


class _Shown(Sharing):
    """On a terminal: a bar for each of the two passes before the joining."""

    def __init__(self, display: "Display", to: str) -> None:
        self.display, self.to = display, to

    def search(self, frames: int | None) -> None:
        self.display.start(frames, "looking for scenes")

    def searched(self) -> None:
        self.display.step()

    def begin(self, portions: int, scenes: int) -> None:
        self.display.line(
            f"{counted(scenes, 'scene')} with holes shared out {self.to}, in {counted(portions, 'portion')}."
        )
        self.display.start(portions, "repairing", "portions")

    def step(self, share: float) -> None:
        self.display.step(share)

    def say(self, text: str) -> None:
        self.display.note(text)
