"""``rovr train editor``: put data, trainer and validation together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rovr.data.corrupt import damage, make_masks
from rovr.data.folders import ClipSource, open_dataset
from rovr.editor.loading import load_editor
from rovr.editor.training.config import TrainConfig
from rovr.editor.training.trainer import Trainer
from rovr.errors import UserError
from rovr.mdp.state import RepairState
from rovr.metrics import psnr
from rovr.repair import Repairer
from rovr.select import load_selector

VALIDATION_SEED = 1000


def train_editor(config: TrainConfig, say: Callable[[str], None] = print) -> Path:
    """Train, or continue training, and return the path of the averaged weights.

    Raises:
        UserError: settings that cannot work, or no clips.
    """
    if config.window % 16 or config.window > config.size:
        raise UserError(f"--window {config.window} must be a multiple of 16 and at most --size {config.size}")
    if config.round_samples % config.batch:
        raise UserError(f"--round-samples {config.round_samples} must be a multiple of --batch {config.batch}")
    sources = [[_source(folder, config, stride) for folder in config.data] for stride in (1, 2)]
    pools = [[source for source in pool if source is not None] for pool in sources]
    pools = [pool for pool in pools if pool]
    count = sum(len(source.sequences) for source in pools[0])
    say(f"training '{config.editor}' on {count} sequences, on {config.device}, into {config.out}")
    if config.perceptual == "none":
        say("without the perceptual loss (λ = 0): give VGG-16 weights with --perceptual to have it")

    validate = None
    if config.val is not None:
        clips = _first_clips(open_dataset(config.val, length=config.length, size=config.size))

        def validate(weights: Path) -> dict[str, float]:
            figures = {"coverage": validation_psnr(config, weights, clips)}
            say("validation, hole-PSNR with 'coverage' contexts: {coverage:.2f} dB".format(**figures))
            return figures

    trainer = Trainer(config, ClipDraw(pools), validate)
    trainer.run()
    return trainer.weights


@dataclass(frozen=True)
class ClipDraw:
    """Draws training clips; a class and not a closure, because it travels to the processes that roll out.

    Attributes:
        pools: for each stride, the folders that have clips of it.
    """

    pools: Sequence[Sequence[ClipSource]]

    def __call__(self, chance: np.random.Generator) -> Tensor:
        """A clip, (T, 3, H, W) uint8; every sequence of a pool is as likely."""
        pool = self.pools[int(chance.integers(len(self.pools)))]
        counts = np.array([len(source.sequences) for source in pool])
        return pool[int(chance.choice(len(pool), p=counts / counts.sum()))].sample(chance).frames


@torch.inference_mode()
def validation_psnr(config: TrainConfig, weights: Path, clips: list[Tensor]) -> float:
    """Mean hole-PSNR over clips, each repaired whole under fixed damage, in decibels."""
    editor = load_editor(config.editor, config.device, weights)
    scores = []
    for seed, truth in enumerate(clips, VALIDATION_SEED):
        masks = make_masks(config.damage, len(truth), truth.shape[-2], truth.shape[-1], seed)
        state = RepairState.begin(damage(truth, masks), masks)
        generator = torch.Generator().manual_seed(VALIDATION_SEED)
        Repairer(editor, load_selector("coverage"), config.contexts).run(state, generator)
        scores.append(psnr(state.frames, truth, masks))
    return float(np.mean(scores))


def _source(folder: Path, config: TrainConfig, stride: int) -> ClipSource | None:
    """Clips of a folder; None where no sequence is long enough at a stride above 1."""
    source = open_dataset(folder, length=config.length, size=config.size, stride=stride)
    if stride > 1 and len(source.skipped) == len(source._sequences):
        return None
    return source


def _first_clips(source: ClipSource) -> list[Tensor]:
    """The first clip of every sequence."""
    seen: dict[str, Tensor] = {}
    for clip in source:
        seen.setdefault(clip.name.split("@")[0], clip.frames)
    return list(seen.values())
