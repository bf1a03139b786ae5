"""Where the editor runs."""

from typing import TYPE_CHECKING

from rovr.errors import UserError
from rovr.types import counted

if TYPE_CHECKING:
    import torch


def pick_device(name: str = "auto") -> "torch.device":
    """Turn a name into a device that is there.

    Args:
        name: ``auto`` (CUDA, else MPS, else CPU), ``cpu``, ``cuda``, ``cuda:1``, …, or ``mps``.

    Raises:
        UserError: unknown, or not on this machine.
    """
    import torch

    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (index and not index.isdigit()):
        raise UserError(f"There is no device called '{name}'; choose auto, cpu, cuda or mps.")
    there = {"cpu": 1, "cuda": torch.cuda.device_count() if cuda else 0, "mps": int(mps)}[kind]
    if int(index or 0) >= there:
        raise UserError(f"This machine has no device '{name}' that PyTorch can use; pass --device auto.")
    return torch.device(name)


def check_defaults() -> None:
    """See that PyTorch makes new tensors as repairs take for granted, which the program around them may have changed.

    Raises:
        UserError: it does not.
    """
    import torch

    if (kind := torch.get_default_dtype()) != torch.float32:
        raise UserError(f"PyTorch's default is {kind} here; call torch.set_default_dtype(torch.float32) before.")
    if (place := torch.get_default_device()).type != "cpu":
        raise UserError(
            f"PyTorch's default device is {place} here; repair under 'with torch.device(\"cpu\")'. Where repairs are "
            "made is said by the argument device."
        )


def describe_device(device: "torch.device") -> str:
    """Name a device as its owner knows it."""
    import torch

    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"{device} ({counted(torch.get_num_threads(), 'thread')})" if device.type == "cpu" else str(device)


def has_bf16(device: "torch.device") -> bool:
    """Whether a device computes in bfloat16 by itself, and not by way of float32."""
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu" and hasattr(torch.cpu, "get_capabilities"):
        able = torch.cpu.get_capabilities()
        return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
    return False
