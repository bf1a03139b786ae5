"""How much the page takes: files, lengths, pictures and jobs; and what it says when something is refused."""

import re
from dataclasses import dataclass
from pathlib import Path

from rovr.errors import UserError


@dataclass(frozen=True)
class Limits:
    """What a browser may ask for.

    Attributes:
        upload: bytes of a video or mask.
        frames: of a video.
        pixels: of a frame.
        body: bytes of any other request.
        clips: videos held at a time.
        jobs: that wait at a time.
        spare: bytes of the disk that stay free.
        keep: seconds after the last look until a video and all that was made of it are deleted.
    """

    upload: int = 8 << 30
    frames: int = 200_000
    pixels: int = 4096 * 2304
    body: int = 16 << 20
    clips: int = 12
    jobs: int = 16
    spare: int = 512 << 20
    keep: float = 4 * 3600.0


class Refused(UserError):
    """A request that is not served.

    Args:
        message: one line for the person at the page.
        status: of HTTP.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def megabytes(count: int) -> str:
    """Bytes as people say them."""
    return f"{count / 2**30:.3g} GB" if count >= 2**30 else f"{count / 2**20:.3g} MB"


def plain_words(text: str, folder: Path, title: str) -> str:
    """An error as the page shows it: the file by the name its owner knows, and no advice for the command line.

    Args:
        text: of a :class:`rovr.errors.UserError`.
        folder: where the page keeps the video.
        title: what the owner calls it.
    """
    text = re.sub(re.escape(str(folder)) + r"[^\s:,;]*", title, text)
    parts = re.split(r"(?<=[;.]) +", text)
    kept = [part for part in parts if not re.search(r"--\w|\brovr (mask|restore|info)\b", part)]
    # A message that was advice alone keeps its facts.
    said = " ".join(kept or [re.sub(r"--(\w+)", r"\1", text)]).rstrip(" ;")
    return said if said.endswith(".") else f"{said}."
