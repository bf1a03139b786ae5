"""The decision process for learners: many damaged clips, repaired side by side.

A repair is unrolled into 1 + K micro-steps, each "pick one of n frames under a mask": the frame to repair (π1, role 0),
then its contexts one by one (π2, role k). The repair is made, and rewarded, with the last of them.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from rovr.data.cases import Case
from rovr.editor.aligned import AlignedEditor
from rovr.editor.batch import BatchSession
from rovr.editor.sight import GRID, greedy, quality
from rovr.mdp.encoder import CELL, Encoder
from rovr.mdp.observation import Past, look, observe
from rovr.mdp.reward import Reward
from rovr.mdp.state import RepairState

MakeCase = Callable[[np.random.Generator], Case]


def draw_seeds(generator: torch.Generator, size: int, group: int) -> list[int]:
    """One seed for each clip of B episodes, each of which is repaired ``group`` times."""
    if size % group:
        raise ValueError(f"{size} episodes cannot be split into groups of {group}")
    return torch.randint(2**31, (size // group,), generator=generator, device=generator.device).tolist()


class RepairEnv:
    """B episodes; see :class:`rovr.rl.env.BatchEnv` for the protocol, :mod:`rovr.mdp.mosaic` for what is observed.

    Args:
        editor: Γ, frozen.
        encoder: φ.
        make: draws a damaged clip.
        reward: judges repairs.
        size: B.
        contexts: K.
        group: how often each clip that is drawn is repaired, side by side; 1 where not asked otherwise.
        relative: measure repairs against what the strategy ``sight`` would make of the same frame in the untouched
            clip, and not against the damaged frame. As each frame is repaired once, all that an episode brings shifts
            by the same for every policy; but how hard a frame is no longer hides how good a choice was.
    """

    def __init__(
        self,
        editor: AlignedEditor,
        encoder: Encoder,
        make: MakeCase,
        reward: Reward,
        size: int,
        contexts: int = 2,
        group: int = 1,
        relative: bool = False,
    ) -> None:
        self.editor, self.encoder, self.make, self.reward = editor, encoder, make, reward
        self.size, self.contexts, self.group, self.relative = size, contexts, group, relative

    def reset(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Draw and damage B clips; see :class:`BatchEnv`."""
        return self.reset_group(generator, self.group)

    def reset_group(self, generator: torch.Generator, group: int) -> dict[str, Tensor]:
        """Draw B / group clips, each to be repaired ``group`` times."""
        return self.start(draw_seeds(generator, self.size, group), group)

    def start(self, seeds: Sequence[int], group: int) -> dict[str, Tensor]:
        """Start on the clip of each seed, ``group`` times; any number of seeds, whatever :attr:`size` says."""
        return self.begin([self.make(np.random.default_rng(seed)) for seed in seeds], group)

    @torch.inference_mode()
    def begin(self, cases: list[Case], group: int = 1) -> dict[str, Tensor]:
        """Start on given clips."""
        device = self.editor.device
        self.copies = group
        self.session = BatchSession(self.editor, [RepairState.begin(c.frames.clone(), c.masks) for c in cases])
        self.truth, self.damaged, self.masks = (
            torch.stack([getattr(c, name) for c in cases]).to(device) for name in ("truth", "frames", "masks")
        )
        self.before = self._before()
        clips = zip(self.damaged, self.truth, strict=True)
        self.motions = [self.reward.opening(damaged / 255, truth / 255) for damaged, truth in clips]
        if group > 1:
            self.session = self.session.repeated(group)
            for name in ("truth", "damaged", "masks", "before"):
                setattr(self, name, getattr(self, name).repeat_interleave(group, 0))
        batch, length = self.masks.shape[:2]
        self.frames = self.damaged.clone()
        self.pending = self.masks.flatten(2).any(2)
        assert self.pending.any(1).all(), "a clip without any hole is nothing to learn from"
        self.cells = self.encoder(*self._seen(self.session.seen.flatten(0, 1))).unflatten(0, (batch, length))
        area = F.adaptive_avg_pool2d(self.masks.flatten(0, 1).float(), CELL)
        self.cover = area.view(batch, length, CELL, CELL)
        self.edited = torch.zeros_like(self.pending)
        self.history = torch.full((batch, length, 1 + self.contexts), -1, device=device)
        self.length = torch.zeros(batch, dtype=torch.long, device=device)
        self.action = torch.full((batch, 1 + self.contexts), -1, device=device)
        self.role = 0
        return self._observe()

    @torch.inference_mode()
    def step(self, actions: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Pick a frame in every clip; see :class:`BatchEnv`."""
        alive = self.pending.any(1)
        self.action[:, self.role] = torch.where(alive, actions, -1)
        rewards = torch.zeros(len(actions), device=self.masks.device)
        if self.role < self.contexts:
            self.role += 1
        else:
            if bool(alive.any()):
                self._repair(alive.nonzero().flatten(), rewards)
            self.role = 0
            self.action.fill_(-1)
        return self._observe(), rewards, ~self.pending.any(1)

    @torch.inference_mode()
    def preview(self, rows: Tensor, actions: Tensor) -> Tensor:
        """What repairs would be worth, without making them.

        Args:
            rows: (R,) which clips, any number of times.
            actions: (R, 1 + K) frame and contexts for each.

        Returns:
            (R,) rewards.
        """
        return self._worth(rows, actions[:, 0], self._edit(rows, actions)[0])

    def _edit(self, rows: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        return self.session.edit(rows, actions[:, 0], self.masks[rows, actions[:, 0]], actions[:, 1:])

    def _worth(self, rows: Tensor, frames: Tensor, images: Tensor) -> Tensor:
        return self.reward.gain(self.before[rows, frames], self._loss(rows, frames, images))

    def _loss(self, rows: Tensor, frames: Tensor, images: Tensor) -> Tensor:
        return self.reward.loss(images, self.truth[rows, frames] / 255, self.masks[rows, frames])

    def _before(self) -> Tensor:
        """The losses against which repairs are measured, (B, n)."""
        losses = torch.zeros(self.masks.shape[:2], device=self.masks.device)
        holed = self.masks.flatten(2).any(2)
        for index in range(holed.shape[1]):
            rows = holed[:, index].nonzero().flatten()
            frames = torch.full_like(rows, index)
            if len(rows) == 0:
                continue
            images = self.damaged[rows, frames] / 255
            if self.relative:
                hole = F.adaptive_avg_pool2d(self.masks[rows, frames].float(), GRID)[:, 0]
                contexts = greedy(quality(self.session.sight(rows, frames)), hole, frames, self.contexts)
                images = self._edit(rows, torch.cat([frames[:, None], contexts], 1))[0]
            losses[rows, frames] = self._loss(rows, frames, images)
        return losses

    def _repair(self, rows: Tensor, rewards: Tensor) -> None:
        """Make the repairs that were picked, and write what they were worth."""
        images, doubt = self._edit(rows, self.action[rows])
        rewards[rows] = self._worth(rows, self.action[rows, 0], images)
        self._record(rows, images, doubt)
        for row in rows[~self.pending[rows].any(1)].tolist():
            rewards[row] += self.reward.ending(self.repaired(row) / 255, self.motions[row // self.copies])

    def _record(self, rows: Tensor, images: Tensor, doubt: Tensor) -> None:
        """Go on with repaired frames in their places."""
        actions = self.action[rows]
        frames = actions[:, 0]
        self.session.record(rows, frames, images, doubt)
        self.frames[rows, frames] = (images * 255).round().to(torch.uint8)
        self.cells[rows, frames] = self.encoder(*self._seen(self.session.seen[rows, frames]))
        self.pending[rows, frames] = False
        self.edited[rows, frames] = True
        self.history[rows, self.length[rows]] = actions
        self.length[rows] += 1

    def repaired(self, row: int) -> Tensor:
        """A clip as it stands, (T, 3, H, W) uint8."""
        return self.frames[row]

    def _seen(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        return seen[:, :3], 1 - seen[:, 3:]

    def _observe(self) -> dict[str, Tensor]:
        rows, target = torch.arange(len(self.pending), device=self.pending.device), self.action[:, 0].clamp(min=0)
        past = Past(
            self.cells.clone(),
            self.cover,
            self.edited.clone(),
            self.pending.clone(),
            self.history.clone(),
            self.length.clone(),
        )
        if self.role == 1:
            shown = torch.cat([self.session.seen[rows, target, :3], self.masks[rows, target].float()], 1)
            self.view = look(shown, self.session.sight(rows, target))
        return observe(past, self.action, self.role, self.view if self.role else None)
