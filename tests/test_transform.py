"""Repairs inside data loaders: the same in every process, however it was started."""

import pickle
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from conftest import moving_texture
from torch.utils.data import DataLoader, Dataset

import rovr

LENGTH, SIDE = 4, 48


def clip(seed: int) -> dict[str, torch.Tensor]:
    frames = torch.from_numpy(moving_texture(LENGTH, SIDE, SIDE, seed)).permute(0, 3, 1, 2).contiguous()
    masks = torch.zeros(LENGTH, SIDE, SIDE, dtype=torch.bool)
    for k in range(LENGTH):
        masks[k, 10:20, 8 * k : 8 * k + 8] = True
    return {"frames": frames, "masks": masks, "seed": torch.tensor(seed)}


class Clips(Dataset):
    def __init__(self, repair) -> None:
        self.repair = repair

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return self.repair(clip(index))


class ByRestorer:
    """What somebody writes who knows nothing of RestoreTransform."""

    def __init__(self, restorer: rovr.Restorer) -> None:
        self.restorer = restorer

    def __call__(self, sample):
        return {**sample, "frames": self.restorer.restore(sample["frames"], sample["masks"]).frames}


@pytest.fixture(scope="module")
def expected():
    torch.set_num_threads(1)
    restorer = rovr.Restorer.from_pretrained(device="cpu")
    return [restorer.restore(clip(k)["frames"], clip(k)["masks"]).frames for k in range(4)]


@pytest.mark.parametrize("start", ["fork", None])
def test_a_loader_gives_what_a_restorer_gives(start, expected):
    clips = Clips(rovr.RestoreTransform())
    workers = 0 if start is None else 2
    found = list(DataLoader(clips, batch_size=2, num_workers=workers, multiprocessing_context=start))
    frames = torch.cat([batch["frames"] for batch in found])
    assert torch.equal(frames, torch.stack(expected))
    assert torch.cat([batch["seed"] for batch in found]).tolist() == [0, 1, 2, 3]
    assert not torch.equal(frames[0], clip(0)["frames"])


def test_a_restorer_travels_to_workers(expected):
    restorer = rovr.Restorer.from_pretrained(device="cpu")
    # Used before it travels, as somebody does who tries it first.
    restorer.restore(clip(0)["frames"], clip(0)["masks"])
    loader = DataLoader(Clips(ByRestorer(restorer)), batch_size=None, num_workers=1, multiprocessing_context="spawn")
    assert all(torch.equal(sample["frames"], frames) for sample, frames in zip(loader, expected, strict=True))


def test_keys_doubt_and_options(expected):
    transform = rovr.RestoreTransform("x", "hole", doubt="doubt", editor="telea", selector="nearest")
    transform = pickle.loads(pickle.dumps(transform))
    sample = clip(0)
    done = transform({"x": sample["frames"], "hole": sample["masks"], "name": "a"})
    assert set(done) == {"x", "hole", "doubt", "name"}
    assert done["doubt"].shape == (LENGTH, 1, SIDE, SIDE)
    assert not torch.equal(done["x"], expected[0])
    # What was loaded stays behind, so that little travels.
    assert len(pickle.dumps(transform)) < 1000
    with pytest.raises(rovr.UserError, match="do not fit"):
        transform({"x": sample["frames"], "hole": sample["masks"][:, :9]})


def test_the_example_runs(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for index, frame in enumerate(moving_texture(3, 48, 64)):
            cv2.imwrite(str(tmp_path / name / f"{index}.png"), np.ascontiguousarray(frame[..., ::-1]))
    script = Path(__file__).parents[1] / "examples" / "dataloader.py"
    command = [sys.executable, str(script), str(tmp_path), "--workers", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["a", "b"]
