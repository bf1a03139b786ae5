"""ROVR: repair the holes in a video by looking at the right frames."""

from typing import TYPE_CHECKING, Any

from rovr._version import __version__
from rovr.errors import UserError

if TYPE_CHECKING:
    from rovr.restore import restore_video
    from rovr.restorer import Restorer, RestoreResult
    from rovr.transform import RestoreTransform

__all__ = ["RestoreResult", "RestoreTransform", "Restorer", "UserError", "__version__", "restore_video"]


def __getattr__(name: str) -> Any:
    # Loaded when asked for, so that ``rovr --help`` does not wait for torch.
    if name in ("Restorer", "RestoreResult"):
        from rovr import restorer

        return getattr(restorer, name)
    if name == "RestoreTransform":
        from rovr.transform import RestoreTransform

        return RestoreTransform
    if name == "restore_video":
        from rovr.restore import restore_video

        return restore_video
    raise AttributeError(f"module 'rovr' has no attribute '{name}'")
