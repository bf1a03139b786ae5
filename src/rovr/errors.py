"""What ROVR raises when the user, not the program, has to change something; and any error in a line."""


class UserError(Exception):
    """A mistake in what was asked for: a missing file, masks that do not fit, an unknown name.

    The message is one line that says what is wrong and how to mend it. The command line prints it without
    a traceback and leaves with exit code 2.
    """


def in_a_line(error: BaseException) -> str:
    """The kind of an error and the first line of what it says."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def refused(error: PermissionError) -> str:
    """One line for a file that the system keeps from this user."""
    return f"{error.filename} may not be read or written; check its permissions."
