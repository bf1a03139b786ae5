"""Observations as no environment would give them: everything random, roles as asked."""

import torch
from torch import Tensor


def observe(roles: list[int], count: int = 10, contexts: int = 2, seed: int = 0) -> dict[str, Tensor]:
    chance = torch.Generator().manual_seed(seed)
    role, batch = torch.tensor(roles), len(roles)
    edited = torch.rand(batch, count, generator=chance) < 0.3
    actions = torch.rand(batch, count, count, generator=chance).argsort(2)[..., : 1 + contexts]
    length = torch.randint(2, count + 1, (batch,), generator=chance)
    target = torch.where(role > 0, torch.randint(count, (batch,), generator=chance), -1)
    sight = torch.rand(batch, count, 2, 16, 16, generator=chance) * (role > 0)[:, None, None, None, None]
    sight[:, :, 1] *= sight[:, :, 0]  # a place is worth no more than is seen of it
    picked = (torch.arange(count) == (target[:, None] + 1) % count) & (role > 1)[:, None]
    return {
        "cells": 2 * torch.rand(batch, count, 3, 16, 16, generator=chance) - 1,
        "cover": torch.rand(batch, count, 16, 16, generator=chance),
        "edited": edited,
        "pending": ~edited,
        "mask": torch.ones(batch, count, dtype=torch.bool),
        "role": role,
        "target": target,
        "picked": picked,
        "history": torch.where(torch.arange(count)[:, None] < length[:, None, None], actions, -1),
        "length": length,
        "sight": sight,
        "frame": torch.rand(batch, 4, 64, 64, generator=chance) * (role > 0)[:, None, None, None],
    }


def rows(observation: dict[str, Tensor], chosen: slice | Tensor) -> dict[str, Tensor]:
    return {name: tensor[chosen] for name, tensor in observation.items()}
