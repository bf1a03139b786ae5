"""``rovr train``: train the editor Γ, or the agents π1 and π2, on folders of clips."""

import sys
from functools import partial

from rovr.cli.signals import going_on
from rovr.editor.training.config import TrainConfig
from rovr.train.config import AgentTrainConfig

_KEPT = "rovr: interrupted; the same command goes on from the last checkpoint."


class TrainEditor(TrainConfig):
    """Train an editor on a folder of videos or of frame folders; the same command continues a killed run exactly."""

    def run(self) -> None:
        """Do it."""
        from rovr.editor.training.run import train_editor

        with going_on(partial(print, file=sys.stderr), _KEPT):
            train_editor(self)


class TrainAgents(AgentTrainConfig):
    """Train the agents on a folder of videos or of frame folders; the same command continues a killed run exactly."""

    def run(self) -> None:
        """Do it."""
        from rovr.train.run import train_agents

        with going_on(partial(print, file=sys.stderr), _KEPT):
            path = train_agents(self)
        print(f"agents: {path}")
