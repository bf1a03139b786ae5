"""Editors by name, and their weights as safetensors with their settings in the header."""

import io
import json
from collections.abc import Callable
from importlib import resources
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from rovr import plugs
from rovr.editor.aligned import AlignedEditor
from rovr.editor.base import Editor
from rovr.editor.classical import ClassicalEditor
from rovr.editor.concat import ConcatEditor
from rovr.editor.learned import LearnedEditor
from rovr.editor.onnx import OnnxEditor
from rovr.errors import UserError
from rovr.files import write_whole
from rovr.video.limits import MAX_WEIGHTS, check_bytes

LEARNED: dict[str, Callable[..., LearnedEditor]] = {"aligned": AlignedEditor, "concat": ConcatEditor}
EDITORS: dict[str, Callable[..., Editor]] = {
    **LEARNED,
    "aligned-onnx": OnnxEditor,
    "telea": lambda: ClassicalEditor("telea"),
    "navier-stokes": lambda: ClassicalEditor("navier-stokes"),
}


def build_editor(name: str, device: torch.device | str = "cpu", weights: Path | None = None) -> LearnedEditor:
    """Make a learned editor, untrained unless weights are given.

    Args:
        name: a key of ``LEARNED``.
        device: where its network runs.
        weights: safetensors file.

    Raises:
        UserError: weights that are missing, damaged or of another editor.
    """
    editor = LEARNED[name](device=device)
    if weights is not None:
        state = read_weights(weights)
        try:
            editor.net.load_state_dict(state)
        except RuntimeError as error:
            told = f"the weights in {weights} do not fit the editor '{name}'; were they trained for it?"
            raise UserError(told) from error
    return editor


def load_editor(name: str = "aligned", device: torch.device | str = "cpu", weights: Path | str | None = None) -> Editor:
    """Make an editor ready for use.

    Args:
        name: a key of ``EDITORS``, or the name of one from another package (:mod:`rovr.plugs`).
        device: where its network runs.
        weights: safetensors file, or for ``aligned-onnx`` the folder of an export; by default the weights that ship.

    Raises:
        UserError: for an unknown name, weights that are missing, damaged or of another editor, or a package that fails.
    """
    found = plugs.find("editor", name, EDITORS)
    make = found.maker(Editor) if isinstance(found, plugs.Plug) else found
    if name not in LEARNED:
        offered = {"device": device} if weights is None else {"device": device, "weights": weights}
        taken = {key: value for key, value in offered.items() if key in signature(make).parameters}
        if weights is not None and "weights" not in taken:
            raise UserError(f"editor '{name}' has no weights to load; leave --weights out")
        return make(**taken)
    return build_editor(name, device, Path(weights) if weights is not None else shipped(name))


def shipped(name: str) -> Path:
    """Path of the weights that come with the package."""
    path = Path(str(resources.files("rovr"))) / "weights" / f"{name}.safetensors"
    if not path.exists():
        raise UserError(f"no weights ship for '{name}'; give a file or train one")
    return path


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read weights as float32, checking that the file is whole; no code in it is ever run."""
    if not path.exists():
        raise UserError(f"weights file {path} does not exist")
    check_bytes(path, MAX_WEIGHTS)
    try:
        return {name: tensor.float() for name, tensor in load_file(path).items()}
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"weights file {path} is damaged or not a safetensors file; fetch or train it again") from error


def read_card(path: Path) -> dict[str, Any]:
    """Read what the header says of how the weights came to be.

    Raises:
        UserError: the file is damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            card: dict[str, Any] = json.loads((file.metadata() or {}).get("rovr", "{}"))
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise UserError(f"weights file {path} is damaged or not a safetensors file; fetch or train it again") from error
    return card


def write_weights(path: Path, state: dict[str, Tensor], card: dict[str, Any], half: bool = False) -> None:
    """Write weights and what is to be said of them; the file appears whole or not at all."""
    tensors = {name: (t.half() if half else t.float()).contiguous().cpu() for name, t in state.items()}
    data = save(tensors, metadata={"rovr": json.dumps(card)})
    write_whole(path, lambda file: file.write(data))


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write where a training stands; the file appears whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    # By way of memory: what PyTorch writes to a file by itself fails without the system's reason.
    data = io.BytesIO()
    torch.save(state, data)
    write_whole(path, lambda file: file.write(data.getbuffer()))


def read_checkpoint(path: Path, device: torch.device | str) -> dict[str, Any]:
    """Read where a training stood; no code in the file is ever run.

    Args:
        path: of the file.
        device: where its tensors go, wherever they were.

    Raises:
        UserError: it is damaged, or holds more than tensors and plain values.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        if not isinstance(state, dict):
            raise TypeError(f"a checkpoint holds names, and not one {type(state).__name__}")
    except Exception as error:
        # Bytes that happen to be instructions for the unpickler end in any error whatever.
        raise UserError(f"{path} is damaged or no checkpoint; remove it to begin anew") from error
    return state
