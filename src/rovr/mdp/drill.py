"""Practice in choosing contexts: many tries at the same repair, compared with each other.

How well a frame can be repaired depends far more on the frame than on whom one looks at, so that in whole episodes the
merit of a choice drowns in luck. Here the copies of a clip stay together. The frames come in random order, the same
for all copies, each copy picks its own contexts, and is rewarded for by how much its repair is better than theirs on
average: a baseline that needs no critic. Then all go on from the repair of the first copy, as an episode of the policy
would. π1 has nothing to pick, and learns nothing.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from rovr.mdp.environment import RepairEnv

ORDER = 1
"""Sets the chance that orders a clip's frames apart from the one that drew it."""


class DrillEnv(RepairEnv):
    """See the module's docstring; arguments as for :class:`RepairEnv`, where ``group`` is the number of copies."""

    def start(self, seeds: Sequence[int], group: int) -> dict[str, Tensor]:
        """Start on the clip of each seed, which decides the order of its frames too, whoever is beside it."""
        self.chances = [np.random.default_rng([seed, ORDER]) for seed in seeds]
        return super().start(seeds, group)

    def _repair(self, rows: Tensor, rewards: Tensor) -> None:
        """Make every copy's repair, compare them, and keep the first one's."""
        images, doubt = self._edit(rows, self.action[rows])
        worth = self._worth(rows, self.action[rows, 0], images).view(-1, self.copies)
        rewards[rows] = (worth - worth.mean(1, keepdim=True)).flatten()
        first = torch.arange(len(rows), device=rows.device) // self.copies * self.copies
        self.action[rows] = self.action[rows[first]]
        self._record(rows, images[first], doubt[first])

    def _observe(self) -> dict[str, Tensor]:
        """As seen in whole episodes, but with one frame to pick."""
        observation = super()._observe()
        if self.role == 0:
            pending = self.pending[:: self.copies].cpu().numpy()
            # Clips that are done pick frame 0, as everywhere.
            rows = zip(self.chances, pending, strict=True)
            picks = [int(chance.choice(row.nonzero()[0])) if row.any() else 0 for chance, row in rows]
            chosen = torch.tensor(picks, device=self.pending.device).repeat_interleave(self.copies)
            observation["mask"] = F.one_hot(chosen, self.pending.shape[1]).bool()
        return observation
