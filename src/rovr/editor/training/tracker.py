"""Figures sent to Weights & Biases, where ``--wandb PROJECT`` asks for it (extra ``rovr[wandb]``).

``WANDB_MODE=offline`` writes them beside the run, for ``wandb sync`` to send later. The run's id is kept in its folder,
so that a run that is continued is continued there too.
"""

from pathlib import Path
from typing import Any

from rovr.errors import UserError

ID_FILE = "wandb-id.txt"
"""In the folder of the run."""


class Tracker:
    """One run at Weights & Biases.

    Args:
        project: its name there.
        folder: of the run.
        settings: of the run, shown beside its figures.

    Raises:
        UserError: not installed, not logged in, or not reached.
    """

    def __init__(self, project: str, folder: Path, settings: dict[str, Any]) -> None:
        try:
            import wandb
        except ImportError:
            raise UserError("--wandb needs Weights & Biases; install it with: pip install 'rovr[wandb]'") from None
        folder.mkdir(parents=True, exist_ok=True)
        known = folder / ID_FILE
        options: dict[str, Any] = {"id": known.read_text().strip()} if known.exists() else {}
        try:
            self.run = wandb.init(
                project=project, dir=str(folder), name=folder.name, config=settings, resume="allow", **options
            )
        except Exception as error:  # wandb raises many kinds: usage, communication, timeouts
            line = (str(error).strip().splitlines() or [type(error).__name__])[0]
            mend = "log in with wandb login, or set WANDB_MODE=offline"
            raise UserError(f"--wandb: Weights & Biases does not answer ({line}); {mend}") from error
        known.write_text(str(self.run.id))

    def __call__(self, step: int, figures: dict[str, float]) -> None:
        """Send figures; those of one step may come in several calls."""
        self.run.log(figures, step=step)


def open_tracker(project: str | None, folder: Path, settings: dict[str, Any]) -> Tracker | None:
    """A tracker, where a project is given; arguments as of :class:`Tracker`."""
    if project is None:
        return None
    plain = {key: value if isinstance(value, int | float) else str(value) for key, value in settings.items()}
    return Tracker(project, folder, plain)
