"""The exported networks say what the originals say, at sizes and numbers that the export never saw."""

import json
import pickle
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from conftest import moving_texture

from rovr.cli import main
from rovr.editor.aligned import AlignedEditor
from rovr.editor.loading import load_editor
from rovr.editor.motion import CHANNELS
from rovr.editor.onnx import FUSION, MOTION, OnnxNet
from rovr.editor.views import Fusion, Views
from rovr.errors import UserError
from rovr.export import CONTEXT_POLICY, FRAME_POLICY
from rovr.restorer import Restorer
from rovr.resume import describe_job

for package in ("onnxruntime", "onnxscript"):
    # Not imported, which takes a second, by every process that collects the tests.
    if find_spec(package) is None:
        pytest.skip(f"needs {package}", allow_module_level=True)

SIDE = 64

# PyTorch's exporter takes half a minute for the fusion network, and much longer on a busy machine.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    assert main(["export", "-o", str(folder), "--part", "editor", "--quiet"]) == 0
    return folder


@pytest.fixture(scope="module")
def both(exported):
    plain = load_editor("aligned")
    assert isinstance(plain, AlignedEditor)
    plain.bf16 = False
    return plain, load_editor("aligned-onnx", weights=exported)


@pytest.mark.parametrize("size", [(1, 32, 32), (3, 33, 47), (2, 9, 31)])
def test_motion_of_any_size(both, size):
    batch, height, width = size
    clues = torch.rand(batch, CHANNELS, height, width)
    with torch.inference_mode():
        for plain, onnx in zip(*(editor.net.motion(clues) for editor in both), strict=True):
            assert plain.shape == onnx.shape
            assert float((plain - onnx).abs().max()) < 1e-4


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("half", [(24, 40), (33, 17)])
def test_fusion_of_any_size_and_number_of_contexts(both, count, half):
    (height, width), chance = half, torch.Generator().manual_seed(0)

    def draw(*size: int) -> torch.Tensor:
        return torch.rand(*size, generator=chance)

    views = Views(
        draw(1, 3, 2 * height, 2 * width),
        (draw(1, 1, 2 * height, 2 * width) > 0.5).float(),
        draw(1, count, 3, 100, 90),
        (draw(1, count, 1, 100, 90) > 0.3).float(),
        20 * draw(1, count, 2, height, width) - 10,
        draw(1, count, 1, height, width),
        torch.tensor([[2, 4]]),
    )
    with torch.inference_mode():
        plain, onnx = (editor.net(views) for editor in both)
    for field in fields(Fusion):
        gap = getattr(plain, field.name) - getattr(onnx, field.name)
        assert float(gap.abs().max()) < 1e-3, field.name


@pytest.mark.parametrize("side", [SIDE, 320])  # the second is larger than the editor's working size
def test_the_same_video(both, side):
    frames = torch.from_numpy(moving_texture(4, side, side)).permute(0, 3, 1, 2).contiguous()
    masks = torch.zeros(4, side, side, dtype=torch.bool)
    for k in range(4):
        masks[k, side // 4 : side // 2, side // 8 + 9 * k : side // 4 + 9 * k] = True
    plain, onnx = (Restorer.from_pretrained(editor, device="cpu").restore(frames, masks) for editor in both)
    assert int((plain.frames.int() - onnx.frames.int()).abs().max()) <= 1
    assert plain.edits == onnx.edits
    assert not torch.equal(plain.frames, frames)
    assert float((plain.doubt - onnx.doubt).abs().max()) < 0.01


def test_by_the_command_line(exported, video, hole, tmp_path, capsys):
    args = [
        "restore",
        str(video(count=4)),
        "--mask",
        str(hole),
        "--device",
        "cpu",
        "--quiet",
        "--editor",
        "aligned-onnx",
    ]
    assert main([*args, "-o", str(tmp_path / "out.mp4"), "--weights", str(exported), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["editor"] == "aligned-onnx"
    for more, says in ([], "rovr export"), (["--weights", str(tmp_path)], "rovr export"):
        assert main([*args, "-o", str(tmp_path / "no.mp4"), *more]) == 2
        assert says in capsys.readouterr().err
    assert main(["export", "-o", str(exported)]) == 2
    assert "--overwrite" in capsys.readouterr().err


def test_a_damaged_file_is_said_to_be(exported, tmp_path):
    for path in exported.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match="damaged"):
        load_editor("aligned-onnx", weights=tmp_path)


def test_it_travels_to_other_processes(both):
    clues = torch.rand(1, CHANNELS, 32, 32)
    again = pickle.loads(pickle.dumps(both[1]))
    assert torch.equal(again.net.motion(clues)[0], both[1].net.motion(clues)[0])


def test_another_export_is_another_job(monkeypatch, tmp_path):
    """Else ``--resume`` would go on with the blocks that other networks repaired."""
    monkeypatch.setattr(OnnxNet, "_open", lambda net: None)
    info = SimpleNamespace(path=tmp_path, width=64, height=48)
    jobs = []
    for number, weights in enumerate((b"these", b"those", b"these")):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / MOTION).write_bytes(b"the same")
        (folder / FUSION).write_bytes(weights)
        restorer = Restorer.from_pretrained("aligned-onnx", "nearest", "cpu", weights=folder)
        jobs.append(describe_job(restorer, info, None, [])["the editor's weights"])
    assert jobs[0] == jobs[2] != jobs[1]


def test_a_file_in_place_of_the_folder_is_one_line(tmp_path, capsys):
    (tmp_path / "editor.onnx").write_bytes(b"another program's")
    assert main(["export", "-o", str(tmp_path / "editor.onnx")]) == 2
    assert "editor.onnx is a file; give a folder with -o" in capsys.readouterr().err


@pytest.mark.parametrize("args", [["--part", "agent", "--weights", "w"], ["--part", "editor", "--agent", "a"]])
def test_what_would_not_be_written_is_refused(tmp_path, capsys, args):
    assert main(["export", "-o", str(tmp_path / "e"), *args]) == 2
    assert f"{args[1]}; leave out one of the two" in capsys.readouterr().err
    assert not (tmp_path / "e").exists()


def test_by_default_everything_that_ships_is_written(monkeypatch, tmp_path):
    """Networks are not really written here, which takes a minute; the other tests do."""
    monkeypatch.setattr("rovr.export.write", lambda network, path: path.write_text(path.name))
    assert main(["export", "-o", str(tmp_path), "--frames", "6", "--quiet"]) == 0
    facts = json.loads((tmp_path / "export.json").read_text())
    assert facts["files"] == sorted((MOTION, FUSION, FRAME_POLICY, CONTEXT_POLICY))
    assert facts["files"] == sorted(path.name for path in tmp_path.glob("*.onnx"))
    assert facts["frames"] == 6
