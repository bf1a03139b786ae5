"""Where uploads lie: a folder of the server's own, under names of the server's own, until they are no longer needed."""

import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rovr.errors import UserError
from rovr.files import is_alive
from rovr.serve.index import Index, examine
from rovr.serve.limits import Limits, Refused, megabytes, plain_words

_PREFIX = "rovr-serve-"


@dataclass
class Layer:
    """A mask for a video; ``kind`` says where from: ``sample``, ``file``, or what was to be found."""

    id: str
    kind: str
    title: str
    index: Index
    masked: int


@dataclass
class Clip:
    """A video that the page works on.

    Attributes:
        id: what the page calls it; cannot be guessed.
        title: what its owner calls it.
        folder: of everything that belongs to it.
        index: where its frames are.
        truth: the same video undamaged, for the sample.
        layers: masks found or given.
        touched: when somebody last looked, on the monotonic clock.
    """

    id: str
    title: str
    folder: Path
    index: Index
    truth: Index | None = None
    layers: dict[str, Layer] = field(default_factory=dict)
    touched: float = field(default_factory=time.monotonic)

    def to_json(self) -> dict[str, Any]:
        """What the page may know: no paths."""
        index = self.index
        return {
            "id": self.id,
            "title": self.title,
            "width": index.width,
            "height": index.height,
            "frames": index.frames,
            "aspect": round(index.aspect, 4),
            "rate": round(index.rate, 3),
            "uneven": bool(index.times),
            "audio": index.audio,
            "truth": self.truth is not None,
            "layers": [
                {"id": layer.id, "kind": layer.kind, "title": layer.title, "masked": layer.masked}
                for layer in self.layers.values()
            ],
        }


def new_id() -> str:
    """A name that cannot be guessed and is safe in paths."""
    return secrets.token_urlsafe(16).replace("-", "x").replace("_", "y")


def clean_title(text: str) -> str:
    """A file's name as it may be shown and given back: its last part, without what has a meaning to anyone."""
    name = re.split(r"[/\\]", text)[-1]
    name = "".join(char for char in name if char.isprintable() and char not in '<>:"|?*').strip(" .")
    return name[:100] or "video"


class Store:
    """All videos of one server.

    Args:
        limits: what is taken.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        _sweep_crashed()
        self.root = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        self.clips: dict[str, Clip] = {}

    def get(self, name: str) -> Clip:
        """A clip by its id, marked as looked at.

        Raises:
            Refused: there is none.
        """
        clip = self.clips.get(name)
        if clip is None:
            raise Refused("This video is no longer here; open it again.", 404)
        clip.touched = time.monotonic()
        return clip

    def make_room(self) -> None:
        """Check that one more video may come.

        Raises:
            Refused: there are too many.
        """
        if len(self.clips) >= self.limits.clips:
            raise Refused(f"{self.limits.clips} videos are open, which is the limit; close one first.", 409)

    async def save(self, stream: AsyncIterator[bytes], announced: int | None, path: Path) -> None:
        """Write an upload to disk as it comes.

        Raises:
            Refused: it is empty, too large, or the disk is nearly full; nothing is left of it then.
        """
        limits, size = self.limits, 0
        try:
            if announced is not None:
                self._check_size(announced)
            with path.open("xb") as file:
                async for part in stream:
                    size += len(part)
                    if size > limits.upload or shutil.disk_usage(self.root).free < limits.spare:
                        self._check_size(size)
                    file.write(part)
            if not size:
                raise Refused("The file is empty.")
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def _check_size(self, size: int) -> None:
        limits = self.limits
        if size > limits.upload:
            raise Refused(f"The file is larger than {megabytes(limits.upload)}, which is the limit.", 413)
        free = shutil.disk_usage(self.root).free - limits.spare
        if size > free:
            raise Refused(f"The disk has too little room for this file; {megabytes(max(free, 0))} are left.", 507)

    def new_folder(self) -> Path:
        """A folder for a clip to come, named by its id."""
        folder = self.root / new_id()
        folder.mkdir(mode=0o700)
        (folder / "layers").mkdir()
        return folder

    def add(self, folder: Path, title: str) -> Clip:
        """Take a saved video, ``source`` in a new folder, among the clips.

        Raises:
            UserError: it is no video, or too large; its folder is gone then.
        """
        try:
            self.make_room()
            index = examine(folder / "source", self.limits)
        except UserError as error:
            shutil.rmtree(folder, ignore_errors=True)
            status = error.status if isinstance(error, Refused) else 422
            raise Refused(plain_words(str(error), folder, title), status) from error
        clip = Clip(folder.name, title, folder, index)
        self.clips[clip.id] = clip
        return clip

    def remove(self, clip: Clip) -> None:
        """Delete a clip and everything made of it."""
        self.clips.pop(clip.id, None)
        shutil.rmtree(clip.folder, ignore_errors=True)

    def stale(self) -> list[Clip]:
        """Clips that nobody has looked at for long."""
        limit = time.monotonic() - self.limits.keep
        return [clip for clip in self.clips.values() if clip.touched < limit]

    def close(self) -> None:
        """Delete everything."""
        self.clips.clear()
        shutil.rmtree(self.root, ignore_errors=True)


def _sweep_crashed() -> None:
    """Delete what servers left that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        found = re.fullmatch(rf"{_PREFIX}(\d+)-\w+", folder.name)
        try:
            if found is None or folder.is_symlink() or folder.stat().st_uid != _own_id():
                continue
            # Where that cannot be asked harmlessly, the folder is left alone.
            if os.name == "posix" and not is_alive(int(found[1])):
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue


def _own_id() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0
