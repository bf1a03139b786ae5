import pytest
import torch

from rovr.editor.aligned import AlignedEditor
from rovr.editor.base import Prepared
from rovr.editor.fullsize import fetch, settle, smooth, smoothly
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


def test_settling_takes_off_what_a_repair_is_off_beside_the_hole() -> None:
    mask = torch.zeros(1, *SIZE, dtype=torch.bool)
    mask[:, 15:45, 30:70] = True
    target = prepared(mask.float())
    target.frame[:] = torch.where(mask, 0.0, 0.5)
    place = Window(26, 11, 48, 38)
    settled = settle(torch.full((1, 3, 38, 48), 0.6), target, mask, place)[0]
    assert torch.allclose(settled[:, 4, 12:36], torch.tensor(0.5), atol=0.02)  # the first row of the hole
    assert torch.allclose(settled[:, 14:24, 14:34], torch.tensor(0.6))  # far inside


def test_settling_leaves_a_repair_that_fits() -> None:
    mask = torch.zeros(1, *SIZE, dtype=torch.bool)
    mask[:, 15:, 60:] = True
    target = prepared(mask.float())
    place = Window(58, 13, 34, 48)  # one pixel beyond the frame each way
    image = torch.rand(1, 3, 48, 34)
    image[..., :47, :33] = torch.where(mask, image[0, ..., :1, :1], target.frame)[..., 13:, 58:]
    assert torch.allclose(settle(image, target, mask, place), image)


@pytest.mark.parametrize("size", [(321, 433), (300, 500)])
@torch.inference_mode()
def test_thin_scratches_and_odd_edges_of_large_frames(size: tuple[int, int]) -> None:
    mask = torch.zeros(1, *size, dtype=torch.bool)
    mask[:, :, 100] = mask[:, -1:, :] = mask[:, :, -1:] = True
    frame = torch.full((3, *size), 0.7)
    editor = AlignedEditor()
    repair = editor.edit(editor.prepare(frame, mask.float()), mask, [editor.prepare(frame, torch.zeros(1, *size))])
    assert torch.allclose(repair.frame, frame, atol=0.02)
