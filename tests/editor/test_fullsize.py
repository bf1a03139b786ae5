import pytest
import torch

from rovr.editor.base import Prepared
from rovr.editor.fullsize import fetch, smooth, smoothly
from rovr.editor.sampling import sample
from rovr.editor.window import Window

SIZE = (60, 91)


def prepared(doubt: torch.Tensor | None = None) -> Prepared:
    chance = torch.Generator().manual_seed(0)
    return Prepared(torch.rand(3, *SIZE, generator=chance), torch.zeros(1, *SIZE) if doubt is None else doubt)


@pytest.mark.parametrize("reach", [3.0, 30.0, 500.0])
def test_fetching_a_part_is_fetching_from_the_whole(reach: float) -> None:
    chance = torch.Generator().manual_seed(1)
    context = prepared((torch.rand(1, *SIZE, generator=chance) > 0.7).float())
    place = Window(20, 10, 30, 24)
    flow = reach * (2 * torch.rand(2, place.height, place.width, generator=chance) - 1)
    known = 1 - context.doubt
    whole = torch.cat([context.frame * known, known])[None]
    corner = torch.tensor([[float(place.x), float(place.y)]])
    assert torch.allclose(
        fetch(context, flow, place), sample(whole, flow[None], corner, padding="zeros"), atol=1e-4 * max(reach / 10, 1)
    )


def test_smooth_fills_holes_and_leaves_the_rest() -> None:
    doubt = torch.zeros(1, *SIZE)
    doubt[:, 20:40, 30:50] = 1
    target = prepared(doubt)
    target.frame[:] = torch.where(doubt > 0, 0.0, 0.5)
    assert torch.allclose(smooth(target, Window(26, 16, 30, 28)), torch.tensor(0.5), atol=1e-4)


def test_smooth_reaches_a_pixel_beyond_odd_frames() -> None:
    place = Window(80, 50, 12, 10)  # the frame ends at 91
    assert smooth(prepared(), place).shape == (1, 3, 10, 12)


def test_smoothly_keeps_what_is_outside() -> None:
    mask = torch.zeros(1, *SIZE, dtype=torch.bool)
    mask[:, 30:, 60:] = True
    target = prepared(mask.float())
    repair = smoothly(target, mask)
    assert torch.equal(repair.frame[:, ~mask[0]], target.frame[:, ~mask[0]])
    assert torch.equal(repair.doubt, mask.float())
