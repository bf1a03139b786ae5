"""``rovr train editor``: put data, trainer and validation together."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rovr.data.cases import ClipDraw, check_kinds, first_clips, make_case
from rovr.device import pick_device
from rovr.editor.loading import load_editor
from rovr.editor.training.config import TrainConfig
from rovr.editor.training.ranks import Ranks, joined
from rovr.editor.training.trainer import Trainer
from rovr.editor.window import WORK_SIDE
from rovr.errors import UserError
from rovr.mdp.state import RepairState
from rovr.metrics import psnr
from rovr.repair import Repairer
from rovr.select import load_selector
from rovr.types import check_range, check_seed, counted

VALIDATION_SEED = 1000


def train_editor(config: TrainConfig, say: Callable[[str], None] = print) -> Path:
    """Train, or continue training, and return the path of the averaged weights.

    Raises:
        UserError: settings that cannot work, or no clips.
    """
    config = replace(config, device=str(pick_device(config.device)))
    check_seed(config.seed)
    check_range(config, "steps batch round_samples reuse contexts threads log_every", 1)
    check_range(config, "workers lr flow_weight consensus_weight save_minutes", 0)
    check_range(config, "perceptual_final ema", 0, 1)
    check_range(config, "window", 16)
    if config.size % 2 or config.size > WORK_SIDE:
        raise UserError(f"--size {config.size} must be even and at most {WORK_SIDE}, at which frames are aligned")
    if config.length <= config.contexts:
        raise UserError(f"--length {config.length} leaves no {config.contexts} contexts to look at")
    if config.window % 16 or config.window > config.size:
        raise UserError(f"--window {config.window} must be a multiple of 16 and at most --size {config.size}")
    if config.round_samples % config.batch:
        raise UserError(f"--round-samples {config.round_samples} must be a multiple of --batch {config.batch}")
    if config.part == "motion" and config.editor != "aligned":
        raise UserError(f"the editor '{config.editor}' completes no motion; --part motion is for 'aligned'")
    if config.sampler != "mixed":
        load_selector(config.sampler)  # before anything is written
    check_kinds(config.damage)
    with joined(config.device) as (ranks, device):
        return _train(replace(config, device=device), ranks, say if ranks.first else lambda line: None)


def _train(config: TrainConfig, ranks: Ranks, say: Callable[[str], None]) -> Path:
    if config.batch < ranks.count:
        raise UserError(f"--batch {config.batch} cannot be shared by {ranks.count} processes")
    draw = ClipDraw.open(config.data, config.length, config.size)
    what = f"the {config.part} of '{config.editor}'"
    say(f"training {what} on {counted(draw.sequences, 'sequence')}, on {config.device}, into {config.out}")
    if config.part == "repair" and config.perceptual == "none":
        say("without the perceptual loss (λ = 0): give VGG-16 weights with --perceptual to have it")

    validate = None
    if config.val is not None and ranks.first:
        clips = list(first_clips(config.val, config.length, config.size).values())
        warn_of_shared(draw, config.val, say)

        def validate(weights: Path) -> dict[str, float]:
            figures = {"coverage": validation_psnr(config, weights, clips)}
            say("validation, hole-PSNR with 'coverage' contexts: {coverage:.2f} dB".format(**figures))
            return figures

    trainer = Trainer(config, draw, validate, ranks)
    trainer.run()
    say(f"weights: {trainer.weights}")
    return trainer.weights


def warn_of_shared(draw: ClipDraw, val: Path, say: Callable[[str], None]) -> None:
    """Say where clips of validation are trained on: their figures then say nothing of other clips."""
    if shared := draw.shared(val):
        say(f"beware: {len(shared)} of the sequences of --val {val} are trained on too, {shared[0]} for one")


@torch.inference_mode()
def validation_psnr(config: TrainConfig, weights: Path, clips: list[Tensor]) -> float:
    """Mean hole-PSNR over clips, each repaired whole under fixed damage, in decibels."""
    editor = load_editor(config.editor, config.device, weights)
    scores = []
    for seed, truth in enumerate(clips, VALIDATION_SEED):
        case = make_case(truth, config.damage[0], seed)
        state = RepairState.begin(case.frames, case.masks)
        generator = torch.Generator().manual_seed(VALIDATION_SEED)
        Repairer(editor, load_selector("coverage"), config.contexts).run(state, generator)
        scores.append(psnr(state.frames, case.truth, case.masks))
    return float(np.mean(scores))
