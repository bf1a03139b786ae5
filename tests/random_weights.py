"""Weights of well-known networks, drawn at random: the real ones are not to be downloaded by tests."""

import importlib.util

import pytest
import torch
from torch import Tensor

from rovr._compat import import_torchvision
from rovr.vgg import TAPS, WIDTHS


def vgg16(seed: int = 0) -> dict[str, Tensor]:
    """Keyed as torchvision's ``vgg16().features``, as far as perceptual distances look."""
    chance = torch.Generator().manual_seed(seed)
    state, index, before = {}, 0, 3
    for width in WIDTHS:
        if not width:
            index += 1
            continue
        state[f"{index}.weight"] = (2 / (9 * before)) ** 0.5 * torch.randn(width, before, 3, 3, generator=chance)
        state[f"{index}.bias"] = 0.1 * torch.randn(width, generator=chance)
        before, index = width, index + 2
        if index > TAPS[-1]:
            break
    return state


def resnet50(seed: int = 0) -> dict[str, Tensor]:
    """Keyed as torchvision's, without what φ leaves out, which would only cost time."""
    need_torchvision()
    from torchvision import models

    with torch.device("meta"):
        shapes = models.resnet50(weights=None).state_dict()
    return _drawn({name: x for name, x in shapes.items() if not name.startswith(("layer4", "fc"))}, seed)


def raft(size: str, seed: int = 0) -> dict[str, Tensor]:
    """Keyed as torchvision's ``raft_small`` or ``raft_large``."""
    need_torchvision()
    from torchvision.models import optical_flow

    with torch.device("meta"):
        shapes = getattr(optical_flow, f"raft_{size}")(weights=None).state_dict()
    return _drawn(shapes, seed)


def need_torchvision() -> None:
    """Skip the test where it is not installed."""
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed")
    import_torchvision()


def _drawn(shapes: dict[str, Tensor], seed: int) -> dict[str, Tensor]:
    chance, state = torch.Generator().manual_seed(seed), {}
    for name, shape in shapes.items():
        if shape.dim() == 4:
            state[name] = torch.randn(shape.shape, generator=chance) * (2 / shape[0].numel()) ** 0.5
        else:
            ones = name.endswith(("weight", "running_var"))
            state[name] = torch.full(shape.shape, float(ones)).to(shape.dtype)
    return state
