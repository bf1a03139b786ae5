"""What ROVR raises when the user, not the program, has to change something; and any error in a line."""

import errno
from pathlib import Path


class UserError(Exception):
    """A mistake in what was asked for: a missing file, masks that do not fit, an unknown name.

    The message is one line that says what is wrong and how to mend it. The command line prints it without
    a traceback and leaves with exit code 2.
    """


def in_a_line(error: BaseException) -> str:
    """The kind of an error and the first line of what it says."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def no_room(error: BaseException, path: Path | None = None) -> UserError | None:
    """What to say where an error means that there is no room to write, else None.

    Args:
        error: any.
        path: what was being written, where that is known.
    """
    where = "" if path is None else f" while writing {path}"
    match getattr(error, "errno", None):
        case errno.ENOSPC | errno.EDQUOT:
            return UserError(f"The disk ran full{where}; free some space and run again.")
        case errno.EFBIG:
            # However much room there is: a limit of the file system's, or one set for this process.
            return UserError(f"The disk takes no larger file{where} (many end at 4 GiB); write to another disk.")
    return None


def refused(error: BaseException) -> str | None:
    """One line for a file that the system keeps from this user; None for any other error, or where it names no file."""
    if isinstance(error, PermissionError) and error.filename is not None:
        return f"{error.filename} may not be read or written; check its permissions."
    return None
