"""--wandb: figures arrive, runs go on, and what is wrong is said in one line."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from test_training import TINY, draw, losses

from rovr.editor.training.tracker import ID_FILE, open_tracker
from rovr.editor.training.trainer import Trainer
from rovr.errors import UserError


class Recorder:
    """Stands in for the module wandb."""

    def __init__(self) -> None:
        self.opened: list[dict] = []
        self.told: list[tuple[int, str, float]] = []

    def init(self, **options):
        self.opened.append(options)
        return SimpleNamespace(id=options.get("id", "abc"), log=self._log)

    def _log(self, figures, step):
        self.told += [(step, name, value) for name, value in figures.items()]


def test_every_figure_of_the_log_is_sent_and_a_run_goes_on(tmp_path: Path, monkeypatch) -> None:
    recorder = Recorder()
    monkeypatch.setitem(sys.modules, "wandb", recorder)
    config = replace(TINY, out=tmp_path / "run", steps=4, round_samples=4, wandb="films")
    Trainer(config, draw).run(stop_at=2)
    Trainer(config, draw).run()
    sent = [(str(step), name, f"{value:.6g}") for step, name, value in recorder.told]
    assert sent == losses(config.out)
    assert [opened["project"] for opened in recorder.opened] == ["films", "films"]
    assert "id" not in recorder.opened[0]
    assert recorder.opened[1]["id"] == "abc"
    assert recorder.opened[0]["config"]["steps"] == 4


def test_nothing_is_sent_unless_asked(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)  # any import of it would fail
    assert open_tracker(None, tmp_path, {}) is None
    with pytest.raises(UserError, match=r"pip install 'rovr\[wandb\]'"):
        open_tracker("films", tmp_path, {})
    assert not (tmp_path / ID_FILE).exists()


def test_a_service_that_does_not_answer_is_one_line(tmp_path: Path, monkeypatch) -> None:
    def init(**options):
        raise RuntimeError("no API key\nlong explanation")

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init))
    with pytest.raises(UserError, match=r"no API key\); log in with wandb login, or set WANDB_MODE=offline$"):
        open_tracker("films", tmp_path, {})


def test_the_real_one_writes_offline(tmp_path: Path, monkeypatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    tracker = open_tracker("films", tmp_path / "run", {"steps": 3, "out": tmp_path})
    assert tracker is not None
    tracker(1, {"loss": 0.5})
    tracker(1, {"val/psnr": 30.0})
    tracker.run.finish()
    assert list((tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb"))
    assert (tmp_path / "run" / ID_FILE).read_text() == tracker.run.id
