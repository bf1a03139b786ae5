"""Many videos: a plan of what to repair, a manifest of what became of it, and engines that do the work."""

from rovr.batch.task import Outcome, Task, Tools

__all__ = ["Outcome", "Task", "Tools"]
