"""What every selector offers: given the state, say which frame to repair next and whom to look at."""

from abc import ABC, abstractmethod
from typing import Any

import torch

from rovr.editor.base import Session
from rovr.mdp.state import RepairState
from rovr.types import Edit


class Selector(ABC):
    """Chooses the next action; hand-written rules, learned policies and oracles are all one of these."""

    name: str
    session: Session | None = None
    recalls: bool = False
    """Whether it also looks at frames filmed long before or after, which a state may hold behind its others."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Where a class gives itself no name, it goes by the one that it has in the code."""
        super().__init_subclass__(**options)
        if not hasattr(cls, "name"):
            cls.name = cls.__name__

    def attend(self, session: Session | None) -> None:
        """Meet the editor at work on the next clip, who can tell what frames show of each other.

        Called before :meth:`reset` by whoever has an editor, and with None when the clip is done; strategies work
        without it, as well as they can.
        """
        self.session = session

    def reset(self, state: RepairState, generator: torch.Generator, contexts: int = 2) -> None:
        """Begin a clip.

        Args:
            state: the clip before its first edit.
            generator: the only source of chance.
            contexts: how many frames to look at per edit (K ≥ 1); a clip too short for K gets fewer.
        """
        self.generator = generator
        self.contexts = min(contexts, state.length - 1)

    def __getstate__(self) -> dict[str, Any]:
        # To other processes it travels without the clip at hand; PyTorch cannot send a source of chance there.
        return {name: value for name, value in self.__dict__.items() if name not in ("generator", "session")}

    @abstractmethod
    def select(self, state: RepairState) -> Edit:
        """Choose a pending frame and its contexts; called until ``state.done``."""
