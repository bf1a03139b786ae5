"""``rovr train``: train the editor Γ, or the agents π1 and π2, on folders of clips."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rovr.cli.signals import Terminated
from rovr.editor.training.config import TrainConfig
from rovr.train.config import AgentTrainConfig


@contextmanager
def _kept() -> Iterator[None]:
    """Say that an interrupted training can go on."""
    try:
        yield
    except (KeyboardInterrupt, Terminated) as error:
        print("rovr: interrupted; the same command goes on from the last checkpoint.", file=sys.stderr)
        raise SystemExit(getattr(error, "code", 130)) from None


class TrainEditor(TrainConfig):
    """Train an editor on a folder of videos or of frame folders; the same command continues a killed run exactly."""

    def run(self) -> None:
        """Do it."""
        from rovr.editor.training.run import train_editor

        with _kept():
            train_editor(self)


class TrainAgents(AgentTrainConfig):
    """Train the agents on a folder of videos or of frame folders; the same command continues a killed run exactly."""

    def run(self) -> None:
        """Do it."""
        from rovr.train.run import train_agents

        with _kept():
            path = train_agents(self)
        print(f"agents: {path}")
