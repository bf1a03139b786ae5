"""Courses by name."""

from rovr.editor.training.config import TrainConfig
from rovr.editor.training.course import Course
from rovr.editor.training.moving import Moving
from rovr.editor.training.repairing import Repairing

COURSES: dict[str, Course] = {"repair": Repairing(), "motion": Moving()}


def course_of(config: TrainConfig) -> Course:
    """What a run teaches."""
    return COURSES[config.part]
