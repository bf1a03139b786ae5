"""The steps of a reproduction and their sizes: each calls one verb of ROVR, and finds what an earlier run left."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rovr.editor.training.config import TrainConfig
from rovr.editor.training.run import train_editor
from rovr.errors import UserError
from rovr.evaluate.config import EvaluateConfig
from rovr.evaluate.run import evaluate
from rovr.report import write_report
from rovr.report.options import ReportOptions
from rovr.train.config import AgentTrainConfig
from rovr.train.run import train_agents

Options = dict[str, Any]

SAMPLERS = ("sequential", "agents")
"""Whose repairs the editors of Figure 1 are trained on."""


@dataclass(frozen=True)
class Scale:
    """Sizes; what the dictionaries hold are fields of the configs of training and of evaluation.

    Attributes:
        length: frames of a clip.
        size: side of its frames, in pixels.
        editor: of the editors' training.
        agents: of the agents' training.
        evaluation: of the evaluation.
        rules: selectors to stand beside the agents.
        editors: to train under both samplers; the poster's comes first.
        contexts: numbers of them to measure the samplers with, beside the usual two.
    """

    length: int
    size: int
    editor: Options
    agents: Options
    evaluation: Options
    rules: tuple[str, ...] = ("sequential", "nearest", "random", "local_stride", "coverage", "sight")
    editors: tuple[str, ...] = ("concat", "aligned")
    contexts: tuple[int, ...] = (1, 4)


SCALES = {
    "tiny": Scale(
        length=10,
        size=64,
        # Tensors this small gain nothing by a second thread, and lose much where the machine has other work.
        editor={
            "steps": 240,
            "round_samples": 160,
            "reuse": 6,
            "window": 64,
            "log_every": 5,
            "bf16": False,
            "threads": 1,
        },
        agents={"preset": "tiny", "length": 10, "threads": 1},
        evaluation={"protocol": "custom", "length": 10, "size": (64,), "seeds": 4},
    ),
    "full": Scale(
        length=25,
        size=256,
        editor={"perceptual": "download"},
        agents={"preset": "poster"},
        evaluation={"protocol": "poster", "flow": "raft_large"},
        rules=("sequential", "nearest", "random", "local_stride", "coverage", "sight", "key_frames", "attention"),
    ),
}


@dataclass
class Run:
    """One reproduction, under way.

    Attributes:
        scale: sizes.
        out: folder for everything.
        device: where networks run.
        seed: decides everything that is drawn.
        say: told each line.
    """

    scale: Scale
    out: Path
    device: str = "cpu"
    seed: int = 0
    say: Callable[[str], Any] = print
    step: int = field(default=0, init=False)

    def announce(self, what: str) -> None:
        """Say which step begins."""
        self.step += 1
        self.say(f"{self.step}. {what}")

    def settle(self, train: Path, test: Path) -> None:
        """Keep the settings beside what they lead to.

        Raises:
            UserError: the folder holds what other settings led to.
        """
        settings = {"scale": asdict(self.scale), "seed": self.seed, "device": self.device}
        settings |= {"train": str(train.resolve()), "test": str(test.resolve())}
        text, path = json.dumps(settings, indent=1, default=str) + "\n", self.out / "settings.json"
        if path.exists() and path.read_text() != text:
            raise UserError(f"{self.out} was made with other settings; give another --out, or remove it")
        path.write_text(text)

    def agents(self, train: Path) -> Path:
        """Train the agents."""
        self.announce("Training the agents π1 and π2, with the editor that ships")
        where = {"data": (train,), "out": self.out / "agents", "seed": self.seed, "device": self.device}
        return train_agents(AgentTrainConfig(**where, **self.scale.agents), self.say)

    def editor(self, name: str, sampler: str, who: str, train: Path) -> Path:
        """Train an editor on the repairs of one sampler."""
        self.announce(f"Training the editor '{name}' on the repairs of {sampler}")
        where = {"data": (train,), "out": self.folder(name, sampler), "seed": self.seed, "device": self.device}
        sizes = {"length": self.scale.length, "size": self.scale.size}
        return train_editor(TrainConfig(editor=name, sampler=who, **where, **sizes, **self.scale.editor), self.say)

    def folder(self, editor: str, sampler: str) -> Path:
        """Where an editor's training goes."""
        return self.out / f"{editor}-{sampler}"

    def budget(self, contexts: int) -> Path:
        """Where the evaluation with another number of contexts goes."""
        return self.out / f"contexts-{contexts}.json"

    def measure(self, name: str, test: Path, selectors: tuple[str, ...], **options: Any) -> dict[str, Any]:
        """Evaluate, or read what an earlier run has found."""
        path = self.out / f"{name}.json"
        if path.exists():
            self.say(f"   {path} is there already")
            return dict(json.loads(path.read_text()))
        given = {**self.scale.evaluation, "device": self.device, **options}
        config = EvaluateConfig(clips=test, out=path, selectors=selectors, **given)
        done = total = 0

        def begin(frames: int) -> None:
            nonlocal total
            total = frames

        def step(frames: int) -> None:
            nonlocal done
            before, done = done, done + frames
            if 10 * done // total > 10 * before // total:
                self.say(f"   {done} of {total} frames")

        return evaluate(config, begin, step, self.say)

    def draw(self, agent: Path) -> Path:
        """Have the report drawn."""
        self.announce("Drawing the figures")
        curves = [
            f"{editor}/{sampler}={self.folder(editor, sampler) / 'metrics.csv'}"
            for editor in self.scale.editors
            for sampler in SAMPLERS
        ]
        options = ReportOptions(
            evaluations=(self.out / "evaluation.json", *(self.budget(count) for count in self.scale.contexts)),
            output=self.out / "report",
            curves=(tuple(curves),),
            agents=((f"agents={agent.parent / 'metrics.csv'}",),),
            method=agent.stem,
            against=SAMPLERS[0],
            overwrite=True,
        )
        return write_report(options, lambda line: None)
