"""Settings of an agent; they travel with its weights."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AgentConfig:
    """The policies' networks."""

    encoder: str = "editor"
    """φ whose cells the agent reads, a key of ``rovr.mdp.encoder.ENCODERS``; no other suits it once trained."""
    contexts: int = 2
    """K, contexts of an action; histories with fewer are understood too."""
    widths: tuple[int, ...] = (32, 48, 64)
    """Channels of each scale of a U-Net, finest first."""
    mixed: int = 16
    """Channels into which cells are mixed at full resolution, before the U-Net."""
    memory: int = 32
    """Size of the LSTM's memory of past actions."""
    sketch: int = 16
    """Channels in which π2 sees the target frame."""
    shared: bool = False
    """Whether the policies' trunks serve as critics too (PPO), where otherwise these have their own (PPG)."""
    seed: int = 0
    """Decides the untrained weights."""
