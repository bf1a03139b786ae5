"""``rovr demo``: the main job on the bundled clip, measured against the truth."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg


@dataclass(frozen=True)
class Demo:
    """Damage the bundled clip, repair it, and say how well that went; works offline."""

    output: Annotated[Path, arg(aliases=["-o"], metavar="FOLDER")] = Path("demo-output")
    """Folder for the videos and the contact sheet; what an earlier demo left there is replaced."""
    seed: int = 2
    """Decides the damage."""
    device: str = "auto"
    """Where to compute: auto, cpu, cuda or mps."""
    editor: str = "aligned"
    """What repairs a frame."""
    selector: str = "agent"
    """How the frames to look at are chosen."""

    def run(self) -> None:
        """Do it."""
        from rovr.demo import run_demo

        run_demo(self.output, self.seed, self.device, self.editor, self.selector)
