"""Several processes that train one editor, as ``torchrun`` starts them; each learns from its slice of every batch.

Terms of the loss are sums over the whole batch, and each process computes its share of them, so that the sum of all
gradients is the gradient of one process with the whole batch, however uneven the slices are. They are summed in one
piece after the backward pass. PyTorch's ``DistributedDataParallel`` would take their mean, and would sum them in
portions that change after its first step, and with them the last bits: a run that goes on would not be the same run.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn

from rovr.errors import UserError

Scalar = TypeVar("Scalar", bound=np.generic)

PATIENCE = timedelta(days=1)
"""How long processes wait for one that rolls out or validates; the death of one is noticed by ``torchrun``."""


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this is.

    Attributes:
        rank: 0 writes the files and rolls out.
        count: how many there are.
    """

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this one writes files."""
        return self.rank == 0

    def slice(self, items: NDArray[Scalar]) -> NDArray[Scalar]:
        """This one's part of a batch, along the first axis."""
        return np.array_split(items, self.count)[self.rank]

    def total(self, value: Tensor) -> Tensor:
        """The sum over all processes, without a gradient."""
        whole = value.detach().clone()
        if self.count > 1:
            distributed.all_reduce(whole)
        return whole

    def mean(self, values: Tensor) -> Tensor:
        """This one's share of the mean over all processes' values: (b, …) → ()."""
        return values.sum() / self.total(values.new_tensor(values.numel()))

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by the sum over all processes."""
        if self.count == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        whole = self.total(torch.cat([gradient.flatten() for gradient in gradients]))
        for gradient, part in zip(gradients, whole.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def same(self, value: int, what: str) -> None:
        """Make sure that all processes have the same number; they also meet here.

        Raises:
            UserError: they do not.
        """
        if self.count == 1:
            return
        found: list[int | None] = [None] * self.count
        distributed.all_gather_object(found, value)
        if len(set(found)) > 1:
            raise UserError(f"the processes of torchrun differ in {what}: all have to see --out under the same name")


ALONE = Ranks()


@contextmanager
def joined(device: str) -> Iterator[tuple[Ranks, str]]:
    """Join the processes that ``torchrun`` started beside this one, if it did.

    Args:
        device: where to train; ``cuda`` becomes the GPU of this process.

    Returns:
        Who this is, and its device.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield ALONE, device
        return
    cuda = device.split(":")[0] == "cuda"
    if cuda:
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    # The first optimiser loads this. Loaded while a group is there, it keeps the group past its end, whose threads may
    # then outlive the interpreter: the process aborts after all its work is done.
    import_module("torch._dynamo")
    distributed.init_process_group("nccl" if cuda else "gloo", timeout=PATIENCE)
    try:
        yield Ranks(int(os.environ["RANK"]), count), device
    finally:
        distributed.destroy_process_group()
