"""The policies π1 and π2 and their critics: what learners train and what repairs videos by their choice."""

from rovr.agents.agent import Agent, load_seeing
from rovr.agents.config import AgentConfig

__all__ = ["Agent", "AgentConfig", "load_seeing"]
