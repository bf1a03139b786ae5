import itertools
import math
from pathlib import Path

import pytest
import random_weights
import torch
from safetensors.torch import save_file

from rovr.editor.training.losses import perceptual_weight
from rovr.errors import UserError
from rovr.metrics import hole_error
from rovr.perceptual import PerceptualLoss


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
    loss = PerceptualLoss(random_weights.vgg16(), pool)  # type: ignore[arg-type]
    truth, mask = torch.rand(1, 3, 32, 32), torch.ones(1, 1, 32, 32)
    image = torch.rand(1, 3, 32, 32, requires_grad=True)
    assert loss(truth, truth, mask).item() == pytest.approx(0, abs=1e-6)
    distance = loss(image, truth, mask)
    distance.sum().backward()
    assert distance.item() > 0.01
    assert image.grad is not None
    assert image.grad.abs().sum() > 0
    assert not next(iter(loss.parameters())).requires_grad


def test_perceptual_weights_by_any_usual_name_and_mistakes_with_them(tmp_path: Path) -> None:
    state = random_weights.vgg16()
    torch.save({f"features.{name}": tensor for name, tensor in state.items()}, tmp_path / "vgg.pth")
    save_file(state, tmp_path / "vgg.safetensors")
    save_file(state, tmp_path / "blur.safetensors")
    image, truth, mask = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32), torch.ones(1, 1, 32, 32)
    named, plain, tuned = (
        float(PerceptualLoss.load(tmp_path / name)(image, truth, mask))
        for name in ("vgg.pth", "vgg.safetensors", "blur.safetensors")
    )
    assert named == plain
    assert tuned != plain
    save_file({"0.weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    (tmp_path / "text.pth").write_text("hello")
    for name, words in (("no.pth", "does not exist"), ("other.safetensors", "fit VGG-16"), ("text.pth", "damaged")):
        with pytest.raises(UserError, match=words):
            PerceptualLoss.load(tmp_path / name)


def test_without_a_connection_one_is_told_what_to_do(no_download: None) -> None:
    random_weights.need_torchvision()
    with pytest.raises(UserError, match=r"VGG-16 cannot be downloaded .*--perceptual"):
        PerceptualLoss.load(None)
