"""Learn a see-through logo that stands still, so that what shines through it need not be made up.

The logo is repaired as a hole first, in frames from all over the video. That tells for each sample about what lay below
it, b, beside what is seen, o; and o = (1 − α) b + α w is a line through such pairs. The repairs err, each in another
way, and the line goes through the middle of them. Dekel et al. (CVPR 2017) learn a watermark likewise from many
pictures, by matting; a video has its own repairs.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from rovr.blocks import Item
from rovr.errors import UserError
from rovr.items import matched, paired
from rovr.outputs import prepared, writing
from rovr.restorer import Restorer
from rovr.translucent.gathered import Gathered
from rovr.types import RATE_UNUSED, frame_rate
from rovr.video.colour import Frame
from rovr.video.fields import Field, choose_fields, woven
from rovr.video.limits import MAX_PIXELS
from rovr.video.masks import Box, Mask, open_masks
from rovr.video.outfile import PendingOutput
from rovr.video.overlay import SUFFIX, Overlay, noise_of
from rovr.video.source import VideoInfo, count_decoded, count_frames, open_source

FRAMES, RUN, STRIDE = 400, 16, 3
"""Frames learned from at most, in runs of so many, every third one: a run shows what is behind the logo elsewhere."""

ROOM = 1 << 26
"""Pixels of the logo that are kept at most, over all frames: of a large one there are fewer frames."""


@dataclass(frozen=True)
class Learned:
    """What came of it.

    Attributes:
        pixels: of the logo.
        hole: how many of them stay a hole.
        frames: that it was learned from, those that show it.
    """

    pixels: int
    hole: int
    frames: int


def learn_overlay(
    path: str | Path,
    mask: str | Path | None,
    out: str | Path,
    *,
    boxes: Sequence[str | Box] = (),
    dilate: int = 0,
    restorer: Restorer | None = None,
    overwrite: bool = False,
    rate: Fraction | float | None = None,
    max_pixels: int = MAX_PIXELS,
    on_start: Callable[[int], None] = lambda frames: None,
    on_frame: Callable[[], None] = lambda: None,
    on_note: Callable[[str], None] = lambda note: None,
) -> Learned:
    """Learn a see-through logo, and write what :func:`rovr.restore_video` takes for a mask.

    Args:
        path: a video, or a folder of frames.
        mask: where the logo is, the same in all frames; as for :func:`rovr.restore_video`.
        out: ``.npz``; appears only when complete.
        boxes: as there; a box may be larger than the logo.
        dilate: pixels to widen it by.
        restorer: repairs the logo as a hole; by default the one that comes with ROVR.
        overwrite: whether an output that exists may be replaced.
        rate: frames per second of a folder.
        max_pixels: that a frame may have.
        on_start: told how many frames are going to be repaired.
        on_frame: called after each of these.
        on_note: called with each sentence the user should hear.

    Raises:
        UserError: whatever the user has to change; a logo that moves, or that hardly anything shines through.
    """
    if Path(out).suffix.lower() != SUFFIX:
        raise UserError(f"A see-through logo is written as {SUFFIX}; call it {Path(out).with_suffix(SUFFIX)}, say.")
    out, rate = Path(prepared(out)), frame_rate(rate)
    with writing(out), open_source(path, on_note, rate, max_pixels) as source:
        info = source.info
        if rate is not None and info.kind != "folder":
            on_note(RATE_UNUSED)
        inputs = [info.path, *([Path(mask)] if mask else [])]
        masks = open_masks(info, mask, boxes, dilate, on_note)
        if masks.overlay is not None:
            raise UserError(f"{mask} is a see-through logo already; give the mask or the --box of where it is.")
        masks.check_length()
        area = next(iter(masks))
        if not area.any():
            raise UserError("The mask of the first frame has no hole; give one that shows where the logo is.")
        pending = PendingOutput(out, False, overwrite, inputs)
        try:

            def begin() -> Iterator[tuple[Frame, Mask]]:
                with open_source(path, rate=rate, max_pixels=max_pixels) as anew:
                    yield from matched(anew, open_masks(anew.info, mask, boxes, dilate))

            restorer = restorer or Restorer.from_pretrained()
            overlay, frames = _learn(info, area, begin, restorer, on_start, on_frame)
            with pending.partial.open("wb") as file:
                overlay.write(file)
            pending.commit()
        finally:
            pending.discard()
    return Learned(int(overlay.area.sum()), int(overlay.hole.sum()), frames)


def _learn(
    info: VideoInfo,
    area: Mask,
    begin: Callable[[], Iterable[tuple[Frame, Mask]]],
    restorer: Restorer,
    on_start: Callable[[int], None],
    on_frame: Callable[[], None],
) -> tuple[Overlay, int]:
    """The logo, and how many frames it was learned from."""
    total = count_frames(info.path, info.max_pixels) or count_decoded(info.path, info.max_pixels)
    chosen = spread(total, min(FRAMES, ROOM // int(area.sum())))
    on_start(len(chosen))
    fields = choose_fields(info, None, begin)
    pairs = _those(begin(), area, chosen)
    blocks = restorer.blocks(info.width, info.height // (2 if fields else 1))
    # What lies below is learned from what was seen, not from what was made to look well.
    blocks.plain = True
    items = blocks.run(paired(pairs, fields), torch.Generator().manual_seed(0))
    gathered = Gathered(area, info.pix_fmt, noise_of(info.codec), len(chosen))
    for seen, repaired, doubt in _whole(items):
        gathered.add(seen, repaired, doubt)
        on_frame()
    return gathered.overlay(), gathered.frames


def spread(total: int, most: int) -> set[int]:
    """Indices of frames all over a video: all of a short one, of a long one runs with gaps between them.

    Args:
        total: frames of the video.
        most: of which to choose so many at most.
    """
    if total <= most:
        return set(range(total))
    runs = max(1, most // RUN)
    span = STRIDE * RUN
    starts = np.linspace(0, max(0, total - span), runs).astype(int)
    return {int(index) for start in starts for index in range(start, min(start + span, total), STRIDE)}


def _those(pairs: Iterable[tuple[Frame, Mask]], area: Mask, chosen: set[int]) -> Iterator[tuple[Frame, Mask]]:
    """The chosen ones of all frames.

    Raises:
        UserError: one has another mask than the first.
    """
    for index, (frame, mask) in enumerate(pairs):
        if not mask.any():
            continue
        if not np.array_equal(mask, area):
            raise UserError(
                f"The mask of frame {index} is another than that of the first: only a logo that stands still can be "
                "learned. Give one picture or --box."
            )
        if index in chosen:
            yield frame, mask


def _whole(items: Iterable[Item[Frame]]) -> Iterator[tuple[Frame, Frame, NDArray[np.uint8]]]:
    """Each frame as it was, repaired, and its doubt (H, W); fields are woven."""
    parts: list[tuple[Field, NDArray[np.uint8]]] = []
    for item in items:
        if item.doubt is None:
            continue
        made = item.payload.pasted(item.frame.permute(1, 2, 0).numpy(), item.mask[0].numpy())
        doubt = item.doubt[0].numpy()
        if not isinstance(made, Field):
            yield item.payload, made, doubt
            continue
        parts.append((made, doubt))
        if len(parts) == 2:
            whole = np.empty((2 * len(doubt), doubt.shape[1]), np.uint8)
            for field, own in parts:
                whole[field.first :: 2] = own
            yield made.whole, woven([field for field, _ in parts]), whole
            parts.clear()
