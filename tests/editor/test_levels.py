import pytest
import torch

from rovr.editor.aligned import AlignedEditor
from rovr.editor.levels import LIMIT, gains

HEIGHT, WIDTH = 40, 56


def scene() -> tuple[torch.Tensor, torch.Tensor]:
    chance = torch.Generator().manual_seed(0)
    base = 0.2 + 0.3 * torch.rand(1, 3, HEIGHT, WIDTH, generator=chance)
    mask = torch.zeros(1, 1, HEIGHT, WIDTH)
    mask[..., 10:30, 12:40] = 1
    return base, mask


def certain(count: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.ones(1, count, 1, HEIGHT, WIDTH), torch.zeros(1, count, 1, HEIGHT, WIDTH)


def test_the_gain_of_each_channel_is_found() -> None:
    base, mask = scene()
    true = torch.tensor([0.8, 1.0, 1.25]).view(1, 1, 3, 1, 1)
    seen = base[:, None] / true
    assert torch.allclose(gains(base, mask, seen, *certain()), true, rtol=0.02)


def test_what_lies_in_the_hole_or_was_not_seen_bears_no_witness() -> None:
    base, mask = scene()
    known, error = certain()
    seen = base[:, None].clone()
    seen[..., 10:30, 12:40] = 0
    known[..., :5, :] = 0
    seen[..., :5, :] = 1
    assert torch.allclose(gains(base, mask, seen, known, error), torch.tensor(1.0), atol=1e-6)


def test_black_bars_bear_no_witness() -> None:
    base, mask = torch.full((1, 3, HEIGHT, WIDTH), 0.5), torch.ones(1, 1, HEIGHT, WIDTH)
    base[..., :10], mask[..., :10] = 0.01, 0
    seen = base[:, None].clone()
    seen[..., :10] = 0.02
    # The picture is missing as a whole; of ten thousand such pixels the noise alone would decide.
    wide = (x.repeat_interleave(40, -1) for x in (base, mask, seen, *certain()))
    assert torch.equal(gains(*wide), torch.ones(1, 1, 3, 1, 1))


def test_without_witnesses_nothing_changes_and_gains_are_bounded() -> None:
    base, mask = scene()
    known, error = certain()
    assert torch.equal(gains(base, mask, base[:, None] / 3, 0 * known, error), torch.ones(1, 1, 3, 1, 1))
    assert gains(base, mask, base[:, None] / 9, known, error).max() == LIMIT


@pytest.mark.parametrize("size", [(96, 128), (360, 480)])
@torch.inference_mode()
def test_a_darker_context_repairs_as_well(size: tuple[int, int]) -> None:
    chance = torch.Generator().manual_seed(0)
    height, width = size
    frame = torch.nn.functional.avg_pool2d(torch.rand(1, 3, height + 12, width + 12, generator=chance), 13, stride=1)[0]
    frame = (frame - frame.min()) / (frame.max() - frame.min())
    mask = torch.zeros(1, *size, dtype=torch.bool)
    mask[:, height // 3 : height // 2, width // 3 : width // 2] = True
    editor = AlignedEditor()
    target = editor.prepare(frame, mask.float())
    errors = []
    for gain in (1.0, 0.75):
        context = editor.prepare(gain * frame, torch.zeros(1, *size))
        errors.append(float((editor.edit(target, mask, [context]).frame - frame)[:, mask[0]].abs().mean()))
    assert errors[1] < errors[0] + 0.01
