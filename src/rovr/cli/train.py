"""``rovr train editor``: train Γ on a folder of clips."""

from rovr.editor.training.config import TrainConfig


class TrainEditor(TrainConfig):
    """Train an editor on a folder of videos or of frame folders; the same command continues a killed run exactly."""

    def run(self) -> None:
        """Do it."""
        from rovr.editor.training.run import train_editor

        path = train_editor(self)
        print(f"weights: {path}")
