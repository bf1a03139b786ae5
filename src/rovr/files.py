"""Files that other processes may be killed over: written whole or not at all, and held by one process at a time."""

import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file that is there complete or not at all, even if the power goes.

    Args:
        path: of the file; what is there is replaced.
        write: given the open file.
    """
    partial = path.with_name(f"{path.name}.new")
    try:
        with partial.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(path.parent)


def lay_out(value: Any, levels: int = 2) -> str:
    """JSON with a line for every entry of every part, so that one more run is one more line.

    Args:
        value: what JSON can hold; names of dictionaries are strings.
        levels: containers within containers that are broken into lines.

    Raises:
        ValueError: a number is not finite.
    """
    if levels == 0 or not isinstance(value, dict | list) or not value:
        return json.dumps(value, allow_nan=False)
    if isinstance(value, dict):
        entries = [f"{json.dumps(name)}: {lay_out(part, levels - 1)}" for name, part in value.items()]
    else:
        entries = [lay_out(part, levels - 1) for part in value]
    inside = ",\n".join(entries).replace("\n", "\n ")
    return f"{{\n {inside}\n}}" if isinstance(value, dict) else f"[\n {inside}\n]"


def sync_folder(folder: Path) -> None:
    """Make sure that names in a folder outlast a power cut, where the system can promise that."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def as_text(name: str) -> str:
    """A file's name with whatever is no text in it spelled out: disks of other systems hold such names."""
    return name.encode(errors="backslashreplace").decode()


def at_home(name: str | Path) -> Path:
    """A path with its tilde replaced by a home; that of nobody known stays as it is, where a Path's own way fails."""
    return Path(os.path.expanduser(name))


def stamp(path: Path, counts: Callable[[Path], bool] = lambda entry: True) -> list[Any]:
    """Size and time of a file, or of the files of a folder: changes whenever the content was written to.

    Args:
        path: of the file or folder.
        counts: whether an entry of the folder is content; by default all are.
    """
    if not path.is_dir():
        status = path.stat()
        return [status.st_size, status.st_mtime_ns]
    digest = hashlib.blake2b(digest_size=16)
    for entry in sorted(filter(counts, path.iterdir())):
        # A link to nowhere is for whoever reads it to refuse.
        status = entry.stat(follow_symlinks=entry.exists())
        digest.update(f"{as_text(entry.name)}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return [digest.hexdigest()]


def is_alive(process: int) -> bool:
    """Whether a process of this machine runs; where that cannot be asked harmlessly, it is taken to be dead."""
    if os.name != "posix":
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    try:
        # A dead one keeps its number until somebody has asked how it ended; the state stands behind its name.
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return True
    return state not in "ZX"


class Lock:
    """A file that one process at a time can hold; a killed process lets go of it.

    Args:
        path: of the file, made where it is not there.
        patience: seconds to wait for another process that may be about to end.

    Raises:
        OSError: the file cannot be made, or its folder was removed by whoever had it.

    Attributes:
        held: whether this process has got it.
    """

    def __init__(self, path: Path, patience: float = 0.0) -> None:
        self._path, self._file = path, path.open("ab")
        self.held = self._get()
        last = time.monotonic() + patience
        while not self.held and time.monotonic() < last:
            time.sleep(0.05)
            self.held = self._get()

    def _get(self) -> bool:
        if fcntl is not None:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            except OSError:
                # Some network drives know no locks; then care is left to the user.
                return True
            if not self._there():
                # Whoever had it has removed it, and perhaps somebody else has made it anew.
                self._file.close()
                self._file = self._path.open("ab")
                return self._get()
        return True

    def _there(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), os.stat(self._path))
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Let go; the file stays."""
        self._file.close()
        self.held = False
