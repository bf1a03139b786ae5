"""``rovr train``: train the editor Γ, or the agents π1 and π2, on folders of clips."""

from rovr.editor.training.config import TrainConfig
from rovr.train.config import AgentTrainConfig


class TrainEditor(TrainConfig):
    """Train an editor on a folder of videos or of frame folders; the same command continues a killed run exactly."""

    def run(self) -> None:
        """Do it."""
        from rovr.editor.training.run import train_editor

        train_editor(self)


class TrainAgents(AgentTrainConfig):
    """Train the agents on a folder of videos or of frame folders; the same command continues a killed run exactly."""

    def run(self) -> None:
        """Do it."""
        from rovr.train.run import train_agents

        path = train_agents(self)
        print(f"agents: {path}")
