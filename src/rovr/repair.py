"""The decision process in inference: select, edit, record, until every damaged frame is repaired."""

from collections.abc import Callable
from operator import index
from threading import RLock
from typing import Any

import torch

from rovr.editor.base import Editor
from rovr.errors import UserError
from rovr.mdp.state import RepairState
from rovr.provenance.tracker import Tracker
from rovr.select.base import Selector
from rovr.texture import Weaver
from rovr.types import Edit, is_count

CACHE_PIXELS = 4 * 2**20
"""Pixels of frames that are kept as the editor prepared them, about 48 bytes each."""


def check_counts(contexts: int, passes: int) -> None:
    """Refuse numbers that no repair can be made with.

    Raises:
        UserError: naming it.
    """
    if not is_count(contexts):
        raise UserError(f"{contexts} contexts: a repair has to look at one frame at least, or a whole number of more.")
    if not is_count(passes):
        raise UserError(f"{passes} passes: a frame has to be repaired once at least, or a whole number of times.")


class Repairer:
    """Runs one editor under one selector on clips that fit in memory, one at a time: threads take turns.

    Args:
        editor: Γ.
        selector: the policies π1 and π2, learned or written by hand.
        contexts: K, frames to look at per repair.
        passes: times that each damaged frame is repaired. When the first pass repairs a frame, most others have holes
            yet; the next one finds them repaired, and measures motion on them again. Every second pass goes back
            through time.
        texture: whether what no frame shows is given texture (:mod:`rovr.texture`).

    Raises:
        UserError: contexts or passes that are no whole number from 1 on.
    """

    def __init__(
        self, editor: Editor, selector: Selector, contexts: int = 2, passes: int = 1, texture: bool = False
    ) -> None:
        check_counts(contexts, passes)
        self.editor = editor
        self.selector = selector
        # NumPy's whole numbers cannot be written down as JSON.
        self.contexts = int(contexts)
        self.passes = int(passes)
        self.texture = texture
        # A selector keeps the clip that it chooses for.
        self._lock = RLock()

    def __getstate__(self) -> dict[str, Any]:
        """Without the lock, which does not travel to other processes."""
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """With a new one."""
        self.__dict__.update(state, _lock=RLock())

    @torch.inference_mode()
    def run(
        self,
        state: RepairState,
        generator: torch.Generator,
        on_edit: Callable[[Edit], None] | None = None,
        tracker: Tracker | None = None,
        on_early: Callable[[Edit], None] | None = None,
        plain: bool = False,
    ) -> RepairState:
        """Repair every pending frame of the state, in place.

        Args:
            state: the clip; its edits are those of the last pass in the end.
            generator: source of chance for selectors that sample.
            on_edit: called after each edit of the last pass, with indices of the state as it stands then.
            tracker: follows where the repaired pixels come from.
            on_early: called after each edit of the passes before the last, likewise.
            plain: whether to leave texture out.

        Raises:
            UserError: the selector chose a frame that is not pending, contexts that are none, or what is no Edit.
        """
        with self._lock:
            damaged = state.pending.clone()
            for number in range(self.passes):
                if number:
                    # What was pending turns with all else.
                    state.edits, state.pending = [], damaged
                    _turn(state, tracker)
                    damaged = state.pending.clone()
                told = on_edit if number == self.passes - 1 else on_early
                self._pass(state, generator, told, tracker, number > 0, self.texture and not plain)
            if self.passes % 2 == 0:
                _turn(state, tracker)
            return state

    def _pass(
        self,
        state: RepairState,
        generator: torch.Generator,
        on_edit: Callable[[Edit], None] | None,
        tracker: Tracker | None,
        again: bool,
        texture: bool,
    ) -> None:
        """Repair every pending frame once."""
        room = max(self.contexts + 1, CACHE_PIXELS // state.frames[0, 0].numel())
        session = self.editor.session(state, room)
        session.traced = tracker is not None
        weaver = Weaver(session, state) if texture else None
        self.selector.attend(session)
        try:
            self.selector.reset(state, generator, self.contexts)
            while not state.done:
                edit = self._checked(self.selector.select(state), state)
                if again:
                    state.reopen(edit.frame)
                    session.forget(edit.frame)
                repair = session.edit(edit.frame, state.masks[edit.frame], edit.contexts)
                if weaver is not None:
                    repair = weaver.weave(edit.frame, repair)
                state.record(edit, repair.frame, repair.doubt)
                if tracker is not None:
                    tracker.record(edit, repair.sources, state.masks)
                session.forget(edit.frame)
                if on_edit is not None:
                    on_edit(edit)
        finally:
            # Whoever keeps a selector must not keep a clip's memory with it.
            self.selector.attend(None)

    def _checked(self, edit: Edit, state: RepairState) -> Edit:
        """Hold a selector of one's own to its word: a frame that is repaired already would be chosen for ever."""
        name = self.selector.name
        try:
            # No two tensors are the same key, and editors keep by its number what they found out about a frame.
            edit = Edit(index(edit.frame), tuple(map(index, edit.contexts)))
        except (AttributeError, TypeError):
            says = f"the selector {name} chose {edit}, which is no Edit of whole numbers; mend its select"
            raise UserError(says) from None
        if not (0 <= edit.frame < state.length and state.pending[edit.frame]):
            raise UserError(f"the selector {name} chose frame {edit.frame}, which is not pending; mend its select")
        wrong = [c for c in edit.contexts if c == edit.frame or not 0 <= c < len(state.frames)]
        if wrong:
            raise UserError(
                f"the selector {name} chose {wrong[0]} as a context of frame {edit.frame}, "
                f"which has to be another of the {len(state.frames)} frames; mend its select"
            )
        return edit


def _turn(state: RepairState, tracker: Tracker | None) -> None:
    places = state.turn()
    if tracker is not None:
        tracker.turn(places)
