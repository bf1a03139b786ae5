import cv2
import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from rovr.evaluate.clips import draw_case
from rovr.evaluate.freeform import SPEED, freeform_masks

SHAPE = (20, 240, 432)


@pytest.mark.parametrize("seed", range(12))
def test_masks_are_one_blob_of_the_size_that_is_asked_for(seed):
    masks = freeform_masks(*SHAPE, True, seed)
    assert masks.shape == (20, 1, 240, 432)
    assert masks.dtype == torch.bool
    for mask in masks[:, 0]:
        count, _ = cv2.connectedComponents(mask.numpy().astype("uint8"))
        assert count == 2
        rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
        # Dilating adds four pixels to either end.
        assert 240 / 3 * 0.35 <= rows.max() - rows.min() <= 240 * 0.775 / 1.1 + 9
        assert 432 / 3 * 0.35 <= columns.max() - columns.min() <= 432 * 0.775 / 1.1 + 9


def test_masks_hide_as_much_as_those_of_the_shared_generator():
    """Matplotlib draws the same outlines on the same canvas, axes, border and all, as that generator does."""
    shares = [freeform_masks(1, *SHAPE[1:], False, seed).float().mean().item() for seed in range(200)]
    drawn = [dilated(with_matplotlib(np.random.default_rng(seed))) for seed in range(60)]
    assert np.mean(shares) == pytest.approx(np.mean(drawn), rel=0.2)
    assert np.percentile(shares, 95) == pytest.approx(np.percentile(drawn, 95), rel=0.3)


def with_matplotlib(rng):
    """A blob as the paper trail describes it, (240, 432) of 0 and 1."""
    figure = Figure()
    axes = figure.add_subplot()
    height, width = rng.integers(80, 240), rng.integers(144, 432)
    count = 3 * rng.integers(6, 9) + 1
    turns = np.linspace(0, 2 * np.pi, count)
    ratio = rng.integers(6, 9) / 10
    points = np.stack([np.cos(turns), np.sin(turns)], 1) * (1 + ratio * rng.uniform(-1, 1, count))[:, None]
    points[-1] = points[0]
    codes = np.full(count, Path.CURVE4)
    codes[0] = Path.MOVETO
    axes.add_patch(PathPatch(Path(points, codes), facecolor="black", linewidth=2))
    axes.set(xlim=(1.1 * points.min(), 1.1 * points.max()), ylim=(1.1 * points.min(), 1.1 * points.max()))
    axes.axis("off")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = cv2.resize(np.asarray(canvas.buffer_rgba())[..., 0].copy(), (int(width), int(height)))
    mask = np.zeros((240, 432), np.uint8)
    mask[:height, :width] = picture == 0
    return mask


def dilated(mask):
    return cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)), iterations=4).mean()


def test_stationary_masks_stand_still_and_moving_ones_begin_where_they_do():
    still, moving = (freeform_masks(*SHAPE, kind, 5) for kind in (False, True))
    assert (still == still[0]).all()
    assert torch.equal(still[0], moving[0])
    assert not torch.equal(still[-1], moving[-1])


def test_masks_move_by_a_few_pixels():
    steps = []
    for seed in range(20):
        masks = freeform_masks(*SHAPE, True, seed)[:, 0].float()
        y = (masks.sum(2) * torch.arange(240)).sum(1) / masks.sum((1, 2))
        x = (masks.sum(1) * torch.arange(432)).sum(1) / masks.sum((1, 2))
        steps.append(torch.hypot(y.diff(), x.diff()))
    first = torch.stack([step[0] for step in steps])
    assert first.max() <= SPEED + 0.1
    assert 0.5 < torch.cat(steps).mean() < 8


def test_a_seed_repeats_the_masks_and_another_does_not():
    assert torch.equal(freeform_masks(*SHAPE, True, 1), freeform_masks(*SHAPE, True, 1))
    assert not torch.equal(freeform_masks(*SHAPE, True, 1), freeform_masks(*SHAPE, True, 2))


def test_damage_goes_by_name_seed_and_kind_alone():
    clip = torch.randint(256, (4, 3, 48, 64), dtype=torch.uint8)
    first = draw_case(clip, "a", 0, "freeform-moving")
    torch.rand(3)
    again = draw_case(clip, "a", 0, "freeform-moving")
    assert torch.equal(first.frames, again.frames)
    assert torch.equal(first.frames.masked_fill(first.masks, 0), clip.masked_fill(first.masks, 0))
    for other in (("b", 0, "freeform-moving"), ("a", 1, "freeform-moving"), ("a", 0, "shift")):
        assert not torch.equal(draw_case(clip, *other).masks, first.masks)
    plain, flickering = (draw_case(clip, "a", 0, kind) for kind in ("shift", "shift+photometric"))
    assert torch.equal(plain.masks, flickering.masks)
    assert not torch.equal(plain.truth, flickering.truth)
