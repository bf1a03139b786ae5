"""One training by several processes: what one process learns, and exact when it goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from test_training import TINY, draw, losses
from torch import Tensor

from rovr.cli import main
from rovr.editor.aligned import AlignedEditor
from rovr.editor.training.course import Course
from rovr.editor.training.moving import Moving
from rovr.editor.training.ranks import Ranks
from rovr.editor.training.repairing import Repairing
from rovr.editor.training.run import _train
from rovr.editor.training.samples import SampleStore
from rovr.errors import UserError

SIZES = [
    "--steps=10", "--batch=3", "--round-samples=6", "--reuse=2", "--window=32", "--length=4", "--size=64",
    "--workers=1", "--threads=1", "--log-every=1", "--no-bf16", "--save-minutes=0",
]  # fmt: skip


class Slice(Ranks):
    """One of several processes whose sums over all are known beforehand, from the slices themselves."""

    heard: list[Tensor]
    sums: list[Tensor]

    def total(self, value: Tensor) -> Tensor:
        self.heard.append(value.detach())
        return self.sums[len(self.heard) - 1] if self.sums else value.detach()


@pytest.mark.parametrize("course", [Repairing(), Moving()], ids=["repair", "motion"])
def test_shares_of_uneven_slices_sum_to_the_terms_and_gradients_of_the_batch(tmp_path: Path, course: Course) -> None:
    editor = AlignedEditor()
    store = SampleStore(tmp_path / "s", course.fields(TINY), 3, create=True)
    with torch.inference_mode():
        samples = course.samples(editor, draw(np.random.default_rng(0)), 1, TINY)
        for index, sample in zip(range(3), samples, strict=False):
            store.write(index, sample)
    taught = list(course.taught(editor.net.train().requires_grad_()).parameters())

    def learned(indices: np.ndarray, ranks: Ranks) -> tuple[dict[str, Tensor], list[Tensor | None]]:
        batch = store.read(indices, np.zeros((len(indices), 3), bool))
        terms = course.terms(editor.net, batch, None, ranks)
        named = course.weights(TINY, 0.0)
        sum(named[name] * term for name, term in terms.items() if name in named).backward()  # type: ignore[union-attr]
        found = [None if p.grad is None else p.grad.clone() for p in taught]
        for p in taught:
            p.grad = None
        return {name: term.detach() for name, term in terms.items()}, found

    whole, gradients = learned(np.arange(3), Ranks())
    sums: list[Tensor] = []
    for _ in range(2):  # first to hear what each slice would tell the others
        slices = [Slice(rank, 2) for rank in range(2)]
        parts = []
        for one in slices:
            object.__setattr__(one, "heard", [])
            object.__setattr__(one, "sums", sums)
            parts.append(learned(one.slice(np.arange(3)), one))
        sums = [a + b for a, b in zip(slices[0].heard, slices[1].heard, strict=True)]
    assert sums
    for name, term in whole.items():
        assert torch.allclose(parts[0][0][name] + parts[1][0][name], term, rtol=1e-4, atol=1e-6), name
    moved = 0
    for a, b, both in zip(parts[0][1], parts[1][1], gradients, strict=True):
        assert (a is None) == (b is None) == (both is None)
        if a is not None and b is not None and both is not None:
            assert torch.allclose(a + b, both, rtol=1e-3, atol=1e-4 * float(both.abs().max()))
            moved += int(float(both.abs().max()) > 0)
    assert moved > 1


def clips(folder: Path) -> Path:
    for k in range(2):
        (folder / f"film{k}").mkdir(parents=True)
        for i, frame in enumerate(draw(np.random.default_rng(k))):
            cv2.imwrite(str(folder / f"film{k}" / f"{i:05d}.png"), frame.permute(1, 2, 0).numpy())
    return folder


def begin(data: Path, out: Path) -> subprocess.Popen[str]:
    """Two processes."""
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "rovr", "train", "editor"]
    given = ["--data", str(data), "--val", str(data), "--out", str(out), *SIZES]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen([sys.executable, *command, *given], env=environment, text=True, **pipes)  # type: ignore


def finish(process: subprocess.Popen[str]) -> str:
    said = process.communicate(timeout=100)[0]
    assert process.returncode == 0, said
    return said


def children(process: subprocess.Popen[str]) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


@pytest.mark.timeout(300)
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children of a process are looked up in /proc")
def test_two_processes_learn_what_one_does_and_go_on_exactly(tmp_path: Path) -> None:
    data = clips(tmp_path / "clips")
    said = finish(begin(data, tmp_path / "two"))
    assert said.count("weights: ") == 1  # only the first speaks
    given = ["--data", str(data), "--val", str(data), "--out", str(tmp_path / "one")]
    assert main(["train", "editor", *given, *SIZES]) == 0

    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert [row[:2] for row in one] == [row[:2] for row in two]
    assert len({step for step, _, _ in two}) == 10
    for (step, name, a), (_, _, b) in zip(one, two, strict=True):
        assert float(a) == pytest.approx(float(b), rel=2e-3, abs=2e-3), (step, name)

    # One of the two is killed in the first of three rounds; torchrun ends the other.
    process = begin(data, tmp_path / "parts")
    metrics, deadline = tmp_path / "parts" / "metrics.csv", time.monotonic() + 60
    while not (metrics.exists() and "\n3," in metrics.read_text()) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(children(process)[1], signal.SIGKILL)
    process.communicate(timeout=100)
    assert process.returncode != 0
    last = losses(tmp_path / "parts")[-1][0]
    assert 3 <= int(last) < 10
    finish(begin(data, tmp_path / "parts"))
    assert losses(tmp_path / "parts") == two
    a, b = (torch.load(tmp_path / name / "checkpoint.pt", weights_only=True) for name in ("two", "parts"))
    assert all(torch.equal(a["net"][name], b["net"][name]) for name in a["net"])


LEAVING = """
import gc, torch
from pathlib import Path
from rovr.editor.training.ranks import joined

with joined("cpu") as (ranks, device):
    weight = torch.nn.Parameter(torch.ones(3))
    optimiser = torch.optim.AdamW([weight])
    weight.sum().backward()
    ranks.sum_gradients([weight])
    optimiser.step()
gc.collect()
print("left", sorted(p.read_text().strip() for p in Path("/proc/self/task").glob("*/comm")))
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads of a process are looked up in /proc")
def test_no_thread_of_the_group_outlives_it(tmp_path: Path) -> None:
    """One that did could abort the process at its end, when all work was done."""
    script = tmp_path / "leaving.py"
    script.write_text(LEAVING)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    left = [line for line in done.stdout.splitlines() if line.startswith("left")]
    assert len(left) == 2, done.stderr
    assert not any("gloo" in line for line in left)


def test_more_processes_than_edits_of_a_batch() -> None:
    with pytest.raises(UserError, match="--batch 2 cannot be shared by 4 processes"):
        _train(TINY, Ranks(3, 4), print)
