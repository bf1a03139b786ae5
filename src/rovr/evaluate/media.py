"""Small videos of what was evaluated, for people to look at."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from rovr.errors import UserError

CRF = "20"
"""Quality of H.264: hardly to be told from the original, at a fraction of its size."""


OWN = ("truth", "damaged", "mask")
"""Videos that each damaged clip has beside those of the methods."""


def file_name(text: str) -> str:
    """A name as files have it: no slashes and no blanks."""
    return re.sub(r"[/\s]", "_", text)


def check_names(what: str, names: Iterable[str]) -> None:
    """See that each name has files of its own.

    Args:
        what: is called so.
        names: that are told apart elsewhere.

    Raises:
        UserError: two names are one, as files have them.
    """
    known: dict[str, str] = {}
    for name in names:
        if other := known.get(file_name(name)):
            raise UserError(
                f"--media: {what} '{other}' and '{name}' would share a file; rename one or do without --media"
            )
        known[file_name(name)] = name


def write_video(folder: Path, clip: str, corruption: str, name: str, frames: Tensor) -> Path:
    """Write ``{clip}/{corruption}/{name}.mp4`` as H.264, whole or not at all.

    Args:
        folder: where all videos go.
        clip: name of the clip.
        corruption: kind of damage.
        name: of the video.
        frames: (T, 3, H, W) uint8; an odd side loses its last line.
    """
    import av

    path = folder / file_name(clip) / file_name(corruption) / f"{file_name(name)}.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.partial-{os.getpid()}.mp4")
    pictures = frames[..., : frames.shape[-2] // 2 * 2, : frames.shape[-1] // 2 * 2].permute(0, 2, 3, 1)
    try:
        with av.open(str(partial), "w") as container:
            stream: Any = container.add_stream("libx264", rate=25, options={"crf": CRF})
            stream.height, stream.width, stream.pix_fmt = pictures.shape[1], pictures.shape[2], "yuv420p"
            for picture in pictures.cpu().numpy():
                container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")))
            container.mux(stream.encode())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path
