"""Settings of an agent; they travel with its weights."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self


@dataclass(frozen=True)
class AgentConfig:
    """The policies' networks."""

    encoder: str = "editor"
    """φ whose cells the agent reads, a key of ``rovr.mdp.encoder.ENCODERS``; no other suits it once trained."""
    contexts: int = 2
    """K, contexts of an action; histories with fewer are understood too."""
    widths: tuple[int, ...] = (16, 32, 48)
    """Channels of each scale of a U-Net, finest first."""
    mixed: int = 16
    """Channels into which cells are mixed at full resolution, before the U-Net."""
    memory: int = 32
    """Size of the LSTM's memory of past actions."""
    sketch: int = 16
    """Channels in which π2 sees the target frame."""
    rule: float = 20.0
    """How much the policies heed the strategy ``sight`` before training, as logits: of π1 for all of the clip's length,
    of π2 for all of the hole; 0 = they know nothing."""
    shared: bool = False
    """Whether the policies' trunks serve as critics too (PPO), where otherwise these have their own (PPG)."""
    seed: int = 0
    """Decides the untrained weights."""

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Settings as a file holds them, checked.

        Raises:
            TypeError: one is unknown or of another type.
            ValueError: sizes that no network has.
        """
        config = cls(**{**settings, "widths": tuple(settings["widths"])})
        for field in fields(cls):
            value = getattr(config, field.name)
            if type(value) is not type(field.default) and not (field.type is float and type(value) is int):
                raise TypeError(f"{field.name} is {type(value).__name__}")
        sizes = (config.contexts, config.mixed, config.memory, config.sketch, *config.widths)
        if not 1 <= len(config.widths) <= 8 or any(type(size) is not int or not 1 <= size <= 65536 for size in sizes):
            raise ValueError(f"sizes {sizes}")
        return config
