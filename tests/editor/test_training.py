import csv
import signal
from collections.abc import Iterator
from dataclasses import fields, replace
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rovr.cli import main
from rovr.data.cases import make_case
from rovr.editor.aligned import AlignedEditor
from rovr.editor.loading import read_weights, shipped
from rovr.editor.training.config import TrainConfig
from rovr.editor.training.course import Course
from rovr.editor.training.log import TrainLog
from rovr.editor.training.moving import Moving
from rovr.editor.training.repairing import Repairing, choices, draw_contexts
from rovr.editor.training.rounds import _start
from rovr.editor.training.samples import VECTORS, Arrays, SampleStore
from rovr.editor.training.trainer import Trainer
from rovr.editor.views import Views
from rovr.errors import UserError
from rovr.mdp.state import RepairState

TINY = TrainConfig(
    data=(),
    out=Path(),
    steps=6,
    batch=2,
    round_samples=4,
    reuse=2,
    window=32,
    length=4,
    size=64,
    workers=1,
    threads=1,
    log_every=1,
    bf16=False,
)


def draw(chance: np.random.Generator) -> Tensor:
    """A panning texture, (4, 3, 64, 64) uint8."""
    wall = torch.from_numpy(chance.random((1, 3, 72, 96)).astype(np.float32))
    wall = torch.nn.functional.avg_pool2d(wall, 9, stride=1)
    wall = (wall - wall.min()) / (wall.max() - wall.min()) * 255
    return torch.stack([wall[0, :, :, 3 * k : 3 * k + 64] for k in range(4)]).to(torch.uint8)


def losses(folder: Path) -> list[tuple[str, str, str]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return [(row["step"], row["name"], row["value"]) for row in csv.DictReader(file)]


@pytest.mark.parametrize(("editor", "part"), [("aligned", "repair"), ("concat", "repair"), ("aligned", "motion")])
def test_a_killed_run_goes_on_with_the_same_losses(tmp_path: Path, editor: str, part: str) -> None:
    config = replace(TINY, editor=editor, part=part)  # type: ignore[arg-type]
    whole, parts = (replace(config, out=tmp_path / name) for name in ("whole", "parts"))
    Trainer(whole, draw).run()
    # Stop in the first round, then in the second; what is learned after the checkpoint is lost, as in a kill.
    Trainer(parts, draw).run(stop_at=2)
    ahead = Trainer(parts, draw)
    ahead.save = lambda: None  # type: ignore[method-assign]
    ahead.run(stop_at=3)
    Trainer(parts, draw).run(stop_at=5)
    (parts.out / "samples" / "round.json").write_bytes(b'{"round"')  # as if killed at the end of rolling out
    Trainer(parts, draw).run()
    assert losses(whole.out) == losses(parts.out)
    a, b = (torch.load(c.out / "checkpoint.pt", weights_only=True) for c in (whole, parts))
    assert all(torch.equal(a["net"][name], b["net"][name]) for name in a["net"])
    assert part == "motion" or list((whole.out / "pictures").glob("*.png"))


def test_a_run_killed_anywhere_ends_with_the_same_log_weights_and_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(TINY, log_every=3, save_minutes=0)
    whole, parts = (replace(config, out=tmp_path / name) for name in ("whole", "parts"))

    def validate(weights: Path) -> dict[str, float]:
        return {"sum": sum(float(tensor.sum()) for tensor in read_weights(weights).values())}

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    Trainer(whole, draw, validate).run()
    learn = Trainer.learn
    # In the middle of an interval of the log, at the end of the first round, and at the end of all.
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "learn", lambda self, batch: killed() if self.step == 2 else learn(self, batch))
        with pytest.raises(KeyboardInterrupt):
            Trainer(parts, draw, validate).run()
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            Trainer(parts, draw, killed).run()  # type: ignore[arg-type]
        Trainer(parts, draw, validate).run(stop_at=4)
    with monkeypatch.context() as patch:
        patch.setattr("rovr.editor.training.repairing.Repairing.picture", killed)
        with pytest.raises(KeyboardInterrupt):
            Trainer(parts, draw, validate).run()
    Trainer(parts, draw, validate).run()
    assert losses(whole.out) == losses(parts.out)
    assert {step for step, name, _ in losses(whole.out) if name == "val/sum"} == {"4", "6"}
    for name in ("aligned.safetensors", "pictures/000004.png", "pictures/000006.png"):
        assert (whole.out / name).read_bytes() == (parts.out / name).read_bytes()


def test_a_run_that_ended_leaves_no_samples_and_can_still_be_made_longer(tmp_path: Path) -> None:
    config = replace(TINY, editor="concat", lr=0.0)  # which falls towards the end, wherever that is
    whole, longer = (replace(config, out=tmp_path / name) for name in ("whole", "longer"))
    Trainer(whole, draw).run()
    Trainer(replace(longer, steps=5), draw).run()  # in the middle of a round
    assert not (longer.out / "samples").exists()
    Trainer(longer, draw).run()
    assert losses(whole.out) == losses(longer.out)


def test_the_last_steps_are_logged_too(tmp_path: Path) -> None:
    Trainer(replace(TINY, out=tmp_path, steps=3, log_every=2), draw).run()
    assert [step for step, name, _ in losses(tmp_path) if name == "loss"] == ["2", "3"]


def test_lines_of_the_log_that_were_cut_short_are_left_out(tmp_path: Path) -> None:
    log = TrainLog(tmp_path, 0)
    for step in (1, 2, 3):
        log.add({"loss": step / 2})
        log.flush(step, 3)
    log.close()
    with (tmp_path / "metrics.csv").open("a") as file:
        file.write("2,lo\n\0\0\0\n2,psnr,9,later\n2")
    TrainLog(tmp_path, 2).close()
    assert losses(tmp_path) == [("1", "loss", "0.5"), ("2", "loss", "1")]


def test_tensorboard_keeps_the_line_of_the_step_that_a_run_goes_on_from(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for first, last in ((0, 3), (2, 4)):
        log = TrainLog(tmp_path, first)
        for step in range(first + 1, last + 1):
            log.write(step, {"loss": step + first / 10})
        log.close()
    board = EventAccumulator(str(tmp_path)).Reload()
    shown = [(event.step, pytest.approx(event.value)) for event in board.Scalars("loss")]
    assert shown == [(1, 1.0), (2, 2.0), (3, 3.2), (4, 4.2)]


FLIPS = ([1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1])


def stored(folder: Path, course: Course) -> tuple[AlignedEditor, SampleStore]:
    editor = AlignedEditor()
    store = SampleStore(folder / "s", course.fields(TINY), 4, create=True)
    with torch.inference_mode():
        samples: Iterator[Arrays] = course.samples(editor, draw(np.random.default_rng(0)), 1, TINY)
        for index, sample in zip(range(4), samples, strict=False):
            store.write(index, sample)
    return editor, store


def test_mirrored_and_turned_repairs_teach_the_same(tmp_path: Path) -> None:
    editor, store = stored(tmp_path, Repairing())
    errors = []
    for flips in ([0, 0, 0], *FLIPS):
        batch = store.read(np.arange(2), np.array([flips] * 2, bool))
        with torch.no_grad():
            fusion = editor.net(Views(**{f.name: batch[f.name] for f in fields(Views)}))
        gap = (fusion.flows - batch["teacher"]).norm(dim=2)
        errors.append([(fusion.image - batch["truth"]).square().mean().item(), gap.mean().item()])
    # Untrained, the network is a rule that knows no direction.
    assert np.allclose(errors, errors[0], rtol=1e-3)


def test_mirrored_and_turned_motion_is_that_of_a_mirrored_clip(tmp_path: Path) -> None:
    _, store = stored(tmp_path, Moving())
    upright = store.read(np.arange(2), np.zeros((2, 3), bool))
    for flips in FLIPS:
        batch = store.read(np.arange(2), np.array([flips] * 2, bool))
        for name, first in (("correction", 0), *(("clues", k) for k in VECTORS["clues"])):
            back = batch[name][:, first : first + 2]
            if flips[2]:
                back = back.transpose(-1, -2).flip(1)
            if flips[1]:
                back = back.flip(-2) * torch.tensor([1.0, -1.0])[:, None, None]
            if flips[0]:
                back = back.flip(-1) * torch.tensor([-1.0, 1.0])[:, None, None]
            assert torch.equal(back, upright[name][:, first : first + 2])


def test_drawn_contexts_are_others_and_distinct() -> None:
    masks = torch.ones(6, 1, 16, 16, dtype=torch.bool)
    state = RepairState.begin(torch.zeros(6, 3, 16, 16, dtype=torch.uint8), masks)
    for seed in range(30):
        chance = np.random.default_rng(seed)
        picked = draw_contexts(state, 2, 3, chance)
        assert len(set(picked)) == 3
        assert 2 not in picked


def test_repairs_may_be_those_of_one_selector(tmp_path: Path) -> None:
    truth = draw(np.random.default_rng(0))
    seen = {}
    for sampler in ("sequential", "nearest"):
        config = replace(TINY, out=tmp_path, sampler=sampler)
        case = make_case(truth, "shift", 0)
        state = RepairState.begin(case.frames.clone(), case.masks)
        edits = []
        for edit in choices(state, AlignedEditor().session(state, 2), config, np.random.default_rng(1)):
            edits.append(edit)
            state.record(edit, truth[edit.frame] / 255, torch.zeros(1, 64, 64))
        seen[sampler] = edits
    assert [edit.frame for edit in seen["sequential"]] == [0, 1, 2, 3]
    assert [edit.contexts for edit in seen["sequential"]][2:] == [(1, 0), (2, 1)]
    assert [edit.contexts for edit in seen["nearest"]][2:] != [(1, 0), (2, 1)]
    samples = list(Repairing().samples(AlignedEditor(), truth, 0, config))
    assert len(samples) == 4


def test_training_on_one_batch_lowers_its_loss(tmp_path: Path) -> None:
    trainer = Trainer(replace(TINY, out=tmp_path, lr=4e-3, steps=30), draw)
    store = trainer._open_round(0)
    batch = store.read(np.arange(2), np.zeros((2, 3), bool))
    figures = [trainer.learn(batch) for trainer.step in range(30)]
    assert figures[-1]["log_mse"] < figures[0]["log_mse"] - 0.2


def test_motion_learns_one_batch_and_touches_nothing_else(tmp_path: Path) -> None:
    trainer = Trainer(replace(TINY, out=tmp_path, part="motion", lr=5e-3, steps=40), draw)
    before = {name: tensor.clone() for name, tensor in trainer.net.state_dict().items()}
    batch = trainer._open_round(0).read(np.arange(2), np.zeros((2, 3), bool))
    figures = [trainer.learn(batch) for trainer.step in range(40)]
    # So surely learned by heart, a batch throws the network far off again at some later step.
    assert min(figure["motion"] for figure in figures) < figures[0]["motion"] - 0.5
    changed = {name for name, tensor in trainer.net.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed
    assert all(name.startswith("motion.") for name in changed)


touched = False


def draw_afresh(chance: np.random.Generator) -> Tensor:
    """As ``draw``, where nothing is inherited of what the first process has done."""
    assert not touched or parent_process() is None
    return draw(chance)


def test_processes_that_roll_out_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A fork of a process that has computed in threads may wait for them forever, but does not always do so.
    monkeypatch.setattr(f"{__name__}.touched", True)
    alone, together = (
        Trainer(replace(TINY, out=tmp_path / str(n), workers=n), draw_afresh)._open_round(0).arrays for n in (1, 2)
    )
    assert all(array.any() for name, array in alone.items() if name != "origin")
    assert all(np.array_equal(alone[name], together[name]) for name in alone)


def test_ctrl_c_is_left_to_the_process_that_began_those_that_roll_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.set_num_threads", lambda _: None)
    monkeypatch.setattr("cv2.setNumThreads", lambda _: None)
    before = signal.getsignal(signal.SIGINT)
    try:
        _start(draw)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        *((f"--{name}=0", f"--{name} 0: give at least 1") for name in ("steps", "batch", "round-samples", "reuse")),
        *((f"--{name}=0", f"--{name} 0: give at least 1") for name in ("contexts", "threads", "log-every")),
        *((f"--{name}=nan", f"--{name} nan: give at least 0") for name in ("lr", "flow-weight", "consensus-weight")),
        ("--lr=inf", "--lr inf: give at least 0"),
        ("--ema=1.5", "--ema 1.5: give 0 to 1"),
        ("--perceptual-final=-1", "--perceptual-final -1.0: give 0 to 1"),
        ("--window=0", "--window 0: give at least 16"),
        ("--size=255", "--size 255 must be even and at most 288"),
        ("--size=300", "--size 300 must be even and at most 288"),
        ("--length=2", "--length 2 leaves no 2 contexts"),
        ("--device=nowhere", "no device called 'nowhere'"),
        ("--sampler=nobody", "no selector is called 'nobody'"),
    ],
)
def test_settings_that_cannot_work_are_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: str, said: str
) -> None:
    assert main(["train", "editor", "--data", str(tmp_path), "--out", str(tmp_path / "run"), wrong]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert said in lines[0]
    assert not (tmp_path / "run").exists()


def test_weights_of_another_editor_to_start_from_are_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"aligned\.safetensors do not fit the editor 'concat'"):
        Trainer(replace(TINY, out=tmp_path / "run", editor="concat", init=shipped("aligned")), draw)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("other", [{"damage": ("blocks",)}, {"window": 48}, {"contexts": 3}])
def test_samples_of_other_settings_in_the_folder_are_made_anew(tmp_path: Path, other: dict[str, Any]) -> None:
    """As after a run that was stopped before its first checkpoint and given again with what was meant."""
    Trainer(replace(TINY, out=tmp_path / "a"), draw)._open_round(0)
    meant, afresh = (
        Trainer(replace(TINY, out=tmp_path / name, **other), draw)._open_round(0).arrays for name in ("a", "b")
    )
    assert all(np.array_equal(meant[name], afresh[name]) for name in afresh)
