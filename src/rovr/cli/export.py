"""``rovr export``: the networks as ONNX."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg


@dataclass(frozen=True)
class Export:
    """Write the networks as ONNX, to repair with ONNX Runtime (--editor aligned-onnx) or to use elsewhere."""

    output: Annotated[Path, arg(aliases=["-o"], metavar="FOLDER")]
    """Where the files go."""
    part: Literal["editor", "agent"] | None = None
    """Write these networks alone; by default both the editor's and the agent's policies."""
    weights: Annotated[Path | None, arg(metavar="PATH")] = None
    """Weights of the editor aligned, in place of those that come with it."""
    agent: Annotated[Path | None, arg(metavar="PATH")] = None
    """File of a trained agent, in place of the one that ships."""
    frames: int = 25
    """Number of frames that the policies look at; the editor takes any."""
    overwrite: bool = False
    """Replace files that exist."""
    quiet: bool = False
    """Print nothing but errors."""

    def run(self) -> None:
        """Do it."""
        from rovr.export import export

        export(
            self.output,
            part=self.part,
            weights=self.weights,
            agent=self.agent,
            frames=self.frames,
            overwrite=self.overwrite,
            say=lambda line: None if self.quiet else print(line),
        )
