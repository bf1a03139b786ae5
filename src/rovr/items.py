"""Frames of a video with their masks as items to repair, and repaired items as frames of a video.

What is repaired is a frame, or one of the two fields of a frame (:mod:`rovr.video.fields`).
"""

from collections.abc import Callable, Iterable, Iterator

import torch

from rovr.blocks import Item
from rovr.errors import UserError
from rovr.grain import add_grain
from rovr.provenance.output import ProvenanceOutput
from rovr.provenance.trace import Trace, of_fields
from rovr.summary import Summary
from rovr.video.colour import Frame
from rovr.video.fields import Field, split, woven
from rovr.video.masks import Mask, MaskSource, length_error
from rovr.video.outfile import Sink
from rovr.video.source import Source


def matched(source: Source, masks: MaskSource) -> Iterator[tuple[Frame, Mask]]:
    """Pair frames with masks; what lies over all frames is taken off them.

    Raises:
        UserError: their numbers differ, or nothing at all is left to be seen.
    """
    pairs = iter(masks)
    frames = iter(source)
    length, seen = 0, False
    for frame in frames:
        mask = next(pairs, None)
        if mask is None:
            raise length_error(length + 1 + sum(1 for _ in frames), length)
        length += 1
        seen = seen or not mask.all()
        yield masks.lift(frame, mask)
    if not masks.static:
        surplus = sum(1 for _ in pairs)
        if surplus:
            raise length_error(length, length + surplus)
    if not seen:
        raise UserError("The mask covers every pixel of every frame; leave something to learn from.")


def paired(pairs: Iterable[tuple[Frame, Mask]], fields: bool = False) -> Iterator[Item[Frame]]:
    """Frames with their masks, or the fields of both, as they are repaired."""
    for pair in pairs:
        for part, hole in split(*pair) if fields else (pair,):
            pixels = torch.from_numpy(part.beside(hole))
            yield Item(pixels, torch.from_numpy(hole)[None], part, bool(hole.any()))


def write(
    items: Iterable[Item[Frame]],
    sink: Sink,
    summary: Summary,
    on_part: Callable[[], None],
    record: ProvenanceOutput | None,
    grain: bool,
) -> int:
    """Write every frame as it comes from its repair, or from those of its fields, and keep the tally.

    Args:
        items: by :func:`paired`, repaired.
        sink: where frames go.
        summary: keeps the tally.
        on_part: called for each item that needed no repair.
        record: where provenance goes.
        grain: whether repairs get the grain of their surroundings.

    Returns:
        How many repairs there were.
    """
    missing = doubt = 0.0
    repairs, changed = 0, False
    parts: list[tuple[Field, Trace | None]] = []
    for index, item in enumerate(items):
        frame = item.payload
        if item.damaged and item.doubt is not None:
            rgb, hole = item.frame.permute(1, 2, 0).numpy(), item.mask[0].numpy()
            if grain:
                rgb = add_grain(rgb, hole, summary.seed, index)
            frame = frame.pasted(rgb, hole)
            repairs, changed = repairs + 1, True
            summary.contexts = max(summary.contexts, len(item.edit.contexts) if item.edit else 0)
            missing += int(item.mask.sum())
            doubt += float(item.doubt[item.mask].sum()) / 255
        else:
            on_part()
        trace = item.trace
        if isinstance(frame, Field):
            parts.append((frame, trace))
            if len(parts) < 2:
                continue
            frame = woven([field for field, _ in parts]) if changed else frame.whole
            trace = of_fields([(field.first, own) for field, own in parts])
            parts.clear()
        changed = changed or frame.lifted
        sink.write(frame)
        if record is not None:
            record.write(frame, trace)
        summary.frames += 1
        summary.repaired += changed
        summary.lifted += frame.lifted
        changed = False
    summary.hole_share = missing / (summary.frames * summary.width * summary.height)
    summary.mean_doubt = doubt / missing if missing else 0.0
    return repairs
