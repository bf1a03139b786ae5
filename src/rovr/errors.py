"""What ROVR raises when the user, not the program, has to change something."""


class UserError(Exception):
    """A mistake in what was asked for: a missing file, masks that do not fit, an unknown name.

    The message is one line that says what is wrong and how to mend it. The command line prints it without
    a traceback and leaves with exit code 2.
    """
