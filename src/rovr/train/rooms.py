"""The environments of a run, the same wherever they are built: here, or by workers on other machines."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rovr.data.cases import CaseDraw
from rovr.editor.aligned import AlignedEditor
from rovr.editor.loading import load_editor
from rovr.errors import UserError
from rovr.flow import load_flow
from rovr.mdp.drill import DrillEnv
from rovr.mdp.encoder import Encoder, load_encoder
from rovr.mdp.environment import RepairEnv
from rovr.mdp.reward import Reward
from rovr.perceptual import PerceptualLoss
from rovr.train.config import AgentTrainConfig, Settled

WHOLE, DRILL = "whole", "drill"
"""Names of the two environments: whole episodes, and practice in choosing contexts."""


def build_rooms(config: AgentTrainConfig, settled: Settled, draw: CaseDraw) -> dict[str, RepairEnv]:
    """All environments by name, of one editor, encoder and reward."""
    env = build_env(config, settled, draw)
    parts = (env.editor, env.encoder, env.make, env.reward, env.size, env.contexts)
    return {WHOLE: env, DRILL: DrillEnv(*parts)}


def build_env(config: AgentTrainConfig, settled: Settled, draw: CaseDraw) -> RepairEnv:
    """The decision process with a frozen editor.

    Raises:
        UserError: weights that are missing, damaged, of another network, or cannot be downloaded.
    """
    editor = load_editor("aligned", config.device, config.editor)
    assert isinstance(editor, AlignedEditor)
    editor.net.requires_grad_(False)
    perceptual = None
    if settled.perceptual != "none":
        path = None if settled.perceptual == "download" else Path(settled.perceptual)
        perceptual = PerceptualLoss.load(path).to(config.device)
    flow = None if settled.flow == "none" else load_flow(settled.flow, config.flow_weights, config.device)
    reward = Reward(perceptual, flow=flow, flow_weight=config.flow_weight, decibels=settled.decibels)
    encoder = build_encoder(config, settled).to(config.device)
    parts = (config.contexts, settled.group, settled.relative)
    return RepairEnv(editor, encoder, draw, reward, settled.episodes, *parts)


def build_encoder(config: AgentTrainConfig, settled: Settled) -> Encoder:
    """φ, on the CPU; errors as in :func:`build_env`."""
    options: dict[str, Any] = {} if config.encoder_weights is None else {"weights": config.encoder_weights}
    return load_encoder(settled.encoder, **options)


def flow_to_be_had(config: AgentTrainConfig, settled: Settled, say: Callable[[str], None]) -> Settled:
    """The settings with DIS in place of RAFT, where only the preset asks for RAFT and its weights cannot be had."""
    if settled.flow in ("dis", "none") or config.flow is not None or config.flow_weights is not None:
        return settled
    try:
        load_flow(settled.flow)
    except UserError as error:
        say(f"flow: {error}; it is dis here")
        return replace(settled, flow="dis")
    return settled


def describe_reward(settled: Settled) -> str:
    """What repairs are rewarded for, in a line."""
    features = " and VGG-16 features" if settled.perceptual != "none" else ""
    unit = " in decibels" if settled.decibels else ""
    return f"reward: error in the hole{features}{unit}; flow at the end: {settled.flow}"
