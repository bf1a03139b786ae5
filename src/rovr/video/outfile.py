"""Outputs that appear whole or not at all, written under a hidden name and then renamed; and what fills them."""

import contextlib
import os
import re
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from pathlib import Path

from rovr.errors import UserError
from rovr.files import is_alive
from rovr.video.colour import Frame
from rovr.video.folder import is_image


def is_folder_output(path: str | Path) -> bool:
    """Whether an output names a folder of pictures: an existing one, no extension, or a slash at the end."""
    text = str(path)
    return text.endswith(("/", os.sep)) or Path(text).is_dir() or not Path(text).suffix


def sweep(path: Path) -> None:
    """Remove what killed processes left of an output; a folder that was being replaced goes back to its place."""
    # By the whole name: beside NAME there may be NAME.npz, which this process writes at the same time.
    ours = re.compile(rf"\.{re.escape(path.stem)}\.partial-(\d+){re.escape(path.suffix)}(-old)?")
    for entry in list(path.parent.iterdir()):
        found = ours.fullmatch(entry.name)
        # This process has not begun on it, so its number must be left over from another that had it before.
        if found is None or (int(found[1]) != os.getpid() and _stays_alive(int(found[1]))):
            continue
        if entry.name.endswith("-old") and not path.exists():
            entry.rename(path)
        elif entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def _stays_alive(process: int) -> bool:
    """Whether a process runs, and is not just about to end."""
    last = time.monotonic() + 1
    while is_alive(process):
        if time.monotonic() > last:
            return True
        time.sleep(0.02)
    return False


class PendingOutput:
    """A file or folder in the making.

    Args:
        path: where it shall appear.
        folder: whether it is a folder of pictures.
        overwrite: whether something there may be replaced.
        inputs: paths that must not be written to.

    Attributes:
        partial: where to write meanwhile, beside the final place, so that the rename is atomic.

    Raises:
        UserError: the place cannot be written to, is taken, or is an input.
    """

    def __init__(self, path: Path, folder: bool, overwrite: bool, inputs: Iterable[Path] = ()) -> None:
        self.path = path
        self.folder = folder
        self.overwrite = overwrite
        self.done = False
        parent = path.parent
        if not parent.is_dir():
            raise UserError(f"The folder {parent} does not exist; create it first.")
        place = path.resolve()
        for given in inputs:
            source = given.resolve()
            if place == source or (folder and place in source.parents):
                raise UserError(
                    f"The output {path} is or holds {given}, which is read or written too; choose another output."
                )
        if path.exists():
            self._check_replaceable(overwrite)
        self.partial = parent / f".{path.stem}.partial-{os.getpid()}{path.suffix}"
        try:
            # Making it now finds a folder that may not be written to before any work is done.
            if folder:
                self.partial.mkdir()
            else:
                self.partial.touch()
        except OSError as error:
            raise UserError(f"Nothing can be written in {parent} ({error.strerror}); choose another output.") from error

    def _check_replaceable(self, overwrite: bool) -> None:
        if self.folder and self.path.is_dir():
            held = list(self.path.iterdir())
            if held and not overwrite:
                raise UserError(f"The folder {self.path} is not empty; pass --overwrite or choose another.")
            if not all(entry.is_file() and is_image(entry) for entry in held):
                raise UserError(f"The folder {self.path} holds more than pictures and is not replaced; choose another.")
        elif self.path.is_dir() or self.folder:
            raise UserError(f"{self.path} is in the way of the output; choose another name.")
        elif not overwrite:
            raise UserError(f"{self.path} exists already; pass --overwrite or choose another name.")

    def commit(self) -> None:
        """Let it appear under its name.

        Raises:
            UserError: something has come to be there meanwhile that may not be replaced.
        """
        if self.path.exists():
            self._check_replaceable(self.overwrite)
        if self.folder and self.path.is_dir():
            aside = self.partial.with_name(self.partial.name + "-old")
            self.path.rename(aside)
            self.partial.rename(self.path)
            shutil.rmtree(aside, ignore_errors=True)
        else:
            os.replace(self.partial, self.path)
        self.done = True

    def discard(self) -> None:
        """Leave nothing behind, unless it was committed."""
        if self.done:
            return
        if self.folder:
            shutil.rmtree(self.partial, ignore_errors=True)
        else:
            self.partial.unlink(missing_ok=True)


class Sink(ABC):
    """Takes frames in order; nothing is to be seen of it until :meth:`commit`.

    Attributes:
        pending: the output in the making.
    """

    pending: PendingOutput

    @abstractmethod
    def write(self, frame: Frame) -> None:
        """Take the next frame."""

    @abstractmethod
    def finish(self) -> None:
        """Write what is still held back."""

    @abstractmethod
    def release(self) -> None:
        """Let go of all handles, whether finished or not."""

    def commit(self, seal: Callable[[Path], None] = lambda partial: None) -> None:
        """Finish and let the output appear under its name.

        Args:
            seal: told where the complete output lies just before that.
        """
        self.finish()
        self.release()
        seal(self.pending.partial)
        self.pending.commit()

    def abort(self) -> None:
        """Leave nothing behind; harmless after :meth:`commit`."""
        if not self.pending.done:
            with contextlib.suppress(Exception):
                self.release()
            self.pending.discard()
