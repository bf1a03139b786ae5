"""Repairs that survive a kill: finished blocks are kept beside the output until it is complete."""

from rovr.resume.job import describe_job
from rovr.resume.journal import Journal, OtherJob

__all__ = ["Journal", "OtherJob", "describe_job"]
