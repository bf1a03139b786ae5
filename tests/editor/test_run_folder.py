"""The folder of a training run: full, taken, not to be written to, or of another run."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_training import TINY, draw, losses

from rovr.editor.training.trainer import Trainer
from rovr.errors import UserError
from rovr.files import Lock

resource = pytest.importorskip("resource", reason="needs a system that limits the size of files")


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Inside, no file gets larger than so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [60_000, 600_000], ids=["samples", "weights"])
def test_a_full_disk_is_told_and_the_run_goes_on_once_there_is_room(tmp_path: Path, size: int) -> None:
    whole, parts = (replace(TINY, out=tmp_path / name) for name in ("whole", "parts"))
    Trainer(whole, draw).run()
    if size > 60_000:
        Trainer(parts, draw).run(stop_at=2)
    kept = {path.name: path.read_bytes() for path in parts.out.glob("*.[ps][ta]*")}
    with room_for(size), pytest.raises(UserError, match=f"disk takes no larger file while writing {parts.out}"):
        Trainer(parts, draw).run()
    assert {path.name: path.read_bytes() for path in parts.out.glob("*.[ps][ta]*")} == kept
    Trainer(parts, draw).run()
    assert losses(whole.out) == losses(parts.out)
    a, b = (torch.load(c.out / "checkpoint.pt", weights_only=True) for c in (whole, parts))
    assert all(torch.equal(a["average"][name], b["average"][name]) for name in a["average"])


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    config = replace(TINY, out=tmp_path, steps=1)
    other = Lock(tmp_path / ".lock")
    with pytest.raises(UserError, match="another run trains in"):
        Trainer(config, draw).run()
    other.release()
    Trainer(config, draw).run()


def killed(chance: np.random.Generator) -> torch.Tensor:
    """What the system does to a process that takes too much memory."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


@pytest.mark.timeout(120)
def test_a_process_that_is_killed_is_told_and_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="was killed"):
        Trainer(replace(TINY, out=tmp_path, workers=2), killed).run()


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be made"):
        Trainer(replace(TINY, out=tmp_path / "file"), draw)


def test_a_checkpoint_of_other_settings_is_told(tmp_path: Path) -> None:
    config = replace(TINY, out=tmp_path, steps=1)
    Trainer(config, draw).run()
    for name, other in (("editor", "concat"), ("part", "motion"), ("lr", 0.5), ("batch", 1), ("seed", 9)):
        with pytest.raises(UserError, match=rf"is of a run with other settings \({name} was .*, now {other}\)"):
            Trainer(replace(config, out=tmp_path, **{name: other}), draw).run()  # type: ignore[arg-type]
    Trainer(replace(config, steps=2, threads=1), draw).run()  # longer, and with other means, is as well
