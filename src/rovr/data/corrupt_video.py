"""Damage a whole video, frame by frame, and keep the masks of what is missing."""

from collections.abc import Callable
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from rovr.data.chance import generator
from rovr.data.corrupt import FILLS, damage, iter_masks
from rovr.data.photometric import Photometric, split_kind
from rovr.errors import UserError
from rovr.outputs import apart, prepared, writing
from rovr.types import check_crf, check_seed
from rovr.video.colour import Frame
from rovr.video.folder import list_images
from rovr.video.limits import MAX_PIXELS
from rovr.video.mask_sink import mask_frame, open_mask_sink
from rovr.video.sink import open_sink
from rovr.video.source import Say, Source, count_decoded, open_source


def corrupt_video(
    video: str | Path,
    out: str | Path,
    mask_out: str | Path,
    kind: str = "shift",
    seed: int = 0,
    *,
    size: tuple[float, float] | None = None,
    speed: tuple[float, float] | None = None,
    shapes: tuple[str, ...] | None = None,
    count: int | None = None,
    fill: str = "grey",
    crf: int = 18,
    lossless: bool = False,
    overwrite: bool = False,
    rate: Fraction | None = None,
    max_pixels: int = MAX_PIXELS,
    say: Say = lambda note: None,
    on_frame: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Write a damaged copy of a video and the video of its masks, both complete or neither.

    The masks are those of :func:`rovr.data.corrupt.make_masks` for this seed at the size at which the video is
    played. The copy keeps time stamps, tags and sound. The mask video is white where something is missing and
    is stored without loss, so that it reads back exactly.

    Args:
        video: a file or a folder of frames.
        out: the damaged video: ``.mp4``, ``.mov``, ``.m4v``, ``.mkv``, or a folder of PNGs.
        mask_out: the masks, likewise.
        kind: of damage, a key of :data:`rovr.data.corrupt.KINDS`, or one with ``+photometric`` behind it: then all of
            the picture flickers and is noisy, too, as in :func:`rovr.data.cases.make_case`.
        seed: of all chance.
        size: option of the kind; None for its default, as for the following.
        speed: option of the kind.
        shapes: option of the kind.
        count: option of the kind.
        fill: what to put into the holes, one of :data:`rovr.data.corrupt.FILLS`.
        crf: quality of H.264, 0 (best) to 51.
        lossless: FFV1 for the damaged video, which is otherwise H.264 throughout.
        overwrite: whether outputs that exist may be replaced.
        rate: frames per second of a folder; a video knows its own.
        max_pixels: that a frame may have.
        say: told what the user should know.
        on_frame: called with the number of frames done and their total.

    Returns:
        Number of frames.

    Raises:
        UserError: an input that cannot be read, an output that cannot be written, or options that do not fit.
    """
    out, mask_out = Path(prepared(out)), Path(prepared(mask_out))
    apart(out, mask_out)
    if fill not in FILLS:
        raise UserError(f"no fill is called '{fill}'; choose from {', '.join(FILLS)}")
    seed = check_seed(seed)
    check_crf(crf)
    given = {"size": size, "speed": speed, "shapes": shapes, "count": count}
    options = {name: value for name, value in given.items() if value is not None}
    with writing(out), ExitStack() as stack:
        source: Source = stack.enter_context(open_source(video, say, rate, max_pixels))
        info = source.info
        width, height = info.shown_size
        # Options are checked before the count, which takes a while.
        name, photometric = split_kind(kind)
        iter_masks(name, 1, height, width, seed, **options)
        total = len(list_images(Path(video))) if Path(video).is_dir() else count_decoded(video, max_pixels)
        weak = Photometric(total, seed) if photometric else None
        masks = iter_masks(name, total, height, width, seed, **options)
        damaged_sink = open_sink(out, info, say, crf=crf, lossless=lossless, overwrite=overwrite)
        stack.callback(damaged_sink.abort)
        mask_sink = open_mask_sink(mask_out, info, overwrite=overwrite)
        stack.callback(mask_sink.abort)
        chance = generator(seed)
        for done, (frame, mask) in enumerate(zip(source, masks, strict=True), start=1):
            if weak is not None:
                frame = _weakened(frame, weak, done - 1)
            damaged_sink.write(_damaged(frame, info.orientation.to_stored(mask), fill, chance))
            mask_sink.write(mask_frame(mask, frame.native))
            on_frame(done, total)
        # Both are complete on disk before either appears.
        for sink in (damaged_sink, mask_sink):
            sink.finish()
            sink.release()
        for sink in (damaged_sink, mask_sink):
            sink.pending.commit()
    return total


def _damaged(frame: Frame, mask: NDArray[np.bool_], fill: str, chance: np.random.Generator) -> Frame:
    pixels = torch.from_numpy(frame.rgb).permute(2, 0, 1)
    filled = damage(pixels, torch.from_numpy(mask)[None], fill, chance)
    return frame.pasted(filled.permute(1, 2, 0).contiguous().numpy(), mask)


def _weakened(frame: Frame, weak: Photometric, index: int) -> Frame:
    """Flicker and noise all over the picture."""
    pixels = torch.from_numpy(frame.rgb).permute(2, 0, 1)
    pixels = weak.noise(weak.flicker(pixels, index)).permute(1, 2, 0)
    return frame.pasted(pixels.contiguous().numpy(), np.ones(frame.rgb.shape[:2], bool))
