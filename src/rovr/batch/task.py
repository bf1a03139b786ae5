"""One video of many, what becomes of it, and what all of them are repaired with; all of it can be sent anywhere."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rovr.device import pick_device
from rovr.errors import UserError
from rovr.files import at_home, stamp
from rovr.types import CHOICES, SEEDS, check_crf, check_dilate
from rovr.video.folder import is_image
from rovr.video.limits import MAX_PIXELS

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
        grain: whether repairs get the grain of their surroundings.
        fields: whether fields are repaired one by one, a key of :data:`rovr.types.CHOICES`.
        provenance: whether ``NAME.npz`` is written beside the output ``NAME.mp4``, with the video that shows it.
        max_pixels: that a frame may have.
    """

    dilate: int = 0
    seed: int = 0
    crf: int = 18
    lossless: bool = False
    rate: float = 25.0
    grain: bool = False
    fields: str = "auto"
    provenance: bool = False
    max_pixels: int = MAX_PIXELS


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

    @property
    def provenance(self) -> Path | None:
        """Where its provenance goes, if that is asked for."""
        name = self.output.name if not self.output.suffix else self.output.stem
        return self.output.with_name(f"{name}.npz") if self.options.provenance else None

    @property
    def places(self) -> tuple[Path, ...]:
        """Everything that is going to be written."""
        if self.provenance is None:
            return (self.output,)
        from rovr.provenance.output import picture_path

        return self.output, self.provenance, picture_path(self.provenance)

    def anywhere(self) -> "Task":
        """The same for someone who is in another folder."""
        mask = None if self.mask is None else self.mask.absolute()
        return replace(self, input=self.input.absolute(), output=self.output.absolute(), mask=mask)


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


Job = Callable[["Restorer", Callable[[float], None]], Outcome]
"""What a worker does with its editor and selector, telling which share of it is done; can be sent anywhere."""


@dataclass(frozen=True)
class Repair:
    """The :data:`Job` of a task.

    Attributes:
        task: what to do.
        replace: whether an output that is there may be replaced.
    """

    task: Task
    replace: bool

    def __call__(self, restorer: "Restorer", on_share: Callable[[float], None]) -> Outcome:
        """Do it."""
        from rovr.batch.work import repair_one

        return repair_one(self.task, restorer, self.replace, on_share)


@dataclass(frozen=True)
class Tools:
    """What all videos are repaired with; see :meth:`rovr.Restorer.from_pretrained`.

    Attributes:
        editor: its name.
        selector: its name; None for the model's own.
        contexts: frames to look at per repair; likewise.
        device: where to compute.
        weights: the editor's, by default the ones that come with it.
        cuts: whether to look for scene cuts.
        passes: times that each damaged frame is repaired.
        texture: whether what no frame shows is given texture.
    """

    editor: str = "aligned"
    selector: str | None = None
    contexts: int | None = None
    device: str = "auto"
    weights: Path | None = None
    cuts: bool = True
    passes: int = 1
    texture: bool = False

    def check(self, here: bool) -> None:
        """See that there are tools of these names, as far as that is known before any is loaded.

        Args:
            here: whether this machine is to use them; which devices others have, they have to say.

        Raises:
            UserError: an unknown name, an absent device, contexts or passes that are no whole number from 1 on.
        """
        from rovr import hub, plugs
        from rovr.editor.loading import EDITORS
        from rovr.repair import check_counts
        from rovr.select import SELECTORS

        check_counts(2 if self.contexts is None else self.contexts, self.passes)
        if not hub.is_path(self.editor):
            plugs.find("editor", self.editor, EDITORS)
        if self.selector is not None and not self.selector.endswith(".safetensors"):
            plugs.find("selector", self.selector, SELECTORS)
        if here:
            pick_device(self.device)

    def load(self) -> "Restorer":
        """Load everything once, for any number of videos.

        Raises:
            UserError: an unknown name, an absent device, weights that do not fit.
        """
        from rovr.restorer import Restorer

        named = self.editor, self.selector, self.device, self.contexts, self.weights, self.cuts
        return Restorer.from_pretrained(*named, passes=self.passes, texture=self.texture)

    def anywhere(self) -> "Tools":
        """The same for someone who is in another folder; names that are no paths stay."""

        def placed(name: str) -> str:
            path = _place(name)
            return name if path is None else str(path.absolute())

        weights = None if self.weights is None else self.weights.absolute()
        selector = None if self.selector is None else placed(self.selector)
        return replace(self, editor=placed(self.editor), selector=selector, weights=weights)


def settings_of(task: Task, tools: Tools) -> dict[str, Any]:
    """Everything an output depends on, as plain values: an output made with others is not that of this task."""
    made_with = {**asdict(task.options), **asdict(tools)}
    # Neither where nor within which limits it is made.
    del made_with["device"], made_with["max_pixels"]
    for name, value in (("editor", tools.editor), ("selector", tools.selector), ("weights", tools.weights)):
        if value is not None:
            # What lies in a file or a folder may be trained anew under the same name.
            path = _place(value)
            made_with[name] = str(value) if path is None else stamp(path)
    return {
        "input": _stamp(task.input),
        "mask": None if task.mask is None else _stamp(task.mask),
        "boxes": list(task.boxes),
        **made_with,
    }


def _place(name: str | Path) -> Path | None:
    """Where the file or folder of this name is; None for the name of an editor or a selector, or where nothing is."""
    path = at_home(name)
    return path if path.exists() and (isinstance(name, Path) or "/" in name or path.suffix) else None


def _stamp(path: Path) -> list[Any] | None:
    # What is gone or may not be read, the repair itself has a word for.
    try:
        return stamp(path, is_image)
    except OSError:
        return None


def check_options(options: Options) -> None:
    """Refuse what no video could be repaired with.

    Raises:
        UserError: naming it.
    """
    check_crf(options.crf, "crf")
    check_dilate(options.dilate, "dilate")
    if options.fields not in CHOICES:
        raise UserError(f"fields {options.fields}: give {', '.join(CHOICES)}.")
    if not 0 <= options.seed < SEEDS:
        raise UserError(f"seed {options.seed}: give 0 or more, below 2^63.")
    if not 0 < options.rate <= 1000:
        raise UserError(f"rate {options.rate}: give frames per second between 0 and 1000.")
