"""Weights of well-known networks, trained by others: from a file, or downloaded by torchvision."""

from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import load_file
from torch import Tensor

from rovr.errors import UserError

T = TypeVar("T")


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a state dict, safetensors or PyTorch's own format; no code in the file is ever run.

    Raises:
        UserError: the file is missing or damaged.
    """
    if not path.is_file():
        raise UserError(f"weights file {path} does not exist")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
            raise ValueError("no state dict")
        return state
    except Exception as error:  # what is no such file can fail in any way
        raise UserError(f"weights file {path} is damaged or neither safetensors nor PyTorch's") from error


def download(make: Callable[[], T], network: str, hint: str) -> T:
    """Have torchvision make what it downloads weights for.

    Args:
        make: does it.
        network: whose weights.
        hint: what to do where there is no connection.

    Raises:
        UserError: they cannot be had.
    """
    try:
        return make()
    # Of an answer that breaks off, or is another file than expected, PyTorch says so by the last two.
    except (OSError, HTTPException, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"the weights of {network} cannot be downloaded ({reason}); {hint}") from error
