"""What is told of a restoration: sentences for the user, facts for a progress display, and a summary for JSON."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from rovr._version import __version__


@dataclass
class Summary:
    """What :func:`rovr.restore.restore_video` did, ready for JSON.

    Attributes:
        input: path of the damaged video.
        output: path of the repaired one.
        frames: frames written.
        repaired: frames that had a hole, or a logo that was taken off.
        lifted: frames that a see-through logo was taken off.
        hole_share: share of all pixels that was missing.
        width: pixels as stored.
        height: pixels as stored.
        rate: frames per second on average.
        device: where the editor ran.
        editor: its name.
        selector: its name.
        contexts: frames looked at per repair: K, or the most where the selector asked for more.
        passes: times that each damaged frame was repaired.
        texture: whether what no frame shows was given texture.
        fields: whether its fields were repaired one by one.
        scenes: index of the first frame of each scene.
        seed: of the source of chance.
        seconds: the whole job.
        seconds_repairing: of these, in editor and selector of this process.
        seconds_per_repair: the same for each frame that it repaired.
        mean_doubt: over the repaired pixels, 0–1.
        provenance: where the repaired pixels come from, as :meth:`rovr.provenance.Tally.summary` says it; None where
            nobody asked.
        resumed: repaired frames that were taken over from an earlier run, or from workers.
        notes: everything that was said aloud.
        version: of ROVR.
    """

    input: str
    output: str
    frames: int = 0
    repaired: int = 0
    lifted: int = 0
    hole_share: float = 0.0
    width: int = 0
    height: int = 0
    rate: float = 0.0
    device: str = ""
    editor: str = ""
    selector: str = ""
    contexts: int = 0
    passes: int = 1
    texture: bool = False
    fields: bool = False
    scenes: list[int] = field(default_factory=list)
    seed: int = 0
    seconds: float = 0.0
    seconds_repairing: float = 0.0
    seconds_per_repair: float = 0.0
    mean_doubt: float = 0.0
    provenance: dict[str, Any] | None = None
    resumed: int = 0
    notes: list[str] = field(default_factory=list)
    version: str = __version__

    def to_json(self) -> dict[str, Any]:
        """As plain values, numbers rounded to six digits."""
        return {k: round(v, 6) if isinstance(v, float) else v for k, v in asdict(self).items()}


class Notes:
    """Collects what is said aloud, each sentence once, and passes it on."""

    def __init__(self, listener: Callable[[str], None] | None = None) -> None:
        self.all: list[str] = []
        self.listener = listener

    def __call__(self, text: str) -> None:
        """Say a sentence."""
        if text not in self.all:
            self.all.append(text)
            if self.listener is not None:
                self.listener(text)


@dataclass
class Job:
    """What a progress display wants to know.

    Attributes:
        frames: how many there are, None if unknown.
        device: where the editor runs, in words.
        size: (width, height) as played.
        fields: whether its fields are repaired one by one.
    """

    frames: int | None
    device: str
    size: tuple[int, int]
    fields: bool = False
