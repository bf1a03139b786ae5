"""What is to be run: methods × clips × seeds × kinds of damage, and what finished runs must share."""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rovr._version import __version__
from rovr.errors import UserError
from rovr.evaluate.config import EvaluateConfig, Settled
from rovr.files import as_text
from rovr.types import counted

Key = tuple[str, str, int, str]
"""Corruption, clip, seed, method."""

Marks = dict[str, dict[str, str]]
"""Digests of what decides a run, by name: ``shared`` settings, ``methods`` and ``clips``."""

SHIPPED = "agent"
"""Selector whose weights come with the package."""

FILE = ".safetensors"
"""Ends the name of an agent's file."""

COUNTS = "passes", "contexts"
"""Numbers that every method may be given."""

BLIND = "none"
"""Selector of editors that look at no other frame."""


@dataclass(frozen=True)
class Method:
    """An editor under a selector.

    Attributes:
        name: key in the results.
        selector: name of the selector, file of an agent, ``oracle``, or ``none`` where no context is looked at.
        options: of the selector.
        editor: its name.
        passes: times that each frame is repaired.
        contexts: K; None = as many as the plan says.
        texture: whether what no frame shows is given texture.
        plain: name of the same without what stands behind colons; empty where nothing does.
    """

    name: str
    selector: str
    options: dict[str, bool | int | float | str]
    editor: str
    passes: int = 1
    contexts: int | None = None
    texture: bool = False
    plain: str = ""

    def mark(self) -> dict[str, Any]:
        """What decides its results; what came to be later is left out where it is as it was before."""
        settings = asdict(self)
        del settings["plain"]
        later = (("passes", 1), ("contexts", None), ("texture", False))
        return {key: value for key, value in settings.items() if (key, value) not in later}


@dataclass(frozen=True)
class Plan:
    """An evaluation, ready to be run and to be sent to other processes; fields as in :class:`EvaluateConfig`.

    Attributes:
        clips: names.
        frames: of each clip.
        methods: what is compared.
    """

    folder: Path
    clips: tuple[str, ...]
    frames: tuple[int, ...]
    methods: tuple[Method, ...]
    protocol: str
    length: int
    size: tuple[int, int]
    split: str | None
    corruption: tuple[str, ...]
    seeds: int
    weights: Path | None
    contexts: int
    flow: str
    flow_weights: Path | None
    perceptual: str
    i3d: str
    media: Path | None
    device: str

    @property
    def cases(self) -> Iterator[tuple[str, str, int]]:
        """Every corruption, clip and seed."""
        return ((kind, clip, seed) for kind in self.corruption for clip in self.clips for seed in range(self.seeds))

    @property
    def keys(self) -> list[Key]:
        """Every run, in the order of the results."""
        return [(*case, method.name) for case in self.cases for method in self.methods]

    def marks(self) -> Marks:
        """What must be the same for runs to belong together, as short digests.

        Methods and clips have marks of their own: others may come beside them later, as may seeds and kinds of damage.
        """
        files = {name: digest(path) for name, path in self.files().items()}
        names = ("protocol", "length", "size", "contexts", "flow", "media", "device")
        shared: dict[str, Any] = {name: getattr(self, name) for name in names}
        # Weights by what is in them, wherever they lie.
        shared |= {name: files.get(name, getattr(self, name)) for name in ("flow_weights", "perceptual", "i3d")}
        shared |= {"folder": as_text(self.folder.resolve().name), "version": __version__}
        methods = {
            method.name: [
                method.mark() | {"selector": files.get(method.selector, method.selector)},
                files.get(method.editor),
            ]
            for method in self.methods
        }
        parts = {"shared": shared, "methods": methods, "clips": dict(zip(self.clips, self.frames, strict=True))}
        return {part: {name: _mark(value) for name, value in values.items()} for part, values in parts.items()}

    def files(self) -> dict[str, Path]:
        """Files whose content decides the results."""
        from rovr.editor.loading import LEARNED, shipped

        named = {method.selector: Path(method.selector) for method in self.methods}
        found = {name: path for name, path in named.items() if name.endswith(FILE)}
        for name in {method.editor for method in self.methods} & set(LEARNED):
            found[name] = self.weights or shipped(name)
        if SHIPPED in named:
            found[SHIPPED] = shipped(SHIPPED)
        for name in ("flow_weights", "perceptual", "i3d"):
            path = getattr(self, name)
            if path is not None and Path(path).is_file():
                found[name] = Path(path)
        return dict(sorted(found.items()))


def digest(path: Path) -> str:
    """What is in a file, in twelve letters."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _mark(value: object) -> str:
    return hashlib.sha256(json.dumps(value, default=str, sort_keys=True).encode()).hexdigest()[:12]


def make_plan(config: EvaluateConfig, settled: Settled, clips: Sequence[str], frames: Sequence[int]) -> Plan:
    """Put a plan together.

    Raises:
        UserError: methods that clash.
    """
    names = ("split", "protocol", "weights", "contexts", "flow", "flow_weights", "perceptual", "i3d", "media", "device")
    methods = make_methods(config)
    for method in methods:
        if settled.length and (method.contexts or 0) >= settled.length:
            raise UserError(f"{method.name}: a clip of {counted(settled.length, 'frame')} has fewer others to look at")
    return Plan(
        folder=config.clips,
        clips=tuple(clips),
        frames=tuple(frames),
        methods=tuple(methods),
        length=settled.length,
        size=settled.size,
        corruption=settled.corruption,
        seeds=settled.seeds,
        **{name: getattr(config, name) for name in names},
    )


def make_methods(config: EvaluateConfig) -> list[Method]:
    """The methods that a config names.

    Raises:
        UserError: there are none, or two of one name.
    """
    found = [Method(name, BLIND, {}, name) for name in listed(config.baselines)]
    parts = [[text] if text.endswith(FILE) else text.split(":") for text in listed(config.selectors)]
    agents = {Path(selector) for selector, *_ in parts if selector.endswith(FILE)}
    short = len({path.stem for path in agents}) == len(agents)
    for selector, *given in parts:
        name = selector
        if selector.endswith(FILE):
            name = Path(selector).stem if short else Path(selector).with_suffix("").as_posix()
        options = dict(map(_option, given))
        settings: dict[str, Any] = {key: _count(key, options.pop(key)) for key in COUNTS if key in options}
        if "texture" in options:
            settings["texture"] = _yes("texture", options.pop("texture"))
        plain = name if given else ""
        found.append(Method(" ".join([name, *given]), selector, options, config.editor, plain=plain, **settings))
    names = [method.name for method in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"{', '.join(twice)}: two methods of one name; name each once")
    if not found:
        raise UserError("no method to evaluate; give --selectors or --baselines")
    return found


def listed(texts: Iterable[str]) -> list[str]:
    """Split at commas."""
    return [part for text in texts for part in text.split(",") if part]


def _count(name: str, value: object) -> int:
    if type(value) is not int or value < 1:
        raise UserError(f"{name}={value}: give a whole number, at least 1")
    return value


def _yes(name: str, value: object) -> bool:
    if type(value) is not bool:
        raise UserError(f"{name}={value}: give true or false")
    return value


def _option(text: str) -> tuple[str, bool | int | float | str]:
    """``name=value``, the value as what it looks like."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise UserError(f"'{text}' is no option of a selector; write NAME=VALUE, as in coverage:order=easiest")
    if value in ("true", "false"):
        return name, value == "true"
    for kind in (int, float):
        try:
            number = kind(value)
        except ValueError:
            continue
        if not math.isfinite(number):
            raise UserError(f"{text}: give a finite number")
        return name, number
    return name, value
