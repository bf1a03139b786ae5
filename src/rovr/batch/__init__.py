"""Many videos: a plan of what to repair, a manifest of what became of it, and workers that do it."""

from rovr.batch.task import Outcome, Task, Tools

__all__ = ["Outcome", "Task", "Tools"]
