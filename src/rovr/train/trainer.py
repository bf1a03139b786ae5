"""Train agents in the decision process, with exact resume.

``rovr train agents --data DIR --out RUN``. First they may imitate the rule ``sight``, or practise choosing contexts;
then they learn by reinforcement in whole episodes. A checkpoint holds the learners whole, so that a run killed at any
moment goes on as if it had not been.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from rovr.agents import Agent
from rovr.editor.loading import read_checkpoint, write_checkpoint
from rovr.editor.training.folder import check_same, fitting, held, made
from rovr.editor.training.log import TrainLog
from rovr.mdp.encoder import Encoder
from rovr.rl import BatchEnv, Learner

Validate = Callable[[Agent], dict[str, float]]

SAID = ("return", "length", "kl", "entropy", "foreseen", "best")
"""Figures that the terminal shows; all are in the log."""


class Stage:
    """A learner, the iterations it gets, and what they are called.

    Args:
        name: begins the names of its figures.
        learner: on the agent that all stages share.
        iterations: how many.
        env: where.
        turns: train π1 and π2 in turns of so many iterations, the other held still; 0 = both at once.
    """

    def __init__(self, name: str, learner: Learner, iterations: int, env: BatchEnv, turns: int = 0) -> None:
        self.name, self.learner, self.iterations, self.env, self.turns = name, learner, iterations, env, turns

    def hold(self, agent: Agent, iteration: int) -> None:
        """Hold still whose turn it is not."""
        first = not self.turns or iteration // self.turns % 2 == 0
        second = not self.turns or not first
        agent.frame_policy.requires_grad_(first)
        agent.context_policy.requires_grad_(second)


class AgentTrainer:
    """Runs the stages one after the other.

    Args:
        out: folder of the run.
        agent: what learns.
        stages: in order.
        card: what the agent's file is to say of how it came to be.
        save_minutes: between checkpoints.
        validate: figures of the agent as it stands, to be logged under ``val/``.
        validate_every: iterations between validations.
        tracker: is told all figures, see :class:`TrainLog`.
        encoder: φ, whose weights go into the agent's file.
        settings: that the run must go on with.
    """

    def __init__(
        self,
        out: Path,
        agent: Agent,
        stages: list[Stage],
        card: dict[str, Any],
        save_minutes: float = 3.0,
        validate: Validate | None = None,
        validate_every: int = 25,
        tracker: Callable[[int, dict[str, float]], None] | None = None,
        encoder: Encoder | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.out, self.agent, self.stages, self.card, self.encoder = out, agent, stages, card, encoder
        self.settings = dict(settings or {})
        self.save_minutes, self.validate, self.validate_every = save_minutes, validate, validate_every
        self.iteration, self.tracker = 0, tracker
        made(out)

    @property
    def total(self) -> int:
        """Iterations of all stages."""
        return sum(stage.iterations for stage in self.stages)

    @property
    def weights(self) -> Path:
        """The agent as of the last checkpoint."""
        return self.out / "agent.safetensors"

    def run(self, stop_at: int | None = None) -> None:
        """Train to the end, or to an iteration; continues what is found in the output folder.

        Raises:
            UserError: another run is at work there, what is there is of other settings, or the disk runs full.
        """
        with held(self.out):
            self._run(stop_at)

    def _run(self, stop_at: int | None) -> None:
        checkpoint = self.out / "checkpoint.pt"
        if checkpoint.exists():
            state = read_checkpoint(checkpoint, next(iter(self.agent.parameters())).device)
            with fitting(checkpoint):
                check_same(checkpoint, state.get("settings", {}), self.settings)
                self._load(state)
        end = min(self.total, stop_at or self.total)
        with closing(TrainLog(self.out, self.iteration, SAID, self.tracker)) as log:
            saved = time.monotonic()
            while self.iteration < end:
                stage, done = self._stage()
                stage.hold(self.agent, done)
                figures = stage.learner.iterate(stage.env)
                self.iteration += 1
                log.add({f"{stage.name}/{name}": value for name, value in figures.items()})
                log.flush(self.iteration, self.total)
                last = self.iteration == self.total
                if self.validate is not None and (last or self.iteration % self.validate_every == 0):
                    log.write(self.iteration, {f"val/{k}": v for k, v in self.validate(self.agent).items()})
                if time.monotonic() - saved > 60 * self.save_minutes:
                    self._save(checkpoint)
                    saved = time.monotonic()
        self._save(checkpoint)

    def _stage(self) -> tuple[Stage, int]:
        """The stage of this iteration, and how many iterations of it are done."""
        before = 0
        for stage in self.stages:
            if self.iteration < before + stage.iterations:
                return stage, self.iteration - before
            before += stage.iterations
        raise AssertionError("no iteration is left")

    def _save(self, path: Path) -> None:
        """Write checkpoint and agent; each appears whole or not at all."""
        learners = {stage.name: stage.learner.state_dict() for stage in self.stages}
        state = {"settings": self.settings, "iteration": self.iteration, **learners}
        write_checkpoint(path, state)
        self.agent.save(self.weights, {**self.card, "iterations": self.iteration}, encoder=self.encoder)

    def _load(self, state: dict[str, Any]) -> None:
        self.iteration = state["iteration"]
        for stage in self.stages:
            stage.learner.load_state_dict(state[stage.name])
        # All stages hold the same agent; the one at work has its latest weights.
        stage = self._stage()[0] if self.iteration < self.total else self.stages[-1]
        stage.learner.load_state_dict(state[stage.name])
