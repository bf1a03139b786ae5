import pytest
import torch
from torch import Tensor

from rovr.editor.aligned import AlignedEditor
from rovr.editor.parts import merged, only, windows
from rovr.editor.window import Window, alike, around

MARGIN = 16


def holes(*boxes: tuple[int, int, int, int], size: tuple[int, int] = (200, 300)) -> Tensor:
    """Boxes as left, top, width, height."""
    mask = torch.zeros(size, dtype=torch.bool)
    for x, y, width, height in boxes:
        mask[y : y + height, x : x + width] = True
    return mask


def test_holes_far_apart_get_windows_of_their_own() -> None:
    found = windows(holes((0, 0, 20, 20), (270, 170, 20, 20)), MARGIN)
    assert found == [Window(0, 0, 36, 36), Window(254, 154, 46, 46)]


@pytest.mark.parametrize(
    "boxes",
    [
        [(50, 50, 40, 40)],
        [(50, 50, 40, 40), (110, 50, 40, 40)],  # margins touch
        [(50, 50, 80, 80), (190, 50, 80, 80)],  # apart, but what lies between costs less than another pass
    ],
)
def test_holes_near_each_other_share_a_window(boxes: list[tuple[int, int, int, int]]) -> None:
    hole = holes(*boxes)
    assert windows(hole, MARGIN) == [around(hole, MARGIN)]


def test_every_missing_pixel_lies_in_one_window_with_its_margin() -> None:
    chance = torch.Generator().manual_seed(0)
    for _ in range(20):
        boxes = [
            tuple(int(torch.randint(0, limit, (), generator=chance)) for limit in (290, 190, 30, 30)) for _ in range(6)
        ]
        hole = holes((5, 5, 3, 3), *[(x, y, w + 1, h + 1) for x, y, w, h in boxes])
        count = torch.zeros(hole.shape, dtype=torch.int32)
        for window in windows(hole, MARGIN):
            assert not any(value % 2 for value in vars(window).values())
            window.crop(count).add_(1)
        assert (count[hole] == 1).all()
        assert (count <= 1).all()
        spread = torch.nn.functional.max_pool2d(hole[None].float(), 2 * MARGIN + 1, 1, MARGIN)[0] > 0
        assert (count[spread] == 1).all()


def test_windows_that_come_to_overlap_are_joined_too() -> None:
    found = merged([Window(0, 0, 10, 100), Window(90, 0, 10, 100), Window(0, 90, 100, 10)])
    assert found == [Window(0, 0, 100, 100)]


def test_parts_of_a_large_mask_add_up_to_it() -> None:
    mask = holes((0, 0, 90, 60), (911, 641, 49, 79), size=(720, 960))[None]
    small = torch.nn.functional.interpolate(mask[None].float(), size=(288, 384), mode="bilinear", antialias=True)
    found = windows(small[0, 0] > 0, 32)
    assert len(found) == 2
    assert torch.equal(sum(only(mask, window).int() for window in found), mask.int())


@pytest.mark.parametrize("size", [(192, 256), (400, 520)])
@torch.inference_mode()
def test_two_holes_are_repaired_like_one_at_a_time(size: tuple[int, int]) -> None:
    height, width = size
    chance = torch.Generator().manual_seed(0)
    frame = torch.nn.functional.avg_pool2d(torch.rand(1, 3, height + 8, width + 8, generator=chance), 9, stride=1)[0]
    one = holes((0, 0, 24, 24), size=size)[None]
    other = holes((width - 30, height - 26, 24, 24), size=size)[None]
    editor = AlignedEditor()
    context = editor.prepare(frame, torch.zeros(1, *size))

    def repaired(mask: Tensor) -> Tensor:
        return editor.edit(editor.prepare(frame, (one | other).float()), mask, [context]).frame

    both = repaired(one | other)
    for mask in (one, other):
        alone = repaired(mask)
        assert torch.allclose(both[:, mask[0]], alone[:, mask[0]], atol=0.02)


def test_windows_of_one_size_hold_every_hole_and_stay_in_the_frame() -> None:
    holes = torch.zeros(3, 31, 41, dtype=torch.bool)
    holes[0, 2:5, 3:20] = holes[1, 20:31, 38:41] = holes[2, 10, 10] = True
    found = alike(holes, 2)
    assert len({(window.width, window.height) for window in found}) == 1
    for hole, window in zip(holes, found, strict=True):
        assert window.crop(hole).sum() == hole.sum()
        assert window.crop(hole).shape == (window.height, window.width)
    assert alike(torch.ones(2, 7, 9, dtype=torch.bool), 4) == 2 * [Window(0, 0, 9, 7)]
