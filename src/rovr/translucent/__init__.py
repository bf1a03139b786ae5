"""See-through logos: what shines through them is learned from the video, and kept."""

from rovr.translucent.learn import Learned, learn_overlay

__all__ = ["Learned", "learn_overlay"]
