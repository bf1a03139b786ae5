"""One video of many, what becomes of it, and what all of them are repaired with; all of it can be sent anywhere."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rovr.errors import UserError
from rovr.files import stamp

if TYPE_CHECKING:
    from rovr.restorer import Restorer

Fault = Literal["", "user", "passing", "ours"]
"""Whose fault a failure is: the input's or the list's; nobody's, so that another try may help; the program's."""


@dataclass(frozen=True)
class Options:
    """How a video is repaired and written, where its line of a list may differ; see :func:`rovr.restore_video`.

    Attributes:
        dilate: pixels to widen the holes by.
        seed: of the source of chance.
        crf: quality of H.264.
        lossless: whether FFV1 is written.
        rate: frames per second, where the input is a folder.
    """

    dilate: int = 0
    seed: int = 0
    crf: int = 18
    lossless: bool = False
    rate: float = 25.0


@dataclass(frozen=True)
class Task:
    """One video to repair.

    Attributes:
        input: the damaged video.
        output: where the repaired one goes.
        mask: as for :func:`rovr.restore_video`.
        boxes: as there.
        options: as there.
        wrong: what is known to be wrong with it already; such a task is never begun.
    """

    input: Path
    output: Path
    mask: Path | None = None
    boxes: tuple[str, ...] = ()
    options: Options = field(default_factory=Options)
    wrong: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    Attributes:
        fault: whose fault it is that there is no output; empty where there is one.
        reason: one line for the user.
        details: the traceback of a fault of ours.
        report: of the repair: frames, repaired, seconds, bytes, sha256.
    """

    fault: Fault = ""
    reason: str = ""
    details: str = ""
    report: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Tools:
    """What all videos are repaired with; see :meth:`rovr.Restorer.from_pretrained`.

    Attributes:
        editor: its name.
        selector: its name; None for the model's own.
        contexts: frames to look at per repair; likewise.
        device: where to compute.
        weights: the editor's, by default the ones that come with it.
    """

    editor: str = "aligned"
    selector: str | None = "agent"
    contexts: int | None = 2
    device: str = "auto"
    weights: Path | None = None

    def load(self) -> "Restorer":
        """Load everything once, for any number of videos.

        Raises:
            UserError: an unknown name, an absent device, weights that do not fit.
        """
        from rovr.restorer import Restorer

        return Restorer.from_pretrained(self.editor, self.selector, self.device, self.contexts, self.weights)


def settings_of(task: Task, tools: Tools) -> dict[str, Any]:
    """Everything an output depends on, as plain values: an output made with others is not that of this task."""
    made_with = asdict(replace(tools, device=""))
    del made_with["device"]
    if tools.weights is not None:
        made_with["weights"] = stamp(tools.weights) if tools.weights.exists() else str(tools.weights)
    return {
        "input": stamp(task.input) if task.input.exists() else None,
        "mask": stamp(task.mask) if task.mask is not None and task.mask.exists() else None,
        "boxes": list(task.boxes),
        **asdict(task.options),
        **made_with,
    }


def check_options(options: Options) -> None:
    """Refuse what no video could be repaired with.

    Raises:
        UserError: naming it.
    """
    if not 0 <= options.crf <= 51:
        raise UserError(f"crf {options.crf}: H.264 takes 0 (best) to 51.")
    if options.dilate < 0:
        raise UserError(f"dilate {options.dilate}: the holes can only be widened; give 0 or more.")
    if not 0 < options.rate <= 1000:
        raise UserError(f"rate {options.rate}: give frames per second between 0 and 1000.")
