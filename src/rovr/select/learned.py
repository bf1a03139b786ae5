"""Frames chosen by the trained policies π1 and π2."""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from rovr.agents import load_seeing
from rovr.agents.networks import Glance
from rovr.editor.base import picture
from rovr.editor.loading import shipped
from rovr.editor.sight import TIE, quality
from rovr.mdp.encoder import CELL
from rovr.mdp.mosaic import added_sight
from rovr.mdp.observation import FRAME_SIDE, Past, View, look, observe
from rovr.mdp.state import RepairState
from rovr.select.base import Selector
from rovr.select.sight import recalled, what_is_seen
from rovr.types import Edit

WINDOW = 25
"""Frames that the policies see at once, as many as they were trained with."""

BEHIND = 8
"""Frames of the window that lie before the first one still to repair."""

CHUNK = 1 << 20
"""Values of frames encoded at once: so few that memory for their float copies is reused, not asked for anew."""


class Learned(Selector):
    """Asks an agent; always takes what it likes best, so that chance plays no part.

    Contexts beyond those that it was trained to pick are picked as the rule ``sight`` picks further ones.

    A clip longer than the window is repaired from its beginning on, through a window that moves along with the first
    frame still to repair, so that a choice costs the same in a video of any length.

    Args:
        weights: the agent's file; by default the one that ships.
        device: where it runs.
    """

    name = "agent"
    recalls = True

    def __init__(self, weights: Path | str | None = None, device: torch.device | str = "cpu") -> None:
        self.agent, self.encoder = load_seeing(shipped(self.name) if weights is None else weights, device)
        self.agent.eval()
        self.device = torch.device(device)

    @torch.inference_mode()
    def reset(self, state: RepairState, generator: torch.Generator, contexts: int = 2) -> None:
        """Begin a clip: encode all its frames."""
        # The policies see no more frames than this to pick from.
        super().reset(state, generator, min(contexts, WINDOW - 1))
        step = max(1, CHUNK // state.frames[0].numel())
        parts = torch.arange(state.length).split(step)
        self.cells = torch.cat([self._encode(state, part) for part in parts])
        covers = [F.adaptive_avg_pool2d(state.masks[part].float(), CELL)[:, 0] for part in parts]
        self.cover = torch.cat(covers).to(self.device)
        self.known = len(state.edits)

    @torch.inference_mode()
    def select(self, state: RepairState) -> Edit:
        """Ask π1, then π2 for each context."""
        changed = [edit.frame for edit in state.edits[self.known :]]
        self.known = len(state.edits)
        if changed:
            self.cells[changed] = self._encode(state, torch.tensor(changed))
        first = max(0, min(int(state.pending.int().argmax()) - BEHIND, state.length - WINDOW))
        window = slice(first, min(first + WINDOW, state.length))
        past = self._past(state, window)
        action = torch.full((1, 1 + self.contexts), -1, device=self.device)
        view: View | None = None
        sight = torch.empty(0)
        first_policy, second_policy = self.agent.frame_policy, self.agent.context_policy
        glance: Glance | None = None
        for role in range(1 + self.contexts):
            observation = observe(past, action, role, view)
            if role == 1:
                glance = second_policy.glance(observation)
            if role > self.agent.config.contexts:
                logits = _by_rule(observation)
            else:
                logits = second_policy.logits(observation, glance) if role else first_policy.logits(observation)
            action[:, role] = logits.masked_fill(~observation["mask"], -torch.inf).argmax(1)
            if role == 0:
                i = first + int(action[0, 0])
                sight = what_is_seen(self.session, state, i, first, window.stop)
                view = look(self._shown(state, i), sight[None].to(self.device))
        worth = quality(sight[action[0, 1:].to(sight.device)]).cpu()
        frame, *contexts = (first + int(k) for k in action[0])
        return Edit(frame, recalled(self.session, state, frame, tuple(contexts), worth))

    def _past(self, state: RepairState, window: slice) -> Past:
        """The window as it stands, and the actions within it."""
        pending = state.pending[window].to(self.device)
        length = len(pending)
        edited = torch.zeros_like(pending)
        inside = []
        for edit in state.edits[-2 * WINDOW :]:  # older ones have left the window
            if 0 <= edit.frame - window.start < length:
                edited[edit.frame - window.start] = True
                places = [k - window.start for k in (edit.frame, *edit.contexts)]
                inside.append([k if 0 <= k < length else -1 for k in places])
        history = torch.full((1, length, 1 + self.contexts), -1, device=self.device)
        if inside:
            history[0, : len(inside)] = torch.tensor(inside, device=self.device)
        count = torch.tensor([len(inside)], device=self.device)
        return Past(self.cells[None, window], self.cover[None, window], edited[None], pending[None], history, count)

    def _shown(self, state: RepairState, frame: int) -> Tensor:
        """The frame to repair and its hole, (1, 4, FRAME_SIDE, FRAME_SIDE); what lies in the hole means nothing."""
        session = self.session
        small = picture(state, frame, FRAME_SIDE) if session is None else session.picture(frame, FRAME_SIDE)
        hole = F.adaptive_avg_pool2d(state.masks[frame, None].float(), FRAME_SIDE)
        return torch.cat([small.to(self.device), hole.to(self.device)], 1)

    def _encode(self, state: RepairState, frames: Tensor) -> Tensor:
        pictures, doubt = (x[frames].to(self.device) / 255 for x in (state.frames, state.doubt))
        return self.encoder(pictures, doubt)


def _by_rule(observation: dict[str, Tensor]) -> Tensor:
    """Scores (1, n) of frames as a further context: what each would add; of those that add the same the nearest."""
    places = torch.arange(observation["mask"].shape[1], device=observation["mask"].device)
    return added_sight(observation) - TIE * (places - observation["target"][:, None]).abs()
