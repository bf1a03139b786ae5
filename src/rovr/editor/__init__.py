"""Editors Γ: repair one frame from itself and a few others."""

from rovr.editor.base import Editor, Prepared, Repair
from rovr.editor.loading import EDITORS, load_editor

__all__ = ["EDITORS", "Editor", "Prepared", "Repair", "load_editor"]
