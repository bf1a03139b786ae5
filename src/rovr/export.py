"""``rovr export``: the networks as ONNX, for ONNX Runtime and for programs without PyTorch.

The editor's two networks take frames and windows of any size and any number of contexts; with them
``--editor aligned-onnx`` repairs videos (:mod:`rovr.editor.onnx`). The policies are written for a number of frames, any
number of clips at once and any number of past repairs. The names of inputs and outputs are those of the code.
"""

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn
from torch.export import Dim

from rovr._version import __version__
from rovr.agents import Agent
from rovr.editor.aligned import AlignedEditor
from rovr.editor.loading import load_editor, shipped
from rovr.editor.motion import CHANNELS
from rovr.editor.onnx import FUSION, MOTION
from rovr.editor.views import Fusion, Views
from rovr.errors import UserError
from rovr.mdp.encoder import CELL
from rovr.mdp.observation import FRAME_SIDE

OPSET = 20
"""Of ONNX. Sampling along flow came with 16."""

FRAME_POLICY, CONTEXT_POLICY = "frame-policy.onnx", "context-policy.onnx"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Network:
    """What is to become a file.

    Attributes:
        net: takes its inputs in their order.
        inputs: examples by name. No side that varies may be 0 or 1, which PyTorch takes for constants.
        outputs: their names.
        varying: for each input the axes that may differ.
    """

    net: nn.Module
    inputs: Mapping[str, Tensor]
    outputs: Sequence[str]
    varying: Mapping[str, Sequence[int]]


class Flat(nn.Module):
    """The fusion network with plain tensors in and out: the fields of Views and of Fusion in their order."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(
        self, base: Tensor, mask: Tensor, contexts: Tensor, known: Tensor, flows: Tensor, error: Tensor, origin: Tensor
    ) -> tuple[Tensor, ...]:
        """Fuse."""
        fusion = self.net(Views(base, mask, contexts, known, flows, error, origin))
        return tuple(getattr(fusion, field.name) for field in fields(Fusion))


class Logits(nn.Module):
    """A policy with plain tensors in."""

    def __init__(self, policy: nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        self.policy, self.names = policy, names

    def forward(self, *tensors: Tensor) -> Tensor:
        """(B, n)."""
        return self.policy.logits(dict(zip(self.names, tensors, strict=True)))  # type: ignore[operator]


def editor_networks(editor: AlignedEditor) -> dict[str, Network]:
    """File name → network."""
    count, height, width = 3, 48, 40
    window, whole = (1, 3, 2 * height, 2 * width), (1, count, 3, 128, 112)
    views = {
        "base": torch.rand(window),
        "mask": torch.ones(window)[:, :1],
        "contexts": torch.rand(whole),
        "known": torch.ones(whole)[:, :, :1],
        "flows": torch.zeros(1, count, 2, height, width),
        "error": torch.ones(1, count, 1, height, width),
        "origin": torch.zeros(1, 2, dtype=torch.long),
    }
    varying = {name: (2, 3) if tensor.dim() == 4 else (1, 3, 4) for name, tensor in views.items() if name != "origin"}
    # Within a graph no two values share a name, and flows go in and come out.
    outputs = [f"fused_{field.name}" for field in fields(Fusion)]
    clues = {"clues": torch.rand(3, CHANNELS, 44, 52)}
    return {
        MOTION: Network(editor.net.motion, clues, ("correction", "log_error"), {"clues": (0, 2, 3)}),
        FUSION: Network(Flat(editor.net), views, outputs, varying),
    }


def agent_networks(agent: Agent, frames: int) -> dict[str, Network]:
    """File name → network, for clips of so many frames; see :mod:`rovr.mdp.mosaic` for what goes in."""
    batch, actions = 3, 4
    first = {
        "cells": torch.rand(batch, frames, 3, CELL, CELL),
        "cover": torch.rand(batch, frames, CELL, CELL),
        "edited": torch.zeros(batch, frames, dtype=torch.bool),
        "pending": torch.ones(batch, frames, dtype=torch.bool),
        "history": torch.zeros(batch, actions, 1 + agent.config.contexts, dtype=torch.long),
        "length": torch.tensor([0, 2, actions]),
    }
    second = {
        **{name: first[name] for name in ("cells", "cover", "edited", "pending")},
        "target": torch.zeros(batch, dtype=torch.long),
        "picked": torch.zeros(batch, frames, dtype=torch.bool),
        "frame": torch.rand(batch, 4, FRAME_SIDE, FRAME_SIDE),
        "sight": torch.rand(batch, frames, 2, CELL, CELL),
    }
    policies = {
        FRAME_POLICY: (agent.frame_policy, first),
        CONTEXT_POLICY: (agent.context_policy, second),
    }
    # What is past grows with every repair.
    varying = {**dict.fromkeys([*first, *second], (0,)), "history": (0, 1)}
    return {
        file: Network(Logits(policy, list(inputs)), inputs, ("logits",), varying)
        for file, (policy, inputs) in policies.items()
    }


def export(
    out: Path,
    *,
    part: str | None = None,
    weights: Path | None = None,
    agent: Path | None = None,
    frames: int = 25,
    overwrite: bool = False,
    say: Say = lambda line: None,
) -> list[Path]:
    """Write networks into a folder, all files or none.

    Args:
        out: the folder.
        part: ``editor`` or ``agent`` alone; None for both.
        weights: of the editor ``aligned``, by default those that ship.
        agent: file of a trained agent, by default the one that ships.
        frames: that the policies look at.
        overwrite: replace files that exist.
        say: told of each file.

    Raises:
        UserError: weights that cannot be read, files in the way, or what is needed is not installed.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file; give a folder with -o")
    if frames < 3:
        raise UserError(f"--frames {frames}: policies need 3 frames at least")
    if part == "agent" and weights is not None:
        raise UserError("--weights are not written with --part agent; leave out one of the two")
    if part == "editor" and agent is not None:
        raise UserError("--agent is not written with --part editor; leave out one of the two")
    networks: dict[str, Network] = {}
    if part != "agent":
        editor = load_editor("aligned", weights=weights)
        assert isinstance(editor, AlignedEditor)
        networks |= editor_networks(editor)
    if part != "editor":
        networks |= agent_networks(Agent.load(agent or shipped("agent")).eval(), frames)
    there = [name for name in networks if (out / name).exists()]
    if there and not overwrite:
        raise UserError(f"{out / there[0]} exists; choose another folder or pass --overwrite")
    _check_installed()
    facts = {"rovr": __version__, "opset": OPSET, "files": sorted(networks)}
    if part != "editor":
        facts["frames"] = frames
    out.mkdir(parents=True, exist_ok=True)
    # All or none, for some without the others are of no use and in the way of the next try.
    with TemporaryDirectory(prefix=".partial-", dir=out) as partial:
        for name, network in networks.items():
            write(network, Path(partial, name))
            say(f"{out / name}: {', '.join(network.inputs)} → {', '.join(network.outputs)}")
        Path(partial, "export.json").write_text(json.dumps(facts, indent=2) + "\n")
        for made in sorted(Path(partial).iterdir()):
            made.replace(out / made.name)
    return [out / name for name in networks]


def write(network: Network, path: Path) -> None:
    """Write one network; its weights are in the file."""
    for parameter in network.net.parameters():
        parameter.requires_grad_(False)
    varying = tuple({axis: Dim.DYNAMIC for axis in network.varying.get(name, ())} for name in network.inputs)
    if isinstance(network.net, Logits):
        varying = (varying,)  # type: ignore[assignment]
    with _quiet(), torch.inference_mode(False):
        program = torch.onnx.export(
            network.net.eval(),
            tuple(network.inputs.values()),
            dynamo=True,
            opset_version=OPSET,
            input_names=list(network.inputs),
            output_names=list(network.outputs),
            dynamic_shapes=varying,
            verbose=False,
        )
    assert program is not None
    program.save(str(path), external_data=False)


def _check_installed() -> None:
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(f"rovr export needs {error.name}; install it with: pip install 'rovr[onnx]'") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """PyTorch's exporter talks much about itself."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
