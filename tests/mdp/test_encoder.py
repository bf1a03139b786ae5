import importlib.util

import pytest
import random_weights
import torch
from safetensors.torch import save_file

from rovr.errors import UserError
from rovr.mdp.encoder import load_encoder

needs_torchvision = pytest.mark.skipif(
    importlib.util.find_spec("torchvision") is None, reason="torchvision is not installed"
)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weights of ResNet-50, in both formats."""
    state, folder = random_weights.resnet50(), tmp_path_factory.mktemp("weights")
    save_file(state, folder / "net.safetensors")
    torch.save(state, folder / "net.pt")
    return folder


@pytest.fixture(scope="module")
def resnet(weights):
    return load_encoder("resnet50", weights=weights / "net.safetensors")


def encoder_of(name, request):
    return request.getfixturevalue("resnet") if name == "resnet50" else load_encoder(name)


def pictures(count, height=48, width=64):
    frames = torch.nn.functional.interpolate(torch.rand(count, 3, 6, 8), (height, width), mode="bilinear")
    doubt = torch.zeros(count, 1, height, width)
    doubt[:, :, 10:30, 20:40] = 1
    return frames, doubt


@pytest.mark.parametrize("name", ["editor", "resnet50"])
@pytest.mark.parametrize("size", [(256, 256), (33, 301)])
def test_any_size_gives_the_same_cell(name, size, request):
    cells = encoder_of(name, request)(*pictures(2, *size))
    assert cells.shape == (2, 3, 16, 16)
    assert cells.dtype == torch.float32
    assert not cells.requires_grad
    assert 0.02 < cells.std() < 3
    assert cells.abs().max() < 6


@pytest.mark.parametrize("name", ["editor", "resnet50"])
def test_what_stands_in_a_hole_is_never_used(name, request):
    encoder, (frames, doubt) = encoder_of(name, request), pictures(1)
    other = torch.where(doubt == 1, torch.rand_like(frames), frames)
    assert torch.equal(encoder(frames, doubt), encoder(other, doubt))
    # A repaired pixel counts, however doubtful.
    assert not torch.equal(encoder(frames, doubt * 0.9), encoder(other, doubt * 0.9))


@pytest.mark.parametrize("name", ["editor", "resnet50"])
def test_a_frame_never_depends_on_its_batch_or_mode(name, request):
    encoder, (frames, doubt) = encoder_of(name, request), pictures(2)
    together = encoder(frames, doubt)
    encoder.train()
    assert not any(module.training for module in encoder.modules())
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    apart = torch.cat([encoder(frames[i : i + 1], doubt[i : i + 1]) for i in range(2)])
    assert torch.allclose(together, apart, atol=1e-4)
    assert torch.equal(together, encoder(frames, doubt))


def test_the_channels_of_the_editors_cell():
    frames = torch.full((1, 3, 128, 128), 0.75)
    frames[..., 64:] = (torch.arange(64) // 2 % 2).float()  # stripes on the right half
    doubt = torch.zeros(1, 1, 128, 128)
    doubt[..., :32, :] = 0.25
    luminance, unknown, detail = load_encoder()(frames, doubt)[0]
    assert torch.allclose(luminance[:, :7], torch.tensor(0.5), atol=1e-5)
    assert torch.allclose(luminance[:, 9:].mean(), torch.tensor(0.0), atol=0.05)
    assert torch.equal(unknown[:4], torch.full((4, 16), 0.25))
    assert not unknown[4:].any()
    assert detail[:, :7].abs().max() < 1e-3
    assert detail[:, 9:].min() > 0.8


def test_a_frame_of_which_nothing_is_known_is_encoded_too():
    assert load_encoder()(torch.rand(1, 3, 40, 40), torch.ones(1, 1, 40, 40)).isfinite().all()


def test_weights_may_come_as_pytorchs_too_and_the_seed_decides_the_projection(weights, resnet):
    frames, doubt = pictures(1)
    same = load_encoder("resnet50", weights=weights / "net.pt")
    other = load_encoder("resnet50", weights=weights / "net.pt", seed=1)
    assert torch.equal(same(frames, doubt), resnet(frames, doubt))
    assert not torch.allclose(other.projection, resnet.projection, atol=0.01)
    flat = other.projection.flatten(1)
    assert torch.allclose(flat @ flat.T, torch.eye(3), atol=1e-5)


def test_an_unknown_encoder_is_named():
    with pytest.raises(UserError, match="no encoder is called 'vgg'; choose from editor, resnet50"):
        load_encoder("vgg")


@needs_torchvision
def test_mistakes_with_weights_are_named(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        load_encoder("resnet50", weights=tmp_path / "no.pt")
    for name in ("damaged.pt", "damaged.safetensors"):
        (tmp_path / name).write_bytes(b"\x00" * 100)
    torch.save([1, 2], tmp_path / "list.pt")
    for name in ("damaged.pt", "damaged.safetensors", "list.pt"):
        with pytest.raises(UserError, match="damaged"):
            load_encoder("resnet50", weights=tmp_path / name)
    save_file({"conv1.weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="do not fit ResNet-50"):
        load_encoder("resnet50", weights=tmp_path / "other.safetensors")
