"""A logo that stands still: edges that stay where they are while the picture behind them changes, or areas that do.

The median over time of each pixel's gradient keeps the edges of what stands still and loses those of what moves, as
Dekel et al. (CVPR 2017) use it to find watermarks. :mod:`rovr.masking.opaque` finds the areas.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rovr.errors import UserError
from rovr.masking.opaque import MOVES, STRIP, opaque_areas, stillness
from rovr.masking.write import Mask, check_sensitivity, shown
from rovr.types import BLACK, counted
from rovr.video.limits import MAX_PIXELS
from rovr.video.source import count_decoded, count_frames, open_source

# Frames looked at, spread over the video: a gigapixel-second of film need not fit into memory.
SAMPLES = 40
FloatArray = NDArray[np.float32]
# Grey levels a pixel of an edge that counts, at sensitivity 1.
EDGE = 10.0
# Correlation of their gradients from which two frames show the same: a still shot counts once, however long it is.
SAME = 0.5
# Fewest frames that differ.
FEWEST = 5
# The picture is cut into so many cells each way. Where in more than this share of them more than this share of the
# edges stands still, without the largest area found, the camera must be taken to do so, too: a scene stands everywhere.
CELLS, SPREAD, STANDS = 8, 0.2, 0.05
# Mean square of the gradient that makes a cell tell pictures apart, of gradients that are more than noise.
TEXTURE, NOISE = 25.0, 4.0
# Grey levels by which a logo's edges may change more than what is around it. A logo hides the picture; edges of the
# scene that come to rest here and there change more than their surroundings.
RESTLESS = 2.0
# How much stronger an edge must be than it usually strays from its median, at sensitivity 1.
STEADY = 2.0
# Greatest share of the picture that one area of a logo takes, least share of it that is edges, and least strength of
# its edges across the main direction.
LARGEST, SPARSE, ROUND = 0.15, 0.1, 0.15
# Least share of a bar's row or column that is black: a logo may lie in it.
BAR = 0.6
_TINY = 12


def find_logo(
    video: Path,
    sensitivity: float = 1.0,
    rate: Fraction | None = None,
    on_frame: Callable[[], None] = lambda: None,
    max_pixels: int = MAX_PIXELS,
) -> Mask:
    """Find what stands still before a moving picture.

    Args:
        video: a file or a folder of frames.
        sensitivity: 1 by default; 2 finds edges half as strong and half as steady, and opaque areas before what moves
            half as much.
        rate: frames per second of a folder.
        on_frame: called after every frame read.
        max_pixels: that a frame may have.

    Returns:
        (H, W) bool, True = logo.

    Raises:
        UserError: too few frames, a picture that stands still itself, or no logo.
    """
    check_sensitivity(sensitivity)
    return logo_in(_sample(video, rate, on_frame, max_pixels), sensitivity)


def logo_in(frames: NDArray[np.uint8], sensitivity: float = 1.0) -> Mask:
    """The same for frames (T, H, W) in memory."""
    if len(frames) < FEWEST:
        held = f"{counted(len(frames), 'frame')} {'is' if len(frames) == 1 else 'are'}"
        raise UserError(f"A logo is told by what moves behind it, and {held} too few; give {FEWEST} or more.")
    different = _different(frames)
    if len(different) < FEWEST:
        raise _still(f"of {counted(len(frames), 'frame')} looked at, only {len(different)} differ")
    frames = frames[different]
    # Whether the camera stands still is no question of sensitivity.
    change, still = stillness(frames)
    slopes, usual = _lasting(frames, EDGE, STEADY)
    mask, largest = _areas(slopes, change)
    spread = _spread(slopes.any(-1) & ~largest, usual)
    if spread > SPREAD:
        raise _still(f"edges that never move are spread over {spread:.0%} of the picture")
    if sensitivity != 1:
        mask, _ = _areas(_lasting(frames, EDGE / sensitivity, STEADY / sensitivity)[0], change)
    mask |= opaque_areas(change, still, LARGEST, MOVES / sensitivity)
    if not mask.any():
        raise UserError("No logo was found; raise --sensitivity, or give its place with rovr mask draw.")
    return mask


def _still(why: str) -> UserError:
    return UserError(
        f"The camera stands still or hardly moves: {why}, so a logo cannot be told from the scene. Give its place with "
        "rovr mask draw, or rovr restore --box."
    )


def _sample(video: Path, rate: Fraction | None, on_frame: Callable[[], None], max_pixels: int) -> NDArray[np.uint8]:
    """Grey frames (T, H, W), at most SAMPLES, spread evenly."""
    total = count_frames(video, max_pixels) or count_decoded(video, max_pixels)
    wanted = set(np.linspace(0, total - 1, SAMPLES).astype(int).tolist())
    kept = []
    with open_source(video, rate=rate, max_pixels=max_pixels) as source:
        for frame in shown(source):
            if frame.index in wanted:
                kept.append(frame.grey)
            on_frame()
    return np.stack(kept)


def _different(frames: NDArray[np.uint8]) -> list[int]:
    """Indices of the frames that show something else than those before, by the median over the picture's cells.

    The median leaves out a logo, which is in few cells, and what moves before a scene that stands.
    """
    count, _, width = frames.shape
    ends = np.linspace(0, width, CELLS + 1).astype(int)
    cells = []
    for _, slopes in _strips(frames):
        slopes[np.linalg.norm(slopes, axis=-1) < NOISE] = 0
        for left, right in pairwise(ends):
            cell = slopes[:, :, left:right].reshape(count, -1)
            product = cell @ cell.T
            power = np.diag(product)
            if np.median(power) > TEXTURE * cell.shape[1] / 2:
                cells.append(product / np.maximum(np.sqrt(np.outer(power, power)), 1e-6))
    if not cells:
        return list(range(count))
    alike = np.median(cells, 0)
    kept: list[int] = []
    for index in range(count):
        if all(alike[index, other] < SAME for other in kept):
            kept.append(index)
    return kept


def _strips(frames: NDArray[np.uint8]) -> Iterator[tuple[slice, FloatArray]]:
    """Rows and the gradients (T, rows, W, 2) in them, strip by strip; 0 along the edges of black bars."""
    height = frames.shape[1]
    rows, columns = _bar_edges(frames)
    for top in range(0, height, STRIP):
        # A row more on either side, so that strips meet without a seam.
        start, end = max(top - 1, 0), min(top + STRIP + 1, height)
        keep = slice(top - start, top - start + min(STRIP, height - top))
        slopes = np.stack([_slope(frame[start:end])[keep] for frame in frames])
        # What crosses the edge of a bar may be a logo that lies on it; the edge itself is none.
        slopes[:, rows[top : top + STRIP], :, 1] = 0
        slopes[:, :, columns, 0] = 0
        yield slice(top, top + STRIP), slopes


def _lasting(frames: NDArray[np.uint8], edge: float, steady: float) -> tuple[FloatArray, FloatArray]:
    """Gradients (H, W, 2) that stay, 0 elsewhere; share of the frames with an edge (H, W)."""
    _, height, width = frames.shape
    lasting = np.zeros((height, width, 2), np.float32)
    usual = np.zeros((height, width), np.float32)
    for rows, slopes in _strips(frames):
        middle = np.median(slopes, 0)
        stray = np.median(np.linalg.norm(slopes - middle, axis=-1), 0)
        strength = np.linalg.norm(middle, axis=-1)
        stays = (strength > edge) & (strength > steady * stray)
        lasting[rows] = middle * stays[..., None]
        usual[rows] = (np.linalg.norm(slopes, axis=-1) > EDGE).mean(0)
    return lasting, usual


def _spread(stays: Mask, usual: FloatArray) -> float:
    """Share of the cells with edges in which some stay, by where edges stay and how often there are any, (H, W)."""
    stay, all_edges = (
        cv2.resize(np.asarray(each, np.float32), (CELLS, CELLS), interpolation=cv2.INTER_AREA)
        for each in (stays, usual)
    )
    edged = all_edges > 0.01
    return float((stay > STANDS * all_edges)[edged].mean()) if edged.any() else 0.0


def _bar_edges(frames: NDArray[np.uint8]) -> tuple[Mask, Mask]:
    """Rows (H,) and columns (W,) along the edges of black bars above, below and beside the picture.

    These edges stand still, and would join to one area with a logo near them.
    """
    black = np.zeros(frames.shape[1:])
    for frame in frames:
        black += frame <= BLACK
    sides = []
    for share in (black.mean(1) / len(frames), black.mean(0) / len(frames)):
        edges = np.zeros(len(share), bool)
        picture = np.flatnonzero(share < BAR)
        for start in (picture[0], picture[-1] + 1) if len(picture) else ():
            if 0 < start < len(share):
                edges[max(start - 2, 0) : start + 2] = True
        sides.append(edges)
    return sides[0], sides[1]


def _slope(grey: NDArray[np.uint8]) -> FloatArray:
    """Gradient (H, W, 2) in grey levels a pixel."""
    sides = [cv2.Sobel(grey, cv2.CV_32F, dx, 1 - dx, ksize=3, scale=1 / 8) for dx in (1, 0)]
    return np.stack(sides, -1)


def _areas(slopes: FloatArray, change: FloatArray) -> tuple[Mask, Mask]:
    """Areas (H, W) that lasting gradients (H, W, 2) outline and that change little, and that with the most of them."""
    height, width = change.shape
    reach = 2 * max(2, round(min(height, width) / 40)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    lasting: NDArray[np.uint8] = np.asarray(slopes.any(-1), np.uint8)
    padded = cv2.copyMakeBorder(lasting, reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=0)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, kernel)[reach:-reach, reach:-reach]
    outlines, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    mask, largest, most = np.zeros((height, width), bool), np.zeros((height, width), bool), 0
    for outline in outlines:
        area = cv2.drawContours(np.zeros((height, width), np.uint8), [outline], -1, 1, cv2.FILLED)
        here = area > 0
        if here.mean() >= LARGEST or not _is_drawn(slopes[here]):
            continue
        around = cv2.dilate(area, kernel, iterations=2) > cv2.dilate(area, kernel)
        held = here & (lasting > 0)
        if np.median(change[held]) <= np.median(change[around]) + RESTLESS:
            mask |= here
            if held.sum() > most:
                largest, most = here, int(held.sum())
    return mask, largest


def _is_drawn(slopes: FloatArray) -> bool:
    """Whether gradients (N, 2) are those of a drawing: many, and in more than one direction.

    A straight edge that slides along itself seems to stand still, and so does that of a letterbox.
    """
    held = slopes[slopes.any(-1)]
    if len(held) < max(_TINY, SPARSE * len(slopes)):
        return False
    weak, strong = np.linalg.eigvalsh(held.T @ held)
    return bool(weak > ROUND * strong)
