"""Train an editor in rounds of roll-outs, with exact resume.

``rovr train editor --data DIR --out RUN``. Every draw depends on (seed, round, step) alone, and a checkpoint holds
weights, averages and optimiser, so that a run killed at any moment goes on with the same losses as one never killed.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from rovr.editor.loading import build_editor, read_checkpoint, write_checkpoint, write_weights
from rovr.editor.training.config import TrainConfig
from rovr.editor.training.courses import course_of
from rovr.editor.training.folder import check_same, fitting, held, made
from rovr.editor.training.log import TrainLog
from rovr.editor.training.losses import perceptual_weight
from rovr.editor.training.ranks import ALONE, Ranks
from rovr.editor.training.rounds import Draw, drop_round, open_round
from rovr.editor.training.samples import SampleStore
from rovr.editor.training.tracker import open_tracker
from rovr.perceptual import PerceptualLoss

Validate = Callable[[Path], dict[str, float]]

WARMUP = 200


def learning_rate(config: TrainConfig, step: int) -> float:
    """Linear warm-up, then a cosine to a hundredth."""
    if step < WARMUP:
        return config.lr * (step + 1) / WARMUP
    share = (step - WARMUP) / max(1, config.steps - WARMUP)
    return config.lr * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(share, 1))))


class Trainer:
    """Holds what training changes; :meth:`run` does the work.

    Args:
        config: settings.
        draw: source of undamaged clips.
        validate: given a weights file, figures to log under ``val/``; called after each round.
        ranks: which of several processes this is, all of which run the same.

    Raises:
        UserError: weights that are missing, damaged or of another network, or a folder that cannot be made.
    """

    def __init__(self, config: TrainConfig, draw: Draw, validate: Validate | None = None, ranks: Ranks = ALONE) -> None:
        self.config, self.draw, self.validate, self.ranks = config, draw, validate, ranks
        self.course = course_of(config)
        torch.manual_seed(config.seed)
        self.device = torch.device(config.device)
        self.net = build_editor(config.editor, self.device, config.init).net.train()
        self.average = {name: tensor.detach().clone() for name, tensor in self.net.state_dict().items()}
        self.taught = self.course.taught(self.net)
        self.optimiser = torch.optim.AdamW(self.taught.parameters(), lr=config.lr, betas=(0.9, 0.99), weight_decay=1e-4)
        self.step = 0
        self.figures: dict[str, list[float]] = {}  # of the steps since the last line of the log
        self.perceptual: PerceptualLoss | None = None
        if config.perceptual != "none":
            path = None if config.perceptual == "download" else Path(config.perceptual)
            self.perceptual = PerceptualLoss.load(path).to(self.device)
        made(config.out)

    @property
    def checkpoint(self) -> Path:
        """Where the state of the run is kept."""
        return self.config.out / "checkpoint.pt"

    def run(self, stop_at: int | None = None) -> None:
        """Train to the end, or to a step; continues what is found in the output folder.

        Raises:
            UserError: another run is at work there, what is there is of other settings, or the disk runs full.
        """
        with held(self.config.out) if self.ranks.first else nullcontext():
            self._run(stop_at)
            if self.ranks.first and self.step >= self.config.steps:
                drop_round(self.config)

    def _run(self, stop_at: int | None) -> None:
        torch.set_num_threads(self.config.threads)
        if self.checkpoint.exists():
            self.load()
        self._meet()
        end = min(self.config.steps, stop_at or self.config.steps)
        with self._log() as log:
            saved = time.monotonic()
            while self.step < end:
                index, first = divmod(self.step, self.config.round_steps)
                store = self._open_round(index)
                last = min(self.config.round_steps, first + end - self.step)
                for at in range(first, last):
                    batch = self._batch(store, index, at)
                    figures = self.learn(batch)
                    self.step += 1
                    if log is None:
                        continue
                    log.add(figures)
                    if self.step % self.config.log_every == 0 or self.step == self.config.steps:
                        log.flush(self.step, self.config.steps)
                    if at + 1 < last and time.monotonic() - saved > 60 * self.config.save_minutes:
                        self.save()
                        saved = time.monotonic()
                if log is None:
                    continue
                self._write_weights()
                self.course.picture(self.net, batch, self.config.out / "pictures" / f"{self.step:06d}.png")
                if self.validate is not None:
                    log.write(self.step, {f"val/{k}": v for k, v in self.validate(self.weights).items()})
                # Last, so that a run killed before goes through all that belongs to the end of a round again.
                self.save()
                saved = time.monotonic()
        self._meet()

    @property
    def weights(self) -> Path:
        """The averaged weights as of the last checkpoint."""
        return self.config.out / f"{self.config.editor}.safetensors"

    def learn(self, batch: dict[str, Tensor]) -> dict[str, float]:
        """One optimiser step; returns every loss, unscaled, and its weight's schedule."""
        config = self.config
        rate = learning_rate(config, self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        share = perceptual_weight(self.step, config.steps, config.perceptual_final) if self.perceptual else 0.0
        with torch.autocast(self.device.type, torch.bfloat16, enabled=config.bf16):
            terms = self.course.terms(self.net, batch, self.perceptual, self.ranks)
        weights = self.course.weights(config, share)
        loss = torch.stack([weights[name] * term for name, term in terms.items() if name in weights]).sum()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.ranks.sum_gradients(self.taught.parameters())
        norm = nn.utils.clip_grad_norm_(self.taught.parameters(), 1.0)
        if bool(torch.isfinite(norm)):
            self.optimiser.step()
        decay = min(config.ema, (self.step + 1) / (self.step + 10))
        for name, tensor in self.net.state_dict().items():
            self.average[name].lerp_(tensor, 1 - decay)
        shares = {**terms, "loss": loss}
        whole = self.ranks.total(torch.stack([term.detach().float() for term in shares.values()])).tolist()
        figures = dict(zip(shares, whole, strict=True))
        return {**figures, "gradient": float(norm), "lr": rate, "lambda": share}

    def _open_round(self, index: int) -> SampleStore:
        """Roll out with the averaged weights as they were when the round began."""
        config = self.config
        behaviour = config.out / "behaviour.safetensors"
        if self.ranks.first:
            if self.step == index * config.round_steps:
                write_weights(behaviour, self.average, {"step": self.step})
            open_round(config, index, behaviour, self.draw)
        self._meet()
        return open_round(config, index, behaviour, self.draw)  # finished by now, and found so by all

    @contextmanager
    def _log(self) -> Iterator[TrainLog | None]:
        """Where figures go; one process speaks for all."""
        if not self.ranks.first:
            yield None
            return
        tracker = open_tracker(self.config.wandb, self.config.out, asdict(self.config))
        with closing(TrainLog(self.config.out, self.step, tracker=tracker, sums=self.figures)) as log:
            yield log

    def _meet(self) -> None:
        """Wait for the other processes."""
        self.ranks.same(self.step, "the steps that they have done")

    def _batch(self, store: SampleStore, index: int, at: int) -> dict[str, Tensor]:
        per_pass = store.size // self.config.batch
        turn, place = divmod(at, per_pass)
        order = np.random.default_rng([self.config.seed, index, turn]).permutation(store.size)
        flips = np.random.default_rng([self.config.seed, index, turn, place]).random((self.config.batch, 3)) < 0.5
        picked = order[place * self.config.batch : (place + 1) * self.config.batch]
        batch = store.read(self.ranks.slice(picked), self.ranks.slice(flips))
        return {name: tensor.to(self.device) for name, tensor in batch.items()}

    def save(self) -> None:
        """Write the averaged weights and the checkpoint; each appears whole or not at all."""
        self._write_weights()
        state = {
            "settings": self.config.decisive,
            "step": self.step,
            "net": self.net.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "figures": self.figures,
        }
        write_checkpoint(self.checkpoint, state)

    def _write_weights(self) -> None:
        write_weights(self.weights, self.average, {"editor": self.config.editor, "step": self.step})

    def load(self) -> None:
        """Continue from the checkpoint."""
        state = read_checkpoint(self.checkpoint, self.device)
        with fitting(self.checkpoint):
            check_same(self.checkpoint, state.get("settings", {}), self.config.decisive)
            self.net.load_state_dict(state["net"])
            self.average = state["average"]
            self.optimiser.load_state_dict(state["optimiser"])
            self.step = state["step"]
            self.figures = state.get("figures", {})
