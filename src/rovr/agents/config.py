"""Settings of an agent; they travel with its weights."""

from dataclasses import dataclass


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
    rule: float = 40.0
    """How much π2 heeds the strategy ``sight`` before training, as logits for all of the hole; 0 = it knows nothing."""
    shared: bool = False
    """Whether the policies' trunks serve as critics too (PPO), where otherwise these have their own (PPG)."""
    seed: int = 0
    """Decides the untrained weights."""
