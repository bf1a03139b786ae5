"""The decision process as a Gymnasium environment, ``rovr/VideoReconstruction-v0``: one clip, one micro-step at a time.

    import gymnasium
    import rovr.mdp.gymnasium  # registers it

    env = gymnasium.make("rovr/VideoReconstruction-v0", length=9, size=64)

It is a thin cover over :class:`rovr.mdp.environment.RepairEnv`; learners that can do several clips at once should use
that. Picks that the mask forbids change nothing and earn nothing; ``action_masks()`` and ``info["action_mask"]`` say
which are allowed.
"""

from collections.abc import Sequence
from copy import deepcopy
from importlib import resources
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray

from rovr.data.cases import CaseDraw, ClipDraw, check_kinds
from rovr.device import pick_device
from rovr.editor.aligned import AlignedEditor
from rovr.editor.loading import load_editor
from rovr.editor.window import WORK_SIDE
from rovr.errors import UserError
from rovr.mdp.encoder import CELL, load_encoder
from rovr.mdp.environment import RepairEnv
from rovr.mdp.observation import FRAME_SIDE
from rovr.mdp.reward import Reward

ID = "rovr/VideoReconstruction-v0"

PATIENCE = 10
"""Picks until an episode is broken off, times those that it takes."""

Observation = dict[str, Any]


class VideoReconstructionEnv(gymnasium.Env[Observation, np.int64]):
    """See the module's docstring.

    Args:
        data: folder or folders of clips; by default the clip that comes with the package, filmed anew for each episode.
        length: frames of a clip, n.
        size: side of its frames, in pixels; even, and at most 288, the size at which frames are aligned.
        contexts: K.
        damage: kind or kinds of damage, as :class:`rovr.data.cases.CaseDraw` takes them.
        editor: Γ; by default the ``aligned`` editor with the weights that ship.
        reward: judges repairs; by default the error inside the hole alone.
        device: where the editor runs, see :func:`rovr.device.pick_device`; an editor that is given stays where it is.

    Raises:
        UserError: too few frames for the contexts, an odd size or one too large, no clips, or an absent device.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 2}  # noqa: RUF012  (as Gymnasium has it)

    def __init__(
        self,
        data: str | Path | Sequence[str | Path] | None = None,
        length: int = 25,
        size: int = 256,
        contexts: int = 2,
        damage: str | Sequence[str] = ("shift",),
        editor: AlignedEditor | None = None,
        reward: Reward | None = None,
        device: str = "cpu",
        render_mode: str | None = None,
    ) -> None:
        if not 1 <= contexts < length:
            raise UserError(f"contexts={contexts} of length={length} frames: give at least 1, and fewer than frames")
        if size % 2 or size > WORK_SIDE:
            raise UserError(f"size={size}: give an even one of at most {WORK_SIDE}, at which frames are aligned")
        if data is None:
            data = Path(str(resources.files("rovr"))) / "assets"
        folders = [Path(folder) for folder in ([data] if isinstance(data, str | Path) else data)]
        if editor is None:
            loaded = load_editor("aligned", pick_device(device))
            assert isinstance(loaded, AlignedEditor)
            editor = loaded
        kinds = (damage,) if isinstance(damage, str) else tuple(damage)
        check_kinds(kinds)
        draw = CaseDraw(ClipDraw.open(folders, length, size), kinds)
        self.inner = RepairEnv(editor, load_encoder("editor"), draw, reward or Reward(), 1, contexts)
        self.render_mode = render_mode
        # For learners that pick what they must not and never come to an end.
        self.picks, self.most, self.over = 0, PATIENCE * length * (1 + contexts), False
        self.action_space = spaces.Discrete(length)
        flags = spaces.MultiBinary(length)
        self.shown = spaces.Dict(
            {
                "cells": spaces.Box(-2, 2, (length, 3, CELL, CELL), np.float32),
                "cover": spaces.Box(0, 1, (length, CELL, CELL), np.float32),
                "edited": flags,
                "pending": flags,
                "mask": flags,
                "picked": flags,
                "role": spaces.Discrete(contexts + 1),
                "target": spaces.Discrete(length + 1),  # n = none; many learners know no negative numbers here
                "history": spaces.Box(-1, length - 1, (length, 1 + contexts), np.int64),
                "length": spaces.Discrete(length + 1),
                "frame": spaces.Box(0, 1, (4, FRAME_SIDE, FRAME_SIDE), np.float32),
                "sight": spaces.Box(0, 1, (length, 2, CELL, CELL), np.float32),
            }
        )
        self.observation_space = self.shown

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Draw and damage a clip."""
        super().reset(seed=seed, options=options)
        generator = torch.Generator().manual_seed(int(self.np_random.integers(2**31)))
        self.picks, self.over = 0, False
        return self._show(self.inner.reset(generator)), self._info()

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Pick a frame.

        Raises:
            UserError: the clip has no such frame.
        """
        # NumPy would take a negative number for a frame counted from the end, PyTorch for none.
        mask = self.action_masks()
        if not 0 <= int(action) < len(mask):
            raise UserError(f"action {int(action)}: give one of 0 to {len(mask) - 1}")
        self.picks += 1
        endless = self.picks >= self.most
        if not mask[int(action)]:
            return deepcopy(self.observation), 0.0, self.over, endless, self._info()
        observation, rewards, done = self.inner.step(torch.tensor([int(action)], device=self.inner.editor.device))
        self.over = bool(done[0])
        return self._show(observation), float(rewards[0]), self.over, endless and not self.over, self._info()

    def action_masks(self) -> NDArray[np.bool_]:
        """Which frames may be picked, (n,); the name is the one that sb3-contrib's learners look for."""
        return self.observation["mask"].astype(bool)

    def render(self) -> NDArray[np.uint8]:
        """The clip as it stands: frames side by side, (H, n · W, 3)."""
        return torch.cat(list(self.inner.repaired(0)), 2).permute(1, 2, 0).cpu().numpy()

    def _info(self) -> dict[str, Any]:
        return {"action_mask": self.action_masks()}

    def _show(self, observation: dict[str, torch.Tensor]) -> Observation:
        shown: Observation = {}
        for name, space in self.shown.items():
            value = observation[name][0].cpu().numpy().astype(space.dtype)
            shown[name] = np.int64(value) if isinstance(space, spaces.Discrete) else value
        shown["target"] = shown["target"] % int(self.shown["target"].n)  # type: ignore[attr-defined]
        self.observation = shown
        return deepcopy(shown)


gymnasium.register(ID, entry_point="rovr.mdp.gymnasium:VideoReconstructionEnv")
