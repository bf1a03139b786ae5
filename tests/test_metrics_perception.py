import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from rovr.errors import UserError
from rovr.metrics.perception import Lpips, VggDistance, load_perceptual
from rovr.vgg import TAPS, WIDTHS

TORCHMETRICS = importlib.util.find_spec("torchmetrics") and importlib.util.find_spec("torchvision")
needs_torchmetrics = pytest.mark.skipif(not TORCHMETRICS, reason="torchmetrics or torchvision is not installed")
TUNED = Path(os.environ.get("ROVR_DATA", "/nowhere")) / "weights" / "stlpips_vgg16.safetensors"


@pytest.fixture(scope="module")
def state():
    """VGG-16 and heads, drawn at random."""
    chance = torch.Generator().manual_seed(0)
    found, index, before, layer = {}, 0, 3, []
    for width in WIDTHS:
        if not width:
            index += 1
            continue
        spread = (2 / (9 * before)) ** 0.5
        found[f"features.{index}.weight"] = spread * torch.randn(width, before, 3, 3, generator=chance)
        found[f"features.{index}.bias"] = 0.1 * torch.randn(width, generator=chance)
        before, index = width, index + 2
        layer.append((index - 1, width))
    for k, tap in enumerate(TAPS):
        found[f"lin{k}.weight"] = torch.rand(1, dict(layer)[tap], 1, 1, generator=chance)
    return found


@pytest.fixture
def pictures():
    chance = torch.Generator().manual_seed(1)
    coarse = torch.rand(2, 3, 8, 10, generator=chance)
    truth = torch.nn.functional.interpolate(coarse, scale_factor=8, mode="bicubic").clamp(0, 1)
    return (truth + 0.1 * torch.randn(truth.shape, generator=chance)).clamp(0, 1), truth


@needs_torchmetrics
@pytest.mark.timeout(400)  # a minute goes into imports on a busy machine
def test_it_is_lpips_as_torchmetrics_computes_it(state, pictures):
    from rovr._compat import import_torchvision

    import_torchvision()
    from torchmetrics.functional.image.lpips import _LPIPS

    theirs = _LPIPS(net="vgg", pnet_rand=True)
    # Keyed "slice1.0.weight" there, with torchvision's indices too.
    theirs.net.load_state_dict({name: state[f"features.{name.split('.', 1)[1]}"] for name in theirs.net.state_dict()})
    heads = {f"lin{k}.weight": getattr(theirs, f"lin{k}").model[-1].weight.detach() for k in range(len(TAPS))}
    ours = VggDistance({**state, **heads})
    worse, truth = pictures
    with torch.no_grad():
        expected = theirs(worse, truth, normalize=True).flatten()
    assert torch.allclose(ours.distance(worse, truth), expected, rtol=1e-4)


@pytest.mark.parametrize("pool", ["max", "blur"])
def test_distance_of_pictures(state, pictures, pool):
    worse, truth = pictures
    distance = VggDistance(state, pool)
    assert torch.equal(distance.distance(truth, truth), torch.zeros(2))
    near, far = (distance.distance(truth + part * (worse - truth), truth) for part in (0.3, 1.0))
    assert (near < far).all()
    assert (near > 0).all()
    clip = distance.clip((worse * 255).byte(), (truth * 255).byte())
    assert clip == pytest.approx(float(far.mean()), rel=0.05)


@pytest.mark.parametrize("bf16", [False, True])
def test_features_of_the_truth_are_kept_while_there_is_room(state, pictures, monkeypatch, bf16):
    worse, truth = ((part[..., :32, :40] * 255).byte().repeat(2, 1, 1, 1) for part in pictures)
    distance = VggDistance(state, "blur", bf16)
    plain = distance.clip(worse, truth)
    known = distance.remember(truth)
    assert len(known) == 4
    monkeypatch.setattr("rovr.metrics.perception.ROOM", 3 * sum(part.nbytes for part in known[0]))
    few = distance.remember(truth)
    assert len(few) == 3
    for kept in (known, few):
        assert distance.clip(worse, truth, kept) == pytest.approx(plain, rel=1e-3 if bf16 else 1e-5)
        assert distance.clip(truth, truth, kept) == pytest.approx(0, abs=1e-4 if bf16 else 1e-6)
    assert ("bfloat16" in distance.by) is bf16


def test_half_the_precision_tells_the_same(state, pictures):
    exact, fast = (VggDistance(state, "max", bf16).distance(*pictures) for bf16 in (False, True))
    assert torch.allclose(fast, exact, rtol=0.02)


def test_both_kinds_go_by_their_names(state, pictures, tmp_path):
    plain, tuned = tmp_path / "vgg.safetensors", tmp_path / "stlpips.safetensors"
    save_file(state, plain)
    save_file(state, tuned)
    found = [load_perceptual(str(path)) for path in (plain, tuned)]
    assert [(one.key, one.label) for one in found] == [("lpips", "LPIPS"), ("st_lpips", "ST-LPIPS")]
    assert not torch.equal(*(one.distance(*pictures) for one in found))
    save_file(state, plain, metadata={"pool": "blur"})
    assert load_perceptual(str(plain)).key == "st_lpips"
    assert load_perceptual("none") is None


def test_shift_tolerance_is_what_the_weights_are_for(state):
    """Pooling in steps of one pixel and thinning out behind a blur moves less with the picture."""
    chance = torch.Generator().manual_seed(2)
    wall = torch.nn.functional.interpolate(torch.rand(1, 3, 24, 24, generator=chance), scale_factor=3)
    pair = wall[..., :-1, :64], wall[..., :-1, 1:65]
    plain, tolerant = (VggDistance(state, pool).distance(*pair) for pool in ("max", "blur"))
    assert tolerant < plain


@pytest.mark.skipif(not TUNED.is_file(), reason="needs ROVR_DATA with weights/stlpips_vgg16.safetensors")
def test_tuned_weights_judge_as_people_would(pictures):
    judge = load_perceptual(str(TUNED))
    assert judge.label == "ST-LPIPS"
    worse, truth = pictures
    slight = judge.distance(truth + 0.2 * (worse - truth), truth)
    assert (slight < judge.distance(worse, truth)).all()


def test_mistakes_are_told(state, tmp_path):
    with pytest.raises(UserError, match="no such file"):
        load_perceptual(str(tmp_path / "missing.safetensors"))
    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(UserError, match="not VGG-16"):
        load_perceptual(str(tmp_path / "text.safetensors"))
    save_file(
        {name: tensor for name, tensor in state.items() if not name.startswith("lin")}, tmp_path / "bare.safetensors"
    )
    with pytest.raises(UserError, match=r"lin0\.weight"):
        load_perceptual(str(tmp_path / "bare.safetensors"))


@needs_torchmetrics
def test_lpips_without_torchmetrics_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchmetrics", None)
    monkeypatch.setitem(sys.modules, "torchmetrics.image.lpip", None)
    with pytest.raises(UserError, match=r"rovr\[metrics\]"):
        Lpips()


@needs_torchmetrics
def test_lpips_without_its_network_says_where_it_is_missing(monkeypatch):
    def offline(*args, **options):
        raise OSError("no route to host")

    from rovr._compat import import_torchvision

    import_torchvision()
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    with pytest.raises(UserError, match="no route to host"):
        Lpips()


def test_metrics_load_neither_torchvision_nor_torchmetrics():
    code = "import sys, rovr.metrics; print({'torchvision', 'torchmetrics'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "set()"
