import os
from pathlib import Path

import pytest
import random_weights
import torch
from safetensors.torch import save_file

import rovr._compat
from rovr.errors import UserError
from rovr.flow import DIS, RAFT, load_flow

WEIGHTS = Path(os.environ.get("ROVR_DATA", "/nowhere")) / "weights" / "raft_small.safetensors"


def texture(height, width, seed=0):
    chance = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, height // 4, width // 4, generator=chance)
    return torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1)


def moved(right, down, height=96, width=112):
    """Two frames of a picture that moves."""
    large = texture(height + 32, width + 32)
    first = large[..., 16 : 16 + height, 16 : 16 + width]
    return first, large[..., 16 - down : 16 - down + height, 16 - right : 16 - right + width]


def check_shift(estimator, tolerance, **size):
    first, second = moved(3, -2, **size)
    flow = estimator(first, second)
    assert flow.shape == (1, 2, *first.shape[-2:])
    middle = flow[0, :, 16:-16, 16:-16].flatten(1).median(1).values
    assert (middle - torch.tensor([3.0, -2.0])).abs().max() < tolerance
    return flow


def test_dis_recovers_a_shift():
    check_shift(DIS(), 0.1)
    first, second = ((frame * 255).round().byte() for frame in moved(3, -2))
    assert (DIS()(first, second) - DIS()(first / 255, second / 255)).abs().max() < 0.01


@pytest.mark.parametrize("side", [8, 17, 40])
def test_dis_takes_small_and_odd_frames(side):
    frame = texture(40, 40)[..., :side, :side]
    assert DIS()(frame, frame).abs().max() < 0.5


def test_padding_does_not_move_the_frame():
    first, second = moved(3, -2, height=20, width=26)
    flow = DIS()(first, second)
    assert (flow[0].flatten(1).median(1).values - torch.tensor([3.0, -2.0])).abs().max() < 0.5


def test_a_clip_has_a_flow_less_than_frames():
    frames = texture(64, 64).repeat(4, 1, 1, 1)
    flow = load_flow("dis").clip(frames)
    assert flow.shape == (3, 2, 64, 64)
    assert flow.abs().max() < 0.1
    assert load_flow("dis").clip(frames[:1]).shape == (0, 2, 64, 64)


def test_estimators_say_who_they_are(raft_file):
    assert load_flow("dis").name == "dis"
    assert DIS("fast").name == "dis_fast"
    assert load_flow("raft_small", raft_file).name == "raft_small"


@pytest.fixture(scope="session")
def raft_file(tmp_path_factory):
    """A file of random weights."""
    path = tmp_path_factory.mktemp("raft") / "weights.safetensors"
    save_file(random_weights.raft("small"), path)
    return path


def test_raft_takes_any_size(raft_file):
    raft = RAFT("small", raft_file, batch=2)
    frames = texture(92, 140).repeat(4, 1, 1, 1)
    flow = raft.clip(frames)
    assert flow.shape == (3, 2, 92, 140)
    assert torch.isfinite(flow).all()
    assert raft.clip(frames[:1]).shape == (0, 2, 92, 140)


@pytest.mark.skipif(not WEIGHTS.is_file(), reason="set ROVR_DATA to a folder with weights/raft_small.safetensors")
def test_trained_raft_recovers_a_shift():
    check_shift(load_flow("raft_small", WEIGHTS), 0.5, height=132, width=150)
    check_shift(load_flow("raft_small", WEIGHTS), 0.5)


def test_torchvision_is_imported_once():
    random_weights.need_torchvision()
    first = rovr._compat.import_torchvision()
    declared = len(rovr._compat._declared)
    assert rovr._compat.import_torchvision() is first
    assert len(rovr._compat._declared) == declared


def test_missing_torchvision_is_told_with_the_command(monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(f"No module named '{name}'", name=name)

    monkeypatch.setattr(rovr._compat.importlib, "import_module", absent)
    with pytest.raises(UserError, match="pip install"):
        load_flow("raft_small")


def test_a_torchvision_that_does_not_fit_is_told(monkeypatch):
    def broken(name):
        raise RuntimeError("undefined symbol")

    monkeypatch.setattr(rovr._compat.importlib, "import_module", broken)
    with pytest.raises(UserError, match="does not fit PyTorch"):
        load_flow("raft_small")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda path: load_flow("pwc"), "dis, raft_small, raft_large"),
        (lambda path: DIS("slow"), "ultrafast, fast, medium"),
        (lambda path: RAFT("medium"), "small or large"),
        (lambda path: load_flow("raft_small", path / "none.safetensors"), "does not exist"),
        (lambda path: load_flow("raft_small", path / "other.safetensors"), "torchvision's keys"),
        (lambda path: load_flow("raft_small", path / "text.safetensors"), "damaged"),
        (lambda path: DIS()(torch.zeros(1, 3, 8, 8), torch.zeros(2, 3, 8, 8)), "one size"),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path, call, words):
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(UserError) as caught:
        call(tmp_path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_raft_may_come_as_pytorchs_file_too(tmp_path):
    state = random_weights.raft("small")
    torch.save(state, tmp_path / "raft.pth")
    save_file(state, tmp_path / "raft.safetensors")
    flows = [RAFT("small", tmp_path / name)(*moved(3, -2)) for name in ("raft.pth", "raft.safetensors")]
    assert torch.equal(*flows)


def test_without_a_connection_one_is_told_what_to_do(no_download):
    with pytest.raises(UserError, match=r"raft_small cannot be downloaded .*--flow-weights") as caught:
        load_flow("raft_small")
    assert "\n" not in str(caught.value)
