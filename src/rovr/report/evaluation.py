"""What an evaluation file holds, as ``rovr evaluate`` writes it."""

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rovr.evaluate.ledger import CLOCKED
from rovr.evaluate.oracle import Oracle

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
        bare, _ = self._split()
        return bare == "agent" or bare.endswith(".safetensors")

    @property
    def knows_truth(self) -> bool:
        """Whether it chooses by the undamaged clip, as no method can that has to repair something."""
        return self.selector.replace(":", " ").split()[:1] == [Oracle.name]

    @property
    def chooser(self) -> str:
        """The selector, an agent by its file's name."""
        bare, options = self._split()
        return Path(bare).stem + options if bare.endswith(".safetensors") else self.selector

    def _split(self) -> tuple[str, str]:
        """The selector's name or file, and the options behind it: of ``agent passes=2`` ``agent`` and the rest."""
        bare = re.sub(r"( \w+=\S+)+$", "", self.selector)
        return bare, self.selector.removeprefix(bare)


@dataclass(frozen=True)
class Repairs:
    """What each repair of a run had to go by and what came of it, in the order of repair; as in docs/evaluate.md.

    Attributes:
        saw: share of the hole that the contexts saw.
        knew: the same with what earlier repairs had brought into them.
        psnr: hole-PSNR of that frame in dB; empty where it was not kept.
    """

    saw: list[float | None]
    knew: list[float | None]
    psnr: list[float | None] = field(default_factory=list)


@dataclass(frozen=True)
class Run:
    """One damaged clip repaired by one method.

    Attributes:
        looks: context frames fused, over all repairs.
        edits: (frame, contexts) in order of repair.
        hole: share of the picture that is hidden, for each frame.
        repairs: None in files of earlier versions.
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
    repairs: Repairs | None = None

    def value(self, key: str) -> float:
        """A metric's value, NaN where there is none."""
        found = self.values.get(key)
        return math.nan if found is None or math.isinf(found) else found


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval, which has no width where there is none to believe."""

    mean: float
    low: float
    high: float

    @property
    def wide(self) -> bool:
        """Whether there is an interval."""
        return self.low < self.high


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
        commit: of the source that made the runs; several where they were not made at once.
        clock: what measured seconds; empty in files of earlier versions.
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
    clock: str = ""
    seed: str | int = ""
    rovr: str = ""
    media: str | None = None
    videos: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The methods' names."""
        return [method.name for method in self.methods]

    @property
    def timed(self) -> bool:
        """Whether seconds of one method can stand beside those of another."""
        return self.clock == CLOCKED and "," not in self.commit

    def of(self, method: str, corruption: str) -> list[Run]:
        """The runs of a method under one kind of damage."""
        return [run for run in self.runs if (run.method, run.corruption) == (method, corruption)]

    def mean(self, method: str, corruption: str, key: str) -> Interval | None:
        """A method's mean of a metric."""
        rows = (row for row in self.summary if (row.method, row.corruption) == (method, corruption))
        return next((row.values.get(key) for row in rows), None)
