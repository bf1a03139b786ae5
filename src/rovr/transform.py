"""Repairs as a transform of samples, for data loaders: ``DataLoader(MyClips(transform=RestoreTransform()), …)``."""

from collections.abc import Mapping
from typing import Any

import cv2
import torch
from torch.utils.data import get_worker_info

from rovr.restorer import Restorer


class RestoreTransform:
    """Replaces the damaged frames of a sample by repaired ones.

    It may travel to worker processes, however they are started. Editor and selector are loaded there, at the first
    sample, so that a loader starts at once and a GPU is not touched before workers are forked. Within a worker one
    thread computes, as PyTorch does there, since the workers are many.

    Args:
        frames: key of the frames, (T, 3, H, W) tensor or (T, H, W, 3) uint8 array.
        masks: key of the masks, as :meth:`Restorer.restore` takes them.
        doubt: key under which doubt is added, (T, 1, H, W) in [0, 1]; None leaves it out.
        seed: of selectors that sample.
        options: what :meth:`Restorer.from_pretrained` takes. ``device`` is the CPU unless given: a GPU is best left to
            the process that trains.
    """

    def __init__(
        self, frames: str = "frames", masks: str = "masks", doubt: str | None = None, seed: int = 0, **options: Any
    ) -> None:
        self.frames, self.masks, self.doubt, self.seed = frames, masks, doubt, seed
        self.options = {"device": "cpu", **options}
        self.restorer: Restorer | None = None

    def __call__(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        """The sample with its frames repaired; everything else as it was.

        Raises:
            UserError: frames and masks that do not fit each other.
        """
        if self.restorer is None:
            if get_worker_info() is not None:
                cv2.setNumThreads(1)
                torch.set_num_threads(1)
            self.restorer = Restorer.from_pretrained(**self.options)
        result = self.restorer.restore(sample[self.frames], sample[self.masks], self.seed)
        repaired = {**sample, self.frames: result.frames}
        return repaired if self.doubt is None else {**repaired, self.doubt: result.doubt}

    def __getstate__(self) -> dict[str, Any]:
        """Without what is loaded: each process loads its own."""
        return {**self.__dict__, "restorer": None}
