import numpy as np
import pytest
import torch
from torch import Tensor

from rovr.editor.motion import CHANNELS, MotionNet, Moves, clues
from rovr.editor.window import Window


def constant(motion: list[Tensor], seen: Tensor, camera: list[Tensor]) -> tuple[Moves, Moves]:
    """Frames that move as a whole; what starts or ends in a hole was not measured."""
    length = len(seen)
    flow = torch.stack(motion)[:, :, None, None].expand(-1, -1, *seen.shape[-2:])
    lens = torch.stack(camera)[:, :, None, None].expand_as(flow)
    none = torch.zeros_like(flow[:1])
    trust = torch.minimum(seen[:-1], seen[1:])
    ahead = Moves(torch.cat([flow, none]), torch.cat([trust, 0 * seen[:1]]), torch.cat([lens, none]))
    back = Moves(torch.cat([none, -flow]), torch.cat([0 * seen[:1], trust]), torch.cat([none, -lens]))
    assert len(ahead.flow) == length
    return ahead, back


def test_what_was_seen_at_other_times_fills_the_hole_better_than_its_rim() -> None:
    # A patch moves by (1, 0) before a still wall; at frame 3 a hole hides the patch, and its rim shows only the wall.
    length, size = 7, 32
    seen = torch.ones(length, 1, size, size)
    seen[3, :, 8:24, 8:24] = 0
    ahead, back = constant([torch.zeros(2)] * (length - 1), seen, [torch.zeros(2)] * (length - 1))
    for moves, sign in ((ahead, 1.0), (back, -1.0)):
        moves.flow[:, 0, 12:20, 12:20] = sign
    onward, homeward = (told.flow for told in clues(ahead, back, seen, torch.zeros_like(seen)))
    inside = (slice(None), slice(13, 19), slice(14, 18))
    assert torch.allclose(onward[3][inside][0], torch.tensor(1.0), atol=0.1)
    assert torch.allclose(homeward[3][inside][0], torch.tensor(-1.0), atol=0.1)


def test_a_shaking_camera_is_taken_off_before_motion_is_remembered() -> None:
    chance = np.random.default_rng(0)
    shake = [torch.tensor(chance.uniform(-3, 3, 2), dtype=torch.float32) for _ in range(6)]
    seen = torch.ones(7, 1, 32, 32)
    seen[:, :, 8:24, 8:24] = 0
    ahead, back = constant(shake, seen, shake)
    onward = next(clues(ahead, back, seen, torch.zeros_like(seen))).flow
    expected = torch.stack(shake)[:, :, None, None].expand(-1, -1, 32, 32)
    assert torch.allclose(onward[:-1], expected, atol=1e-3)


def test_running_backwards_swaps_the_directions() -> None:
    generator = torch.Generator().manual_seed(0)
    parts = [torch.rand(5, c, 16, 16, generator=generator) for c in (2, 1, 2, 2, 1, 2, 1, 1)]
    ahead, back = (Moves(a, (b > 0.4).float(), c) for a, b, c in (parts[:3], parts[3:6]))
    ahead.trust[-1], back.trust[0] = 0, 0
    known, gray = parts[6:]
    onward, homeward = clues(ahead, back, known, gray)
    again_home, again_on = clues(back.reversed(), ahead.reversed(), known.flip(0), gray.flip(0))
    for one, other in ((onward, again_on), (homeward, again_home)):
        assert torch.allclose(one.flow, other.flow.flip(0), atol=1e-5)
        windows = [Window(2, 4, 10, 6), Window(0, 0, 10, 6)]
        assert torch.allclose(one.at([1, 3], windows), other.at([3, 1], windows), atol=1e-5)


@pytest.mark.parametrize("size", [(16, 16), (13, 22)])
def test_an_untrained_network_corrects_nothing(size: tuple[int, int]) -> None:
    correction, doubt = MotionNet()(torch.rand(2, CHANNELS, *size))
    assert correction.shape == (2, 2, *size)
    assert doubt.shape == (2, 1, *size)
    assert not correction.any()
