"""The environments of a run, the same wherever they are built: here, or by workers on other machines."""

from collections.abc import Callable
from pathlib import Path

from rovr.data.cases import CaseDraw
from rovr.editor.aligned import AlignedEditor
from rovr.editor.loading import load_editor
from rovr.flow import load_flow
from rovr.mdp.drill import DrillEnv
from rovr.mdp.encoder import load_encoder
from rovr.mdp.environment import RepairEnv
from rovr.mdp.reward import Reward
from rovr.perceptual import PerceptualLoss
from rovr.train.config import AgentTrainConfig, Settled

WHOLE, DRILL = "whole", "drill"
"""Names of the two environments: whole episodes, and practice in choosing contexts."""


def build_rooms(
    config: AgentTrainConfig, settled: Settled, draw: CaseDraw, say: Callable[[str], None] = lambda line: None
) -> dict[str, RepairEnv]:
    """All environments by name, of one editor, encoder and reward."""
    env = build_env(config, settled, draw, say)
    parts = (env.editor, env.encoder, env.make, env.reward, env.size, env.contexts)
    return {WHOLE: env, DRILL: DrillEnv(*parts)}


def build_env(config: AgentTrainConfig, settled: Settled, draw: CaseDraw, say: Callable[[str], None]) -> RepairEnv:
    """The decision process with a frozen editor."""
    editor = load_editor("aligned", config.device, config.editor)
    assert isinstance(editor, AlignedEditor)
    editor.net.requires_grad_(False)
    perceptual = None
    if settled.perceptual != "none":
        path = None if settled.perceptual == "download" else Path(settled.perceptual)
        perceptual = PerceptualLoss.load(path).to(config.device)
    flow = None if settled.flow == "none" else load_flow(settled.flow, device=config.device)
    say(
        f"reward: error in the hole{' and VGG-16 features' if perceptual else ''}"
        f"{' in decibels' if settled.decibels else ''}; "
        f"flow at the end: {settled.flow if flow else 'none'}"
    )
    reward = Reward(perceptual, flow=flow, flow_weight=config.flow_weight, decibels=settled.decibels)
    return RepairEnv(
        editor,
        load_encoder(settled.encoder).to(config.device),
        draw,
        reward,
        settled.episodes,
        config.contexts,
        settled.group,
        settled.relative,
    )
