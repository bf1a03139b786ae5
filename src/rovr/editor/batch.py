"""Repairs of many clips at once, for learners: the same editor, without a loop over clips where time is spent.

What :class:`AlignedSession` does for one clip of any size, this does for B clips of one size within the working size.
Motion is measured and completed clip by clip when the batch begins; each repair after that is one pass of the network
over all clips that ask for one.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from rovr.editor.aligned import AlignedEditor, AlignedSession
from rovr.editor.base import Clip, paste
from rovr.editor.fullsize import MADE_UP
from rovr.editor.learned import MARGIN
from rovr.editor.sampling import push_pull, sample
from rovr.editor.sight import GRID, coarse, seek
from rovr.editor.views import Views
from rovr.editor.window import WORK_SIDE


class BatchSession:
    """B clips under repair.

    Args:
        editor: Γ.
        clips: B clips of the same length and size, of even sides no longer than the working size.

    Raises:
        ValueError: clips of a size that this cannot do.
    """

    def __init__(self, editor: AlignedEditor, clips: Sequence[Clip]) -> None:
        sides = {tuple(clip.frames.shape[-2:]) for clip in clips}
        if len(sides) != 1 or any(side % 2 or side > WORK_SIDE for side in next(iter(sides))):
            raise ValueError(f"clips of one size are needed, of even sides up to {WORK_SIDE}; got {sorted(sides)}")
        self.editor = editor
        frames = torch.stack([clip.frames for clip in clips]).to(editor.device).float() / 255
        doubt = torch.stack([clip.doubt for clip in clips]).to(editor.device).float() / 255
        self.seen = _filled(frames.flatten(0, 1), doubt.flatten(0, 1)).unflatten(0, frames.shape[:2])
        self.steps = torch.stack([self._steps(clip) for clip in clips]).to(editor.device)
        self.rough = coarse(self.steps.flatten(0, 2)).unflatten(0, self.steps.shape[:3])
        self.known = F.adaptive_avg_pool2d(self.seen[:, :, 3], GRID)
        self.whole = ~(doubt > 0).flatten(2).any(2)

    def _steps(self, clip: Clip) -> Tensor:
        """Flow to the next (0) and the previous (1) frame with its expected error, (2, T, 3, h, w)."""
        session = AlignedSession(self.editor, clip, 2)
        length = len(clip.frames)
        ahead = [session.step(i, 1) for i in range(length - 1)]
        back = [session.step(i, -1) for i in range(1, length)]
        # The last and the first frame have no neighbour there; nobody asks.
        return torch.stack([torch.stack([*ahead, ahead[-1]]), torch.stack([back[0], *back])])

    def repeated(self, times: int) -> "BatchSession":
        """Each clip several times in a row, to be repaired in several ways."""
        twin = object.__new__(BatchSession)
        twin.editor = self.editor
        for name in ("seen", "steps", "rough", "known", "whole"):
            setattr(twin, name, getattr(self, name).repeat_interleave(times, 0))
        return twin

    @torch.inference_mode()
    def edit(self, rows: Tensor, frames: Tensor, masks: Tensor, contexts: Tensor) -> tuple[Tensor, Tensor]:
        """Repair a frame in each of R clips, and leave the clips as they are.

        Args:
            rows: (R,) which clips.
            frames: (R,) the frame to repair in each.
            masks: (R, 1, H, W) bool, its hole; never empty.
            contexts: (R, K) frames to look at.

        Returns:
            Repaired frames (R, 3, H, W) in [0, 1] and their doubt (R, 1, H, W).
        """
        target = self.seen[rows, frames]
        flows = torch.stack([self.flow(rows, frames, one) for one in contexts.unbind(1)], 1)
        origin, height, width = _windows(masks)
        base, hole = _crop(target[:, :3], origin, height, width), _crop(masks.float(), origin, height, width)
        others = self.seen[rows[:, None], contexts]
        near = _crop(flows.flatten(1, 2), origin // 2, height // 2, width // 2).unflatten(1, flows.shape[1:3])
        views = Views(base, hole, others[:, :, :3], others[:, :, 3:], near[:, :, :2], near[:, :, 2:], origin)
        with torch.autocast(self.editor.device.type, torch.bfloat16, enabled=self.editor.bf16):
            fusion = self.editor.net(views)
        image, doubt = target[:, :3].clone(), torch.zeros_like(target[:, :1])
        _uncrop(image, fusion.image.float(), origin)
        _uncrop(doubt, fusion.doubt.float().clamp(0, 1), origin)
        return paste(target[:, :3], image, masks), doubt * masks

    def record(self, rows: Tensor, frames: Tensor, images: Tensor, doubt: Tensor) -> None:
        """Put repaired frames in their places; arguments as :meth:`edit` takes and gives them."""
        # Rounded as in a clip of bytes, so that both kinds of session go the same way.
        self.seen[rows, frames] = _filled((images * 255).round() / 255, (doubt * 255).round() / 255)
        self.known[rows, frames] = F.adaptive_avg_pool2d(self.seen[rows, frames, 3], GRID)

    def sight(self, rows: Tensor, frames: Tensor) -> Tensor:
        """What all frames show of one frame of each of R clips, (R, T, 2, GRID, GRID); see :func:`seek`."""
        return seek(self.rough[rows], self.known[rows], self.whole[rows], frames)

    def flow(self, rows: Tensor, frames: Tensor, contexts: Tensor) -> Tensor:
        """Chained flow and its expected error, (R, 3, h, w) in half-size pixels, from frames (R,) to contexts (R,)."""
        way = (contexts > frames).long() * 2 - 1
        distance = (contexts - frames).abs()
        direction = (way < 0).long()
        chained = self.steps[rows, direction, frames]
        for count in range(1, int(distance.max())):
            going = distance > count
            step = self.steps[rows, direction, torch.where(going, frames + way * count, frames)]
            longer = chained + sample(step, chained[:, :2])
            chained = torch.where(going[:, None, None, None], longer, chained)
        return chained


def _filled(frames: Tensor, doubt: Tensor) -> Tensor:
    """Frames with holes filled smoothly, and 1 − doubt: (N, 4, H, W)."""
    return torch.cat([push_pull(frames, (doubt < MADE_UP).float()), 1 - doubt], 1)


def _windows(masks: Tensor) -> tuple[Tensor, int, int]:
    """Windows of one size around each hole: corners (R, 2), x then y, all even; height and width."""
    spans = []
    for axis, limit in ((2, masks.shape[3]), (3, masks.shape[2])):
        covered = masks[:, 0].any(axis - 1)
        first = covered.int().argmax(1)
        last = limit - covered.flip(1).int().argmax(1)
        start = (first - MARGIN).clamp(min=0) // 2 * 2
        stop = (last + MARGIN).clamp(max=limit)
        size = int((stop - start + (stop - start) % 2).max())
        spans.append((torch.minimum(start, start.new_tensor(limit - size)), size))
    (x, width), (y, height) = spans
    return torch.stack([x, y], 1), height, width


def _places(origin: Tensor, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    rows = torch.arange(len(origin), device=origin.device)[:, None, None]
    ys = origin[:, 1, None, None] + torch.arange(height, device=origin.device)[:, None]
    xs = origin[:, 0, None, None] + torch.arange(width, device=origin.device)
    return rows, ys, xs


def _crop(images: Tensor, origin: Tensor, height: int, width: int) -> Tensor:
    rows, ys, xs = _places(origin, height, width)
    return images[rows, :, ys, xs].permute(0, 3, 1, 2)


def _uncrop(images: Tensor, parts: Tensor, origin: Tensor) -> None:
    """Write the windows back, in place."""
    rows, ys, xs = _places(origin, *parts.shape[-2:])
    images.permute(0, 2, 3, 1)[rows, ys, xs] = parts.permute(0, 2, 3, 1)
