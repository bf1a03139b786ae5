"""Texture for what nobody saw."""

from rovr.texture.complete import complete
from rovr.texture.weave import Weaver

__all__ = ["Weaver", "complete"]
