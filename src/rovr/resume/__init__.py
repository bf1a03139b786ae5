"""Repairs that survive a kill: finished blocks are kept beside the output until it is complete."""

from rovr.resume.job import describe_job, job_options
from rovr.resume.journal import BusyError, Journal, OtherJob, journal_folder
from rovr.resume.pages import Pages

__all__ = ["BusyError", "Journal", "OtherJob", "Pages", "describe_job", "job_options", "journal_folder"]
