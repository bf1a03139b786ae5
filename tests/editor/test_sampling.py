import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rovr.editor.sampling import halve, push_pull, sample


@given(height=st.integers(1, 33), width=st.integers(1, 33), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=30)
def test_push_pull_keeps_what_is_known_and_stays_within_its_range(height: int, width: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(1, 3, height, width, generator=generator)
    weight = (torch.rand(1, 1, height, width, generator=generator) > 0.5).float()
    filled = push_pull(values, weight)
    assert filled.shape == values.shape
    assert torch.allclose(filled * weight, values * weight, atol=1e-6)
    if weight.any():
        known = values[:, :, weight[0, 0] > 0]
        assert filled.min() >= known.min() - 1e-5
        assert filled.max() <= known.max() + 1e-5


def test_push_pull_continues_a_flat_picture_and_survives_knowing_nothing() -> None:
    weight = torch.zeros(1, 1, 20, 31)
    assert torch.equal(push_pull(torch.ones(1, 2, 20, 31), weight), torch.zeros(1, 2, 20, 31))
    weight[..., 3, 4] = 1
    assert torch.allclose(push_pull(torch.full((1, 2, 20, 31), 0.3), weight), torch.full((1, 2, 20, 31), 0.3))


def test_half_the_size_is_the_mean_of_four_pixels() -> None:
    image = torch.rand(2, 3, 6, 10)
    assert torch.allclose(halve(image), torch.nn.functional.avg_pool2d(image, 2))


def test_sample_without_motion_is_a_crop() -> None:
    image = torch.rand(1, 3, 12, 15)
    window = sample(image, torch.zeros(1, 2, 5, 6), torch.tensor([[4.0, 3.0]]))
    assert torch.allclose(window, image[:, :, 3:8, 4:10], atol=1e-5)


@pytest.mark.parametrize(("padding", "outside"), [("zeros", 0.0), ("border", 1.0)])
def test_sample_follows_the_flow(padding: str, outside: float) -> None:
    image = torch.ones(1, 1, 8, 8)
    image[..., 2, 5] = 7
    flow = torch.zeros(1, 2, 8, 8)
    flow[:, 0], flow[:, 1] = 2, -1
    moved = sample(image, flow, padding=padding)
    assert moved[0, 0, 3, 3] == pytest.approx(7, abs=1e-4)
    assert moved[0, 0, 0, 7] == pytest.approx(outside, abs=1e-4)
