"""ROVR: repair the holes in a video by looking at the right frames."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rovr._version import __version__
from rovr.errors import UserError

if TYPE_CHECKING:
    from rovr.batch.run import restore_many
    from rovr.restore import restore_video
    from rovr.restorer import Restorer, RestoreResult
    from rovr.transform import RestoreTransform

_HOMES = {
    "RestoreResult": "rovr.restorer",
    "RestoreTransform": "rovr.transform",
    "Restorer": "rovr.restorer",
    "restore_many": "rovr.batch.run",
    "restore_video": "rovr.restore",
}

__all__ = [
    "RestoreResult",
    "RestoreTransform",
    "Restorer",
    "UserError",
    "__version__",
    "restore_many",
    "restore_video",
]


def __getattr__(name: str) -> Any:
    # Loaded when asked for, so that ``rovr --help`` does not wait for torch.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'rovr' has no attribute '{name}'")
