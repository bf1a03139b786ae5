"""The evaluation file that a report is made of, as ``rovr evaluate`` writes it."""

import json
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from rovr.errors import UserError

FORMAT = 1
Values = dict[str, float | None]


@dataclass(frozen=True)
class Metric:
    """What a number means: its name, its unit, and by whom it was computed."""

    label: str
    unit: str = ""
    better: Literal["higher", "lower"] = "higher"
    by: str = ""

    @property
    def sign(self) -> int:
        """1 where more is better, else -1."""
        return 1 if self.better == "higher" else -1


@dataclass(frozen=True)
class Method:
    """An editor under a selector; ``contexts`` is a number, or a word where it is not the same for each repair."""

    name: str
    selector: str
    editor: str
    contexts: int | str | None = None
    weights: dict[str, str] = field(default_factory=dict)

    @property
    def chosen_by_agent(self) -> bool:
        """Whether a trained agent chooses: the one that ships, or one from a file."""
        return self.selector == "agent" or self.selector.endswith(".safetensors")

    @property
    def chooser(self) -> str:
        """The selector, an agent by its file's name."""
        return Path(self.selector).stem if self.selector.endswith(".safetensors") else self.selector


@dataclass(frozen=True)
class Run:
    """One damaged clip repaired by one method.

    Attributes:
        looks: context frames fused, over all repairs.
        edits: (frame, contexts) in order of repair.
        hole: share of the picture that is hidden, for each frame.
    """

    method: str
    clip: str
    seed: int
    corruption: str
    values: Values
    seconds: Values
    looks: float | None
    edits: list[tuple[int, list[int]]]
    hole: list[float]

    def value(self, key: str) -> float:
        """A metric's value, NaN where there is none."""
        found = self.values.get(key)
        return math.nan if found is None or math.isinf(found) else found


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Summary:
    """Means of one method under one kind of damage."""

    method: str
    corruption: str
    count: int
    values: dict[str, Interval | None]


@dataclass(frozen=True)
class Difference:
    """Means of ``method`` less those of ``against``, over pairs of the same clip and seed."""

    method: str
    against: str
    corruption: str
    values: dict[str, Interval | None]


@dataclass(frozen=True)
class Protocol:
    """What was measured on."""

    name: str
    corruptions: list[str]
    clips: list[str]
    seeds: int
    length: int | None = None
    size: list[int] | None = None
    caveat: str = ""


@dataclass(frozen=True)
class Evaluation:
    """A whole file.

    Attributes:
        media: folder of videos, as the file names it.
        videos: folder of a method's videos and the method's name there, by its name here.
    """

    protocol: Protocol
    metrics: dict[str, Metric]
    methods: list[Method]
    runs: list[Run]
    summary: list[Summary]
    differences: list[Difference]
    commit: str = ""
    machine: dict[str, Any] | str | None = None
    seed: str | int = ""
    rovr: str = ""
    media: str | None = None
    videos: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The methods' names."""
        return [method.name for method in self.methods]

    def of(self, method: str, corruption: str) -> list[Run]:
        """The runs of a method under one kind of damage."""
        return [run for run in self.runs if (run.method, run.corruption) == (method, corruption)]

    def mean(self, method: str, corruption: str, key: str) -> Interval | None:
        """A method's mean of a metric."""
        rows = (row for row in self.summary if (row.method, row.corruption) == (method, corruption))
        return next((row.values.get(key) for row in rows), None)


def read_evaluation(path: Path) -> Evaluation:
    """Read and check an evaluation file.

    Raises:
        UserError: it is no such file, of a later format, or does not fit together.
    """
    hint = "make one with: rovr evaluate"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read ({_reason(error)}); {hint}") from error
    try:
        # Numbers that JSON does not have (NaN, Infinity) count as missing.
        content = json.loads(text, parse_constant=lambda name: None)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON ({_reason(error)}); {hint}") from error
    if not isinstance(content, dict) or content.get("kind") != "evaluation":
        raise UserError(f"{path} is no evaluation file; {hint}")
    if content.get("format") != FORMAT:
        raise UserError(f"{path} is of format {content.get('format')}, and this version reads {FORMAT}; {hint}")
    try:
        evaluation = msgspec.convert(content, Evaluation)
        _check(evaluation)
    except msgspec.ValidationError as error:
        raise UserError(f"{path} is not a whole evaluation file ({_reason(error)}); {hint}") from error
    place = evaluation.media and str(path.parent / evaluation.media)
    return replace(evaluation, videos={name: (place, name) for name in evaluation.names} if place else {})


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split())[:200]


def _check(evaluation: Evaluation) -> None:
    """Raise a ValidationError where parts do not fit together."""
    names = evaluation.names
    for what, found in (("metrics", evaluation.metrics), ("methods", names), ("runs", evaluation.runs)):
        if not found:
            raise msgspec.ValidationError(f"it has no {what}")
    if len(set(names)) < len(names):
        raise msgspec.ValidationError("two methods have the same name")
    for k, run in enumerate(evaluation.runs):
        if run.method not in names:
            raise msgspec.ValidationError(f"runs[{k}] is of '{run.method}', which is not among the methods")
        if not run.hole:
            raise msgspec.ValidationError(f"runs[{k}] has no frames")
        touched = [index for frame, contexts in run.edits for index in (frame, *contexts)]
        if any(not 0 <= index < len(run.hole) for index in touched):
            raise msgspec.ValidationError(f"runs[{k}] looks at a frame outside its {len(run.hole)} frames")
