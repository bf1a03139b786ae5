import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from rovr.data.corrupt import damage
from rovr.editor.aligned import AlignedEditor
from rovr.editor.base import Session
from rovr.editor.batch import BatchSession
from rovr.editor.classical import ClassicalEditor
from rovr.editor.sight import ENOUGH, GRID, coarse, gain, greedy, quality, seek
from rovr.mdp.state import RepairState


def clip(length: int = 7, side: int = 96, shift: int = 3, holed: tuple[int, ...] = ()) -> RepairState:
    """A texture that moves to the left by some pixels a frame, with the same hole in some frames."""
    chance = torch.Generator().manual_seed(0)
    texture = interpolate(torch.rand(1, 3, 40, 80, generator=chance), scale_factor=4.0, mode="bicubic")[0].clamp(0, 1)
    frames = torch.stack([texture[:, 8 : 8 + side, shift * k : shift * k + side] for k in range(length)])
    masks = torch.zeros(length, 1, side, side, dtype=torch.bool)
    masks[list(holed or range(length)), :, 30:60, 36:60] = True
    return RepairState.begin(damage((frames * 255).byte(), masks), masks)


def even_steps(length: int, right: float, error: float = 0.1) -> Tensor:
    """Everything moves by some places of the grid a frame: (1, 2, T, 3, GRID, GRID)."""
    steps = torch.zeros(1, 2, length, 3, GRID, GRID)
    steps[:, 0, :, 0], steps[:, 1, :, 0], steps[:, :, :, 2] = right, -right, error
    return steps


def test_places_are_followed_and_errors_add_up() -> None:
    known = torch.ones(1, 5, GRID, GRID)
    known[0, 3, :, 10:14] = 0
    seen, error = seek(even_steps(5, 2), known, torch.zeros(1, 5, dtype=torch.bool), torch.tensor([1]))[0].unbind(1)
    # Two frames on, what is hidden there lies four places to the left; beyond the picture nothing is seen.
    assert seen[3, :, 6:10].max() < 1e-5
    assert (seen[3, :, 11 : GRID - 5] - 1).abs().max() < 1e-5
    assert seen[3, :, -3:].max() < 1e-5
    assert torch.allclose(error[:, 5, 5], torch.tensor([0.1, 0, 0.1, 0.2, 0.3]))
    assert not seen[1].any()


def test_nobody_looks_beyond_enough_whole_frames() -> None:
    whole = torch.ones(1, 12, dtype=torch.bool)
    whole[0, [0, 2]] = False
    found = seek(even_steps(12, 0), torch.ones(1, 12, GRID, GRID), whole, torch.tensor([0]))
    assert found[0, :, 0].amax((1, 2)).bool().tolist() == [False] + [True] * (ENOUGH + 1) + [False] * (10 - ENOUGH)


def test_the_grid_keeps_motion_in_proportion() -> None:
    step = torch.tensor([4.0, 3.0, 0.5])[None, :, None, None].expand(1, 3, 48, 128)
    assert torch.allclose(coarse(step)[0, :, 7, 7], torch.tensor([1.0, 2.0, 0.5]))


def test_only_what_is_better_than_the_picked_ones_adds() -> None:
    worth = torch.zeros(1, 3, 2, 2)
    worth[0, 0], worth[0, 1, 0], worth[0, 2] = 0.5, 1.0, 0.4
    hole = torch.tensor([[[1.0, 1.0], [0.0, 2.0]]])
    none = torch.zeros(1, 3, dtype=torch.bool)
    assert gain(worth, hole, none).tolist()[0] == pytest.approx([0.5, 0.5, 0.4])
    first = torch.tensor([[True, False, False]])
    assert gain(worth, hole, first).tolist()[0] == pytest.approx([0.0, 0.25, 0.0])


def test_a_surer_match_is_worth_more() -> None:
    assert quality(torch.tensor([[1.0, 0.0], [1.0, 3.0], [0.0, 0.0]])[..., None, None])[:, 0, 0].tolist() == [1, 0.5, 0]


@pytest.mark.parametrize("holed", [(), (2, 3)])
def test_a_session_sees_what_a_batch_sees(holed: tuple[int, ...]) -> None:
    editor, state = AlignedEditor(), clip(12, holed=holed)
    batch, session = BatchSession(editor, [state]), editor.session(state, 3)
    for frame in (2, 3):
        expected = batch.sight(torch.tensor([0]), torch.tensor([frame]))[0]
        assert torch.allclose(session.sight(frame, 0, 12), expected, atol=1e-4)
    part = session.sight(3, 1, 6)
    assert part.shape == (5, 2, GRID, GRID)
    assert torch.allclose(part, session.sight(3, 0, 12)[1:6], atol=1e-4)


def test_motion_brings_the_hidden_place_into_sight() -> None:
    state = clip(7, shift=8)
    hole = torch.nn.functional.adaptive_avg_pool2d(state.masks[3].float(), GRID)
    moving = quality(AlignedEditor().session(state, 3).sight(3, 0, 7))
    still = quality(Session(ClassicalEditor(), state, 3).sight(3, 0, 7))
    none = torch.zeros(1, 7, dtype=torch.bool)
    # The mask stands still and the picture moves on: neighbours show the place, which nobody sees from the masks.
    assert gain(still[None], hole, none).max() < 0.02
    assert gain(moving[None], hole, none).max() > 0.4


def test_a_repaired_frame_is_seen_anew() -> None:
    state = clip(5)
    session = AlignedEditor().session(state, 3)
    before = session.sight(2, 0, 5)[1, 0].sum()
    state.doubt[1] = 0
    assert session.sight(2, 0, 5)[1, 0].sum() == before
    session.forget(1)
    assert session.sight(2, 0, 5)[1, 0].sum() > before


def test_contexts_are_picked_one_by_one_and_the_nearest_first() -> None:
    worth = torch.zeros(2, 5, 2, 2)
    worth[0, [0, 3], 0], worth[0, 4, 1] = 0.9, 0.2
    found = greedy(worth, torch.ones(2, 2, 2), torch.tensor([2, 1]), 3)
    # The first row's frames 0 and 3 show the same half; then 4 adds the other, and then nobody adds anything.
    assert found.tolist() == [[3, 4, 1], [0, 2, 3]]
