"""Editors Γ: repair one frame from itself and a few others."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rovr.editor.base import Editor, Prepared, Repair
    from rovr.editor.loading import EDITORS, load_editor

__all__ = ["EDITORS", "Editor", "Prepared", "Repair", "load_editor"]


def __getattr__(name: str) -> Any:
    # Loaded when asked for: settings live below this package, and reading them must not cost an import of torch.
    if name in ("EDITORS", "load_editor"):
        from rovr.editor import loading

        return getattr(loading, name)
    if name in ("Editor", "Prepared", "Repair"):
        from rovr.editor import base

        return getattr(base, name)
    raise AttributeError(f"module 'rovr.editor' has no attribute '{name}'")
