import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy.linalg import sqrtm

from rovr.errors import UserError
from rovr.metrics import vfid
from rovr.metrics.i3d import I3D, same
from rovr.metrics.vfid import frechet_distance, load_i3d, video_features


def plain_frechet(a, b):
    """As the definition has it, by scipy."""
    apart = a.mean(0) - b.mean(0)
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    return apart @ apart + np.trace(first + second - 2 * sqrtm(first @ second).real)


@pytest.mark.parametrize(("n", "m", "d"), [(30, 40, 5), (200, 200, 12)])
def test_frechet_distance_is_that_of_scipy(n, m, d):
    rng = np.random.default_rng(d)
    a, b = rng.normal(size=(n, d)), rng.normal(0.5, 2, size=(m, d)) @ rng.normal(size=(d, d))
    assert frechet_distance(*map(torch.from_numpy, (a, b))) == pytest.approx(plain_frechet(a, b), rel=1e-6)


def test_frechet_distance_of_known_gaussians():
    base = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    assert frechet_distance(base, base) == pytest.approx(0, abs=1e-4)
    assert frechet_distance(base + torch.tensor([3.0, 0, 4]), base) == pytest.approx(25, abs=1e-3)
    # N(0, s²) and N(0, 1) are (s − 1)² apart in each direction; the sample's variances stand in for 1.
    spread = float(base.double().var(0).sum())
    assert frechet_distance(base * 3, base) == pytest.approx(
        4 * spread + float((2 * base.mean(0)).square().sum()), rel=1e-3
    )


def test_fewer_videos_than_features_are_enough():
    chance = torch.Generator().manual_seed(1)
    few = torch.randn(4, 1024, generator=chance)
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-3)
    assert frechet_distance(few, few + 1) == pytest.approx(1024, rel=1e-3)
    with pytest.raises(UserError, match="at least two"):
        frechet_distance(few[:1], few)


def test_any_network_gives_features():
    def tiny(clips):
        assert clips.shape == (1, 3, 5, 8, 8)
        return torch.cat([clips.mean((2, 3, 4)), clips.amax((2, 3, 4))], 1)

    clip = torch.full((5, 3, 8, 8), 51, dtype=torch.uint8)
    clip[0, 0, 0, 0] = 255
    found = video_features(tiny, clip)
    assert found.shape == (6,)
    assert found[3:].tolist() == pytest.approx([1, 0.2, 0.2])


def test_padding_is_that_of_tensorflow():
    # ceil(7 / 2) = 4 windows of 3 need one row in front and one behind; for 8 one row behind is enough.
    assert same(torch.zeros(1, 1, 1, 7, 8), (1, 3, 3), (1, 2, 2)).shape[2:] == (1, 9, 9)
    edge = same(torch.ones(1, 1, 1, 1, 8), (1, 1, 3), (1, 1, 2))
    assert edge[0, 0, 0, 0].tolist() == [1] * 8 + [0]


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return I3D().eval()


def test_i3d_has_the_layers_of_the_published_weights(network):
    state = network.state_dict()
    # 12.7 million parameters, as published, less the classifier of 400 classes.
    assert sum(p.numel() for p in network.parameters()) == 12_697_264 - 400 * 1025
    assert state["Conv3d_1a_7x7.conv3d.weight"].shape == (64, 3, 7, 7, 7)
    assert state["Mixed_4f.b2b.conv3d.weight"].shape == (128, 32, 3, 3, 3)
    assert state["Mixed_5c.b3b.bn.running_var"].shape == (128,)
    assert video_features(network, torch.zeros(9, 3, 40, 48, dtype=torch.uint8)).shape == (1024,)


def test_i3d_comes_from_a_file(network, tmp_path):
    clip = torch.randint(256, (8, 3, 32, 32), dtype=torch.uint8)
    expected = video_features(network, clip)
    classifier = {"logits.conv3d.weight": torch.zeros(400, 1024, 1, 1, 1), "logits.conv3d.bias": torch.zeros(400)}
    torch.save({**network.state_dict(), **classifier}, tmp_path / "rgb_imagenet.pt")
    save_file(network.state_dict(), tmp_path / "i3d.safetensors")
    for name in ("rgb_imagenet.pt", "i3d.safetensors"):
        assert torch.equal(video_features(load_i3d(str(tmp_path / name)), clip), expected)
    assert load_i3d("none") is None


def test_downloads_are_asked_for_without_running_code(network, monkeypatch):
    asked = {}

    def fetch(url, **options):
        asked.update(options, url=url)
        return network.state_dict()

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fetch)
    assert isinstance(load_i3d("download"), I3D)
    assert asked["url"] == vfid.WEIGHTS
    assert asked["weights_only"] is True


def test_mistakes_are_told(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="no such file"):
        load_i3d(str(tmp_path / "missing.pt"))
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(UserError, match="not the weights of I3D"):
        load_i3d(str(tmp_path / "other.pt"))
    (tmp_path / "text.pt").write_text("no weights")
    with pytest.raises(UserError, match="not the weights of I3D"):
        load_i3d(str(tmp_path / "text.pt"))

    def offline(*args, **options):
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", offline)
    with pytest.raises(UserError, match="no route to host"):
        load_i3d("download")
