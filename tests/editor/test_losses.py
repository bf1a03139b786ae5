import itertools
import math

import pytest
import torch

from rovr.editor.training.losses import perceptual_weight
from rovr.metrics import hole_error
from rovr.perceptual import PerceptualLoss
from rovr.vgg import TAPS, WIDTHS


def test_perceptual_weight_grows_from_zero_to_its_end() -> None:
    weights = [perceptual_weight(step, 100) for step in range(101)]
    assert weights[0] == 0
    assert weights[-1] == pytest.approx(0.9)
    assert weights == sorted(weights)
    assert weights[50] == pytest.approx(0.9 * (math.exp(2.5) - 1) / (math.exp(5) - 1))
    # Exponential: each increment is the one before times the same factor.
    steps = [b - a for a, b in itertools.pairwise(weights)]
    assert steps[40] / steps[39] == pytest.approx(math.exp(0.05))
    assert perceptual_weight(200, 100) == pytest.approx(0.9)


def test_hole_error_counts_hole_pixels_alone() -> None:
    truth, image = torch.zeros(2, 3, 4, 4), torch.ones(2, 3, 4, 4)
    mask = torch.zeros(2, 1, 4, 4)
    mask[0, :, :2] = 1
    image[0, :, :2] = 0.5
    assert hole_error(image, truth, mask).tolist() == pytest.approx([0.25, 0])


@pytest.mark.parametrize("pool", ["max", "blur"])
def test_perceptual_loss_is_zero_for_the_truth_and_passes_gradient(pool: str) -> None:
    generator = torch.Generator().manual_seed(0)
    state, before, index = {}, 3, 0
    for width in WIDTHS:
        if width:
            state[f"{index}.weight"] = torch.randn(width, before, 3, 3, generator=generator) / (9 * before) ** 0.5
            state[f"{index}.bias"] = torch.zeros(width)
            before, index = width, index + 2
        else:
            index += 1
        if index > TAPS[-1]:
            break
    loss = PerceptualLoss(state, pool)  # type: ignore[arg-type]
    truth, mask = torch.rand(1, 3, 32, 32), torch.ones(1, 1, 32, 32)
    image = torch.rand(1, 3, 32, 32, requires_grad=True)
    assert loss(truth, truth, mask).item() == pytest.approx(0, abs=1e-6)
    distance = loss(image, truth, mask)
    distance.sum().backward()
    assert distance.item() > 0.01
    assert image.grad is not None
    assert image.grad.abs().sum() > 0
    assert not next(iter(loss.parameters())).requires_grad
