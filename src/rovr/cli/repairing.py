"""What ``rovr restore`` and ``rovr restore-many`` have in common."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import arg

if TYPE_CHECKING:
    from rovr.batch.task import Tools


@dataclass(frozen=True, kw_only=True)
class Repairing:
    """How to repair and to write."""

    dilate: int = 0
    """Pixels to widen the holes by; 2 removes colour fringes around objects."""
    selector: str | None = None
    """How the frames to look at are chosen; by default the model's own way, or agent."""
    editor: str = "aligned"
    """What repairs a frame: a name, a model's folder (./…), or owner/name on the Hugging Face Hub."""
    weights: Annotated[Path | None, arg(metavar="PATH")] = None
    """Weights of the editor, in place of those that come with it."""
    one_scene: bool = False
    """Do not look for scene cuts, which otherwise no repair looks across."""
    contexts: int | None = None
    """Frames to look at per repair; by default as many as the model says, or 2."""
    passes: int = 1
    """Times that each damaged frame is repaired; 2 repairs better, and takes about twice as long."""
    texture: bool = False
    """Give what no frame shows the texture of its surroundings, where it is otherwise filled smoothly; takes longer."""
    device: str = "auto"
    """Where to compute: auto, cpu, cuda or mps."""
    seed: int = 0
    """Seed of selectors that sample, and of the grain of --grain."""
    crf: int = 18
    """Quality of H.264, 0 (best) to 51."""
    lossless: bool = False
    """Write FFV1 (.mkv) with every sample outside the holes exactly as it was."""
    grain: bool = False
    """Give repairs the grain of their surroundings, so that they do not show; costs decibels."""
    fields: Literal["auto", "yes", "no"] = "auto"
    """Repair the fields of interlaced video one by one; auto does where much moves between them."""
    worker_cores: int = 1
    """Cores of each worker on the cluster."""
    rate: Annotated[float | None, arg(metavar="FPS")] = None
    """Frames per second of a folder of frames; by default 25."""
    max_pixels: int = 1 << 26
    """Pixels that a frame may have; larger ones are refused before they are decoded."""
    quiet: bool = False
    """Print nothing but errors."""
    json: bool = False
    """Print a summary as JSON on stdout."""

    def tools(self) -> "Tools":
        """What the videos are repaired with."""
        from rovr.batch.task import Tools

        named = self.editor, self.selector, self.contexts, self.device, self.weights, not self.one_scene
        return Tools(*named, self.passes, self.texture)


def check_workers(workers: int | None, cores: int, ray: str | None) -> None:
    """Refuse numbers of workers and cores that nobody can work with, and cores of a cluster where there is none.

    Raises:
        UserError: naming it.
    """
    from rovr.errors import UserError

    for name, number in (("workers", workers), ("worker-cores", cores)):
        if number is not None and number < 1:
            raise UserError(f"--{name} {number}: give at least 1.")
    if ray is None and cores != 1:
        raise UserError("--worker-cores: that is for workers on a cluster; give --ray as well, or leave it out.")
