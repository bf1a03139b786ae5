"""A GPU that is not there: its tensors are kept by the CPU, and mix with the CPU's own as little as a GPU's do.

With it tests find out without a GPU whether what computes on one brings everything there. Not for gradients.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

CPU, GPU = torch.device("cpu"), torch.device("cuda:0")


class There(Tensor):
    """A tensor on the GPU."""


class _Moves(TorchFunctionMode):
    """Sends what is asked to be there, keeps what came from there, and refuses to mix."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        indexing = function in (Tensor.__getitem__, Tensor.__setitem__)
        # Indices may come from the CPU, and so may single numbers and what is to be copied.
        judged = (args[0], *args[2:]) if indexing else (args, kwargs)
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        there = any(isinstance(tensor, There) for tensor in tensors)
        here = any(isinstance(x, Tensor) and not isinstance(x, There) and x.dim() for x in tree_leaves(judged))
        if function == Tensor.device.__get__:
            return GPU if there else CPU
        if there and function is Tensor.numpy:
            raise RuntimeError("numpy: the tensor is on the GPU")
        if there and here and function is not Tensor.copy_:
            raise RuntimeError(f"{function.__name__}: some tensors are on the CPU and some on the GPU")
        wanted = [x for x in (*args[1:2], kwargs.get("device")) if isinstance(x, str | torch.device)]
        goes = torch.device(wanted[0]) == GPU if wanted else there and function is not Tensor.cpu
        result = function(*tree_map(_fetch, args), **tree_map(_fetch, kwargs))
        return tree_map(_send, result) if goes else result


def _fetch(value: Any) -> Any:
    if isinstance(value, There):
        return value.as_subclass(Tensor)
    return CPU if isinstance(value, torch.device) and value == GPU else value


def _send(value: Any) -> Any:
    return value.as_subclass(There) if isinstance(value, Tensor) else value


def send(module: nn.Module) -> None:
    """Send a module's weights there, frozen."""
    for part in module.modules():
        for held in (part._parameters, part._buffers):
            for name, tensor in held.items():
                held[name] = None if tensor is None else _send(tensor.detach())


@contextmanager
def gpu() -> Iterator[torch.device]:
    """Inside, the GPU is there."""
    with _Moves():
        yield GPU
