"""Settings of the editor's training; the field docstrings are the command line's help."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np


DECISIVE = (
    "editor part batch lr round_samples reuse window length size contexts sampler damage perceptual perceptual_final "
    "flow_weight consensus_weight ema seed"
)
"""Settings that a run must go on with. Another number of steps makes it longer or shorter; files may lie elsewhere."""


@dataclass(frozen=True)
class TrainConfig:
    """Train an editor on a folder of videos or of frame folders."""

    data: tuple[Path, ...]
    """Folders of training clips."""
    out: Path
    """Where checkpoints, logs, pictures and the weights go; a run found there is continued exactly."""
    val: Path | None = None
    """Folder of clips on which the editor is watched, after each round; never trained on."""
    editor: Literal["aligned", "concat"] = "aligned"
    """Which editor."""
    part: Literal["repair", "motion"] = "repair"
    """What learns: the repair, or the completion of motion that the aligned editor stands on and that comes first."""
    init: Path | None = None
    """Weights to start from (safetensors); by default the untrained rule."""
    steps: int = 14_000
    """Optimiser steps."""
    batch: int = 4
    """Edits a step."""
    lr: float = 4e-4
    """Highest learning rate; warmed up over 200 steps, then a cosine down to a hundredth."""
    round_samples: int = 4096
    """Edits rolled out before the weights that made them are renewed."""
    reuse: int = 4
    """Times each edit is trained on, mirrored and turned at random."""
    window: int = 160
    """Side of the square that is trained on, in pixels; a multiple of 16."""
    length: int = 25
    """Frames of a clip."""
    size: int = 256
    """Side of a clip's frames, in pixels; even, and at most 288, the size at which frames are aligned."""
    contexts: int = 2
    """Contexts an edit looks at."""
    sampler: str = "mixed"
    """Whose repairs are trained on: ``mixed``, order and contexts at random, near and far, which makes the editor fit
    for whatever a policy will choose; or those of one selector, by its name or an agent's file."""
    damage: tuple[str, ...] = ("shift",)
    """Kinds of masks; one is drawn for each clip, and naming a kind twice makes it twice as likely."""
    perceptual: Path | Literal["none", "download"] = "none"
    """VGG-16 weights for the perceptual loss: a safetensors file, ``download`` (torchvision), or ``none``."""
    perceptual_final: float = 0.9
    """Largest weight λ of the perceptual loss, reached at the last step."""
    flow_weight: float = 0.03
    """Weight of the flow loss."""
    consensus_weight: float = 0.3
    """Weight of the half-size estimate's loss."""
    ema: float = 0.999
    """Decay of the averaged weights, which are the ones that ship."""
    seed: int = 0
    """Decides everything that is drawn."""
    workers: int = 2
    """Processes that roll out."""
    threads: int = 2
    """Threads that train."""
    device: str = "cpu"
    """Where the network trains: cpu, cuda, cuda:1, …, or auto."""
    bf16: bool = True
    """By default in bfloat16 where the device has it; with --no-bf16 in float32."""
    save_minutes: float = 3.0
    """Minutes between checkpoints."""
    log_every: int = 50
    """Steps between log lines."""
    wandb: str | None = None
    """Weights & Biases project that the figures are sent to as well; by default none."""

    def draw_damage(self, chance: "np.random.Generator") -> str:
        """One of the kinds of masks."""
        return self.damage[int(chance.integers(len(self.damage)))]

    @property
    def decisive(self) -> dict[str, Any]:
        """:data:`DECISIVE`, as a checkpoint holds them: files by their names."""
        given = asdict(self)
        named = {name: Path(given[name]).name for name in ("sampler", "perceptual")}
        return {name: given[name] for name in DECISIVE.split()} | named

    @property
    def round_steps(self) -> int:
        """Steps between roll-outs."""
        return self.round_samples * self.reuse // self.batch
