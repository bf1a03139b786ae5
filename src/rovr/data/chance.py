"""One way to say where chance comes from: a seed or a generator, never the process-wide one."""

import numpy as np
import torch

from rovr.errors import UserError

Chance = int | np.random.Generator | torch.Generator


def generator(source: Chance) -> np.random.Generator:
    """Turn a seed or a generator into a numpy generator.

    Args:
        source: a seed; a numpy generator, used as it is; or a torch generator, of which one number is drawn,
            so that two calls with the same torch generator give different streams.

    Raises:
        UserError: a seed below 0.
    """
    if isinstance(source, torch.Generator):
        return np.random.default_rng(int(torch.randint(2**62, (), generator=source, device=source.device)))
    if not isinstance(source, np.random.Generator) and source < 0:
        raise UserError(f"The seed {source} is none; give 0 or more.")
    return np.random.default_rng(source)
