"""Settings of the agents' training; the field docstrings are the command line's help."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from rovr.errors import UserError
from rovr.types import check_range, check_seed

TAUGHT = ("dqn", "imitation")
"""Algorithms that an expert teaches from the first step on, and that need no stage for it before."""

PRESETS: dict[str, dict[str, Any]] = {
    # Minutes on a CPU: to see that everything works.
    "tiny": {
        "iterations": 6,
        "episodes": 4,
        "shard": 2,
        "length": 6,
        "size": 64,
        "imitate": 2,
        "drill": 2,
        "options": {
            "ppg": {"policy_iterations": 2, "aux_epochs": 2, "lr": 1e-4},
            "dqn": {"demo_batches": 1, "pretrain": 32, "updates": 8, "minibatch": 16},
        },
    },
    # What ships.
    "base": {
        "iterations": 300,
        "episodes": 16,
        "length": 25,
        "size": 128,
        "drill": 40,
        "decibels": True,
        "relative": True,
        "group": 4,
        "options": {
            "ppg": {"policy_iterations": 8, "aux_epochs": 1, "epochs": 2, "gamma": 0.5, "minibatch": 192, "lr": 1e-4},
            "dqn": {"demo_batches": 8},
        },
    },
    # The poster's sizes and networks; wants a GPU.
    "poster": {
        "iterations": 1000,
        "episodes": 16,
        "shard": 16,
        "length": 25,
        "size": 256,
        "encoder": "resnet50",
        "perceptual": "download",
        "flow": "raft_large",
        "options": {"ppg": {"policy_iterations": 16}, "dqn": {"demo_batches": 8}},
    },
}


COMMON: dict[str, Any] = {
    "encoder": "editor",
    "perceptual": "none",
    "flow": "dis",
    "decibels": False,
    "relative": False,
    "group": 1,
    "shard": 4,
    "imitate": 0,
    "drill": 0,
    "partners": 0,
    "rule": None,
}


@dataclass(frozen=True)
class AgentTrainConfig:
    """Train the agents π1 and π2 on a folder of videos or of frame folders."""

    data: tuple[Path, ...]
    """Folders of training clips."""
    out: Path
    """Where checkpoints, logs and the agent go; a run found there is continued exactly."""
    val: Path | None = None
    """Folder of clips on which the agents are watched; never trained on."""
    algorithm: Literal["ppg", "ppo", "dqn", "grpo", "imitation"] = "ppg"
    """How they learn."""
    preset: Literal["tiny", "base", "poster"] = "base"
    """Sizes: minutes on a CPU, what ships, or the poster's; each of the settings below overrides it."""
    iterations: int | None = None
    """Times that a batch of episodes is played and learned from."""
    episodes: int | None = None
    """Clips that are repaired side by side."""
    length: int | None = None
    """Frames of a clip."""
    size: int | None = None
    """Side of a clip's frames, in pixels; even, and at most 288, the size at which frames are aligned."""
    imitate: int | None = None
    """Iterations in which the agents first imitate the rule 'sight'; not for DQN, which has demonstrations."""
    drill: int | None = None
    """Iterations in which π2 first tries many contexts for the same repair; not for DQN and imitation."""
    partners: int | None = None
    """Iterations in which π1 learns while an expert picks the contexts, and as many in which π2 learns while an expert
    picks the frames, before both learn together (the poster's first next step); not for DQN and imitation."""
    encoder: str | None = None
    """φ: ``editor`` or ``resnet50``."""
    encoder_weights: Path | None = None
    """Weights of ResNet-50, safetensors or PyTorch's; by default torchvision downloads them."""
    perceptual: str | None = None
    """VGG-16 weights for the reward: a file, safetensors or PyTorch's, ``download`` (torchvision), or ``none``."""
    flow: str | None = None
    """Estimator for the flow reward at the end: ``dis``, ``raft_small``, ``raft_large``, or ``none``; where the preset
    asks for RAFT, and its weights cannot be had, ``dis``."""
    flow_weights: Path | None = None
    """Weights of RAFT, safetensors or PyTorch's; by default torchvision downloads them."""
    flow_weight: float | None = None
    """β, what recovering all of the motion is worth; by default as much as 0.1 of error, or as 10 dB."""
    decibels: bool | None = None
    """Reward the ratio of the losses before and after a repair, and not their difference."""
    relative: bool | None = None
    """Measure a repair against what the rule 'sight' makes of the frame, and not against the damaged one."""
    group: int | None = None
    """How often each clip that is drawn is repaired, side by side; divides the episodes. GRPO and the drill have their
    own."""
    shard: int | None = None
    """Episodes that are repaired in one pass, and by one worker; large ones suit a GPU. They decide the last bits."""
    contexts: int = 2
    """K, contexts of a repair."""
    damage: tuple[str, ...] = ("shift",)
    """Kinds of damage; one is drawn for each clip. ``+photometric`` behind a kind adds flicker and noise."""
    shared: bool = False
    """Policies and critics share their trunks (the poster's third next step); not for PPG."""
    rule: float | None = None
    """How much the agents heed the rule 'sight' before training; 0 = they start from nothing, as by default with DQN,
    where it would be worth many times what any repair is; by default else much."""
    turns: int = 0
    """Train π1 and π2 in turns of so many iterations, the other held still; 0 = both at once."""
    editor: Path | None = None
    """Weights of the editor; by default the ones that ship."""
    lr: float | None = None
    """Learning rate; by default the algorithm's."""
    options: tuple[str, ...] = ()
    """Further settings of the algorithm, NAME=VALUE each, as aux_epochs=0: docs/train-agents.md lists them, and so does
    the answer to a name that there is not."""
    seed: int = 0
    """Decides everything that is drawn."""
    workers: int | None = None
    """Processes that repair, on this machine or, with --ray, anywhere; they change nothing but the time it takes."""
    ray: str | None = None
    """Repair on a Ray cluster: auto, local, or host:port of its head. Then as many workers as it has room for."""
    threads: int = 2
    """Threads that compute, in each process."""
    device: str = "cpu"
    """Where editor, agents and the reward's networks run: cpu, cuda, cuda:1, …, or auto."""
    save_minutes: float = 3.0
    """Minutes between checkpoints."""
    validate_every: int = 25
    """Iterations between validations."""
    wandb: str | None = None
    """Weights & Biases project that the figures are sent to as well; by default none."""


@dataclass(frozen=True)
class Settled:
    """A config with its preset filled in; fields as there."""

    iterations: int
    episodes: int
    length: int
    size: int
    imitate: int
    drill: int
    partners: int
    encoder: str
    perceptual: str
    flow: str
    decibels: bool
    relative: bool
    group: int
    shard: int
    rule: float | None
    options: dict[str, Any]


def settle(config: AgentTrainConfig) -> Settled:
    """Fill in the preset.

    Raises:
        UserError: settings that cannot work.
    """
    # Heavy, and the command's help needs none of it.
    from rovr.editor.window import WORK_SIDE
    from rovr.train.options import read_options

    check_seed(config.seed)
    preset = {**COMMON, **PRESETS[config.preset]}
    if config.algorithm == "dqn":
        preset["rule"] = 0.0  # logits are values here, and the rule's are of no unit that rewards have
    options = dict(preset.pop("options").get(config.algorithm, {}))
    given = {name: value for name, value in asdict(config).items() if name in preset and value is not None}
    if config.algorithm == "grpo":
        options["group"] = math.gcd(8, given.get("episodes", preset["episodes"]))
    if config.lr is not None:
        options["lr"] = config.lr
    options |= read_options(config.algorithm, config.options, options)
    settled = Settled(**{**preset, **given}, options={**options, "seed": config.seed})
    check_range(settled, "episodes group shard", 1)
    check_range(settled, "iterations imitate drill partners rule", 0)
    check_range(config, "contexts threads validate_every workers", 1)
    check_range(config, "turns lr flow_weight save_minutes", 0)
    check_range(settled, "size", 2)
    if settled.episodes % settled.group:
        raise UserError(f"--episodes {settled.episodes} cannot be split into groups of --group {settled.group}")
    if config.algorithm == "grpo" and (options["group"] < 2 or settled.episodes % options["group"]):
        raise UserError(
            f"--episodes {settled.episodes} cannot be split into groups of {options['group']} that grpo could compare; "
            "give an even number, and no group or one from 2 on that divides it"
        )
    if settled.drill and config.algorithm not in TAUGHT and settled.episodes % 2:
        raise UserError(
            f"--episodes {settled.episodes} leaves --drill {settled.drill} no two copies of a clip to compare; "
            "give an even number, or --drill 0"
        )
    if config.flow_weights is not None and not settled.flow.startswith("raft"):
        raise UserError(f"--flow {settled.flow} has no weights; leave --flow-weights out, or take a RAFT")
    if config.encoder_weights is not None and settled.encoder != "resnet50":
        raise UserError(f"--encoder {settled.encoder} has no weights; leave --encoder-weights out, or take resnet50")
    if settled.size % 2 or settled.size > WORK_SIDE:
        raise UserError(f"--size {settled.size} must be even and at most {WORK_SIDE}, at which frames are aligned")
    if settled.length < config.contexts + 1:
        raise UserError(f"--length {settled.length} leaves no {config.contexts} contexts to choose from")
    if settled.partners and config.algorithm in TAUGHT:
        raise UserError(f"--partners is not for {config.algorithm}, which learns both roles from an expert anyway")
    if config.shared and config.algorithm == "ppg":
        raise UserError("ppg keeps policies and critics apart; train shared ones with --algorithm ppo")
    return settled
