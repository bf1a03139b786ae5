"""The page: videos repaired by looking, in a browser on the user's own machine; ``rovr serve``."""

from importlib.util import find_spec

from rovr.errors import UserError

NEEDS = ("starlette", "uvicorn", "msgspec")


def check_installed() -> None:
    """Say what to install where something is missing.

    Raises:
        UserError: naming the packages.
    """
    missing = [name for name in NEEDS if find_spec(name) is None]
    if missing:
        raise UserError(f"the page needs {', '.join(missing)}; install with: pip install 'rovr[app]'")
