"""An object followed by SAM 2: from a folder with a model to masks, with a model that is small and untrained."""

import json
import shutil
from fnmatch import fnmatch
from importlib.util import find_spec

import numpy as np
import pytest
from conftest import write_video
from panned import HEIGHT, WIDTH, colour, pan, shown
from tiny_sam2 import MEMORIES, POINTERS, believe, write

from rovr.cli import main
from rovr.errors import UserError
from rovr.masking import outlining
from rovr.masking.outline import _Outline
from rovr.masking.sam2 import FILES, read_sam2
from rovr.video import open_masks, open_source

pytestmark = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("transformers", "torchvision")), reason="needs the extra 'sam2'"
)

BOX = (30, 20, 24, 24)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write(tmp_path_factory.mktemp("sam2"))


@pytest.fixture
def sam(folder):
    return read_sam2(folder, "cpu")


@pytest.fixture
def clip(tmp_path):
    return write_video(tmp_path / "in.mp4", colour(pan(5)))


@pytest.mark.parametrize(("at", "start"), [(BOX, 0), (BOX, 2), ((40, 30), 1)])
def test_an_outline_is_made_from_a_box_or_a_place(sam, at, start):
    frames = pan(5)
    masks = list(outlining(sam, at, start)(shown(frames)))
    assert [mask.shape for mask in masks] == [(HEIGHT, WIDTH)] * 5
    assert [mask.dtype for mask in masks] == [np.dtype(bool)] * 5
    assert [bool(mask.any()) for mask in masks] == [index >= start for index in range(5)]
    # Pixels and no box: even chance draws other borders than straight ones.
    rows, columns = np.nonzero(masks[-1])
    assert not masks[-1][rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].all()


def test_a_box_and_a_place_are_told_apart(sam):
    one, other = (next(iter(outlining(sam, at)(shown(pan(1))))) for at in (BOX, (40, 30)))
    assert not np.array_equal(one, other)


def test_what_is_lost_is_looked_for_again(sam):
    def frames():
        for frame in shown(pan(8)):
            believe(sam.model, frame.index not in (2, 3, 6))
            yield frame

    lost = []
    masks = list(outlining(sam, BOX, on_lost=lambda *at: lost.append(at))(frames()))
    assert [bool(mask.any()) for mask in masks] == [True, True, False, False, True, True, False, True]
    assert lost == [(2, 2 / 25)]


def test_memory_stays_while_a_video_goes_on_and_masks_are_those_of_full_memory(sam, monkeypatch):
    sessions = []
    begin = sam.processor.init_video_session

    def noted(**options):
        sessions.append(begin(**options))
        return sessions[-1]

    monkeypatch.setattr(sam.processor, "init_video_session", noted)
    frames = pan(20, step=3)

    def sizes(session):
        (outputs,), (tracked,) = session.output_dict_per_obj.values(), session.frames_tracked_per_obj.values()
        kept = (session.processed_frames, session.cache._vision_features, tracked, *outputs.values())
        return [len(one) for one in kept]

    grown, masks = [], []
    for mask in outlining(sam, BOX)(shown(frames)):
        masks.append(mask)
        grown.append(sizes(sessions[0]))
    most = max(MEMORIES, POINTERS) - 1
    assert grown[most:] == [[0, 1, most, 1, most]] * (len(frames) - most)
    monkeypatch.setattr(_Outline, "_forget", lambda self: None)
    full = list(outlining(sam, BOX)(shown(frames)))
    assert sizes(sessions[1]) == [20, 1, 19, 1, 19]
    assert np.array_equal(masks, full)
    assert len({mask.tobytes() for mask in masks}) == len(masks), "the masks depend on the frames"


@pytest.mark.parametrize(
    ("at", "start", "says"),
    [
        (BOX, 9, "only 2 frames"),
        (BOX, -1, "count from 0"),
        ((150, 0, 20, 20), 0, "sticks out"),
        ((400, 3), 0, "outside the 160×96 picture"),
    ],
)
def test_places_that_are_none_are_told(sam, at, start, says):
    with pytest.raises(UserError, match=says):
        list(outlining(sam, at, start)(shown(pan(2))))


@pytest.mark.parametrize(("at", "says"), [(BOX, "--box 30,20,24,24"), ((40, 30), "--click 40,30")])
def test_where_there_is_no_object_it_is_told(sam, at, says):
    believe(sam.model, False)
    with pytest.raises(UserError, match=f"{says}: SAM 2 sees no object there"):
        list(outlining(sam, at)(shown(pan(2))))


def test_weights_that_two_parts_share_may_be_kept_once(folder, sam, tmp_path):
    from safetensors.torch import load_file, save_file

    mine = shutil.copytree(folder, tmp_path / "mine")
    weights = load_file(mine / "model.safetensors")
    shared = weights["shared_image_embedding.positional_embedding"]
    weights["prompt_encoder.shared_embedding.positional_embedding"] = shared.clone()
    masks = []
    for _ in range(2):
        save_file(weights, mine / "model.safetensors", metadata={"format": "pt"})
        masks.append(next(iter(outlining(read_sam2(mine, "cpu"), BOX)(shown(pan(1))))))
        weights.pop("prompt_encoder.shared_embedding.positional_embedding", None)
    assert np.array_equal(*masks)
    assert not np.array_equal(masks[0], next(iter(outlining(sam, BOX)(shown(pan(1))))))


def spoiled(folder, how):
    """A copy of a model that is none any more."""
    if how == "other":
        (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    elif how == "pickle":
        (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    elif how == "cut":
        whole = (folder / "model.safetensors").read_bytes()
        (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    elif how == "partial":
        from safetensors.torch import load_file, save_file

        weights = load_file(folder / "model.safetensors")
        kept = {name: weight for name, weight in weights.items() if not name.startswith("memory_encoder")}
        save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    else:
        (folder / how).unlink()


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("config.json", "holds no SAM 2: it has no config.json"),
        ("processor_config.json", "SAM 2 cannot be read"),
        ("model.safetensors", "no file named model.safetensors"),
        ("pickle", "no file named model.safetensors"),
        ("other", "config.json says 'bert'"),
        ("cut", "SAM 2 cannot be read"),
        ("partial", "weights of SAM 2 are missing"),
    ],
)
def test_a_folder_without_the_model_is_one_line_and_nothing_is_written(folder, clip, tmp_path, capfd, how, says):
    mine = shutil.copytree(folder, tmp_path / "mine")
    spoiled(mine, how)
    before = sorted(tmp_path.iterdir())
    call = ["mask", "follow", str(clip), "--box", "30,20,24,24", "-o", str(tmp_path / "m.mkv"), "--tracker", "sam2"]
    capfd.readouterr()
    assert main([*call, "--tracker-model", str(mine)]) == 2
    said = capfd.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("given", [["--box", "30,20,24,24", "--from", "1"], ["--click", "40,30,1"]])
def test_the_command_writes_outlines(folder, sam, clip, tmp_path, capfd, given):
    out = tmp_path / "m.mkv"
    call = ["mask", "follow", str(clip), *given, "-o", str(out), "--tracker", "sam2", "--device", "cpu"]
    capfd.readouterr()
    assert main([*call, "--tracker-model", str(folder)]) == 0
    said = capfd.readouterr().err
    assert "masks of 5 frames, 4 with a hole" in said
    assert said.count("\n") == 1, "and nothing of the library's own"
    with open_source(clip) as source:
        masks = np.stack(list(open_masks(source.info, out)))
        assert masks.shape == (5, HEIGHT, WIDTH)
    assert [bool(mask.any()) for mask in masks] == [False, True, True, True, True]


def test_a_loss_is_said_once(folder, clip, tmp_path, capfd, monkeypatch):
    from rovr.masking import outline

    step = outline._Outline.step

    def blind(self, image):
        believe(self._sam.model, False)
        return step(self, image)

    monkeypatch.setattr(outline._Outline, "step", blind)
    call = ["mask", "follow", str(clip), "--box", "30,20,24,24", "-o", str(tmp_path / "m.mkv"), "--device", "cpu"]
    assert main([*call, "--tracker", "sam2", "--tracker-model", str(folder)]) == 0
    said = capfd.readouterr().err
    assert said.count("lost at frame 1 (0.04 s); no hole while it is out of sight") == 1
    assert "5 frames, 1 with a hole" in said


def test_no_pickle_is_fetched():
    repository = ["README.md", "config.json", "model.safetensors", "preprocessor_config.json", "processor_config.json"]
    repository += ["sam2.1_hiera_tiny.pt", "sam2.1_hiera_t.yaml", "video_preprocessor_config.json", "training_args.bin"]
    fetched = [name for name in repository if any(fnmatch(name, pattern) for pattern in FILES)]
    assert fetched == [*repository[1:5], "video_preprocessor_config.json"]
