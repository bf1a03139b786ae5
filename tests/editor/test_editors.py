import pytest
import torch
from torch import Tensor

from rovr.editor.aligned import AlignedEditor
from rovr.editor.base import Editor
from rovr.editor.classical import ClassicalEditor
from rovr.editor.concat import ConcatEditor
from rovr.editor.loading import load_editor
from rovr.editor.sampling import push_pull

EDITORS = [AlignedEditor, ConcatEditor, lambda: ClassicalEditor("telea"), lambda: ClassicalEditor("navier-stokes")]
SIZES = [(64, 64), (37, 53), (8, 9), (1, 40), (340, 450)]


def moving(length: int, height: int, width: int, step: int = 2) -> Tensor:
    """A textured wall under a camera that pans."""
    generator = torch.Generator().manual_seed(0)
    wall = torch.rand(1, 3, height + 8, width + 8 + step * length, generator=generator)
    wall = torch.nn.functional.avg_pool2d(wall, 9, stride=1)
    wall = (wall - wall.min()) / (wall.max() - wall.min())
    return torch.stack([wall[0, :, :, k * step : k * step + width] for k in range(length)])


def hole(height: int, width: int) -> Tensor:
    mask = torch.zeros(1, height, width, dtype=torch.bool)
    mask[:, height // 3 : height // 3 + max(1, height // 4), width // 3 : width // 3 + max(1, width // 4)] = True
    return mask


@pytest.mark.parametrize("make", EDITORS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [0, 1, 2, 3])
@torch.inference_mode()
def test_any_size_and_number_of_contexts_leaves_the_outside_alone(
    make: type[Editor], size: tuple[int, int], count: int
) -> None:
    if size == SIZES[-1] and count == 3:
        pytest.skip("the same path as with two, and slow")
    editor = make()
    frames, mask = moving(count + 1, *size), hole(*size)
    target = editor.prepare(frames[0], mask.float())
    others = [editor.prepare(frame, torch.zeros(1, *size)) for frame in frames[1:]]
    repair = editor.edit(target, mask, others)
    assert torch.equal(repair.frame[:, ~mask[0]], frames[0][:, ~mask[0]])
    assert repair.frame.isfinite().all()
    assert repair.frame.min() >= 0
    assert repair.frame.max() <= 1
    assert repair.doubt.shape == mask.shape
    assert not repair.doubt[~mask].any()
    assert (repair.doubt <= 1).all()


@pytest.mark.parametrize("size", [(96, 128), (600, 640)])
@torch.inference_mode()
def test_untrained_aligned_follows_the_camera_at_any_size(size: tuple[int, int]) -> None:
    frames, mask = moving(3, *size, step=size[1] // 32), hole(*size)
    editor = AlignedEditor()
    seen = torch.zeros(1, *size)
    repair = editor.edit(
        editor.prepare(frames[1], mask.float()), mask, [editor.prepare(frames[k], seen) for k in (0, 2)]
    )
    smooth = push_pull(frames[1][None], 1 - mask[None].float())[0]
    error, floor = (((image - frames[1])[:, mask[0]]).square().mean() for image in (repair.frame, smooth))
    assert error < 0.1 * floor
    assert repair.doubt[mask].mean() < 0.3


@torch.inference_mode()
def test_contexts_that_saw_nothing_leave_doubt() -> None:
    frames, mask = moving(2, 64, 64, step=0), hole(64, 64)
    editor = AlignedEditor()
    blind = editor.prepare(frames[1], mask.float())
    repair = editor.edit(editor.prepare(frames[0], mask.float()), mask, [blind])
    core = torch.zeros_like(mask)
    core[:, 26:32, 26:32] = True
    assert repair.doubt[core].mean() > 0.8


@torch.inference_mode()
def test_flow_that_may_be_off_leaves_as_much_doubt_in_larger_frames() -> None:
    editor, doubts = load_editor("aligned"), []
    # At the working size, and a little above.
    for size in ((288, 320), (290, 322)):
        frames, mask = moving(3, *size, step=7), hole(*size)
        clip = [editor.prepare(frame, mask.float() * (k == 1)) for k, frame in enumerate(frames)]
        doubts.append(float(editor.edit(clip[1], mask, [clip[0], clip[2]]).doubt[mask].mean()))
    assert doubts[1] == pytest.approx(doubts[0], rel=0.25)


@pytest.mark.parametrize("bars", [0, 14])
@pytest.mark.parametrize("size", [(64, 64), (340, 450)])
@torch.inference_mode()
def test_a_frame_missing_as_a_whole_comes_out_as_bright_as_those_beside_it(size: tuple[int, int], bars: int) -> None:
    frames, mask = 0.5 + moving(4, *size) / 2, torch.ones(1, *size, dtype=torch.bool)
    # Of a letterbox the bars may be left.
    mask[:, : size[0] * bars // 64], mask[:, size[0] * (64 - bars) // 64 :] = False, bars == 0
    frames = frames * mask
    editor = load_editor("aligned")
    # One of the frames looked at is missing as well, and tells nothing.
    doubts = torch.tensor([0.0, 1.0, 0.0, 1.0])[:, None, None, None] * mask
    clip = [editor.prepare(frame, doubt) for frame, doubt in zip(frames * (doubts < 1), doubts, strict=True)]
    repair = editor.edit(clip[1], mask, [clip[k] for k in (0, 2, 3)])
    found, true = (float(frame[:, mask[0]].mean()) for frame in (repair.frame, frames[1]))
    assert found == pytest.approx(true, rel=0.08)


def test_hidden_pixels_are_never_used() -> None:
    frames, mask = moving(3, 64, 64), hole(64, 64)
    results = []
    for colour in (0.0, 1.0):
        editor = AlignedEditor()
        painted = [torch.where(mask, colour, frame) for frame in frames]
        with torch.inference_mode():
            prepared = [editor.prepare(frame, mask.float()) for frame in painted]
            results.append(editor.edit(prepared[0], mask, prepared[1:]).frame[:, mask[0]])
    assert torch.equal(*results)
