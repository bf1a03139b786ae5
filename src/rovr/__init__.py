"""ROVR: repair the holes in a video by looking at the right frames."""

from rovr._version import __version__

__all__ = ["__version__"]
