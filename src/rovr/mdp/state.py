"""The state s_t: a clip with the repairs made so far."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from rovr.types import Edit

REACH = 24
"""Frames, each way, over which motion is chained; within them nobody needs a landmark."""


@dataclass
class RepairState:
    """A clip under repair, as selectors see it.

    Attributes:
        frames: (T, 3, H, W) uint8, with the repairs made so far.
        masks: (T, 1, H, W) bool, the holes as they were given.
        doubt: (T, 1, H, W) uint8, 0 = seen by the camera, 255 = missing; repaired pixels lie in between.
        pending: (T,) bool, the frames still to be repaired. Frames without a hole never are.
        edits: the actions so far.
        start: index of frame 0 in the whole video, for selectors that count from its beginning.
        far: indices in the whole video of frames filmed long before or after. They lie behind the T others in all the
            tensors, are never pending, and only selectors that look at them (:attr:`rovr.select.Selector.recalls`) meet
            any.
        landmarks: frames among the T others that represent their scene likewise.
        turned: whether the T frames are in the order of time running backwards.
    """

    frames: Tensor
    masks: Tensor
    doubt: Tensor
    pending: Tensor
    edits: list[Edit] = field(default_factory=list)
    start: int = 0
    far: tuple[int, ...] = ()
    landmarks: tuple[int, ...] = ()
    turned: bool = False

    @classmethod
    def begin(
        cls,
        frames: Tensor,
        masks: Tensor,
        doubt: Tensor | None = None,
        pending: Tensor | None = None,
        start: int = 0,
        far: tuple[int, ...] = (),
        landmarks: tuple[int, ...] = (),
    ) -> "RepairState":
        """Start on a clip.

        Args:
            frames: (T, 3, H, W) uint8; edited in place.
            masks: (T, 1, H, W) bool.
            doubt: as in the class, where some frames were repaired before; by default what the masks say.
            pending: as in the class; by default every frame with a hole.
            start: index of the first frame in the whole video.
            far: as in the class.
            landmarks: as in the class.
        """
        if doubt is None:
            doubt = masks.to(torch.uint8) * 255
        if pending is None:
            pending = masks.flatten(1).any(1)
        return cls(frames, masks, doubt, pending.clone(), start=start, far=far, landmarks=landmarks)

    @property
    def length(self) -> int:
        """Number of frames T, without those far away."""
        return len(self.frames) - len(self.far)

    def afar(self, frame: int) -> tuple[int, ...]:
        """Frames that are compared with a frame directly, since chains of motion from it do not reach so far."""
        landmarks = (index for index in self.landmarks if abs(index - frame) > REACH)
        return (*landmarks, *range(self.length, len(self.frames)))

    def numbered(self, edit: Edit) -> Edit:
        """An edit with indices of the whole video."""
        frame, *contexts = (self.numbers[index] for index in (edit.frame, *edit.contexts))
        return Edit(frame, tuple(contexts))

    @property
    def numbers(self) -> tuple[int, ...]:
        """Indices of all frames in the whole video."""
        own = range(self.start, self.start + self.length)
        return (*(reversed(own) if self.turned else own), *self.far)

    @property
    def done(self) -> bool:
        """Whether every damaged frame has been repaired."""
        return not bool(self.pending.any())

    def turn(self) -> list[int]:
        """Let time run backwards: the last of the T frames becomes the first. Frames stay in the memory they lie in.

        Returns:
            For every index, where that frame lies now; the same the other way round.
        """
        last = self.length - 1
        for i in range(self.length // 2):
            first = self.frames[i].clone()
            self.frames[i], self.frames[last - i] = self.frames[last - i], first
        self.masks, self.doubt, self.pending = (
            torch.cat([x[: self.length].flip(0), x[self.length :]]) for x in (self.masks, self.doubt, self.pending)
        )
        places = [*range(last, -1, -1), *range(last + 1, len(self.frames))]
        self.edits = [Edit(places[edit.frame], tuple(places[c] for c in edit.contexts)) for edit in self.edits]
        self.landmarks = tuple(places[index] for index in self.landmarks)
        self.turned = not self.turned
        return places

    def reopen(self, frame: int) -> None:
        """Make a repaired frame's hole count as missing again."""
        self.doubt[frame] = self.masks[frame].to(torch.uint8) * 255

    def record(self, edit: Edit, frame: Tensor, doubt: Tensor) -> None:
        """Put a repaired frame in its place: the transition to s_{t+1}.

        Args:
            edit: the action taken.
            frame: (3, H, W) float in [0, 1]; what overshoots is cut off.
            doubt: (1, H, W) float in [0, 1].
        """
        # The editor may run on another device than the clip lies on. Beyond white, bytes begin at black again.
        repaired, doubt = ((x * 255).round().clamp(0, 255).to(self.frames.device, torch.uint8) for x in (frame, doubt))
        self.frames[edit.frame] = torch.where(self.masks[edit.frame], repaired, self.frames[edit.frame])
        self.doubt[edit.frame] = doubt
        self.pending[edit.frame] = False
        self.edits.append(edit)
