"""One training by several processes: what one process learns, and exact when it goes on."""

import multiprocessing
import os
import socket
import subprocess
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from ranked import take_part
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
    "--steps=6", "--batch=3", "--round-samples=3", "--reuse=3", "--window=32", "--length=4", "--size=64",
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


def begin(data: Path, out: Path, die_after: int | None = None) -> list[BaseProcess]:
    """Two processes, the second of which may be killed; what they import is imported once for all of them."""
    context = multiprocessing.get_context("forkserver")
    # The optimiser would load the last one.
    context.set_forkserver_preload(["rovr.cli.train", "rovr.editor.training.run", "torch._dynamo"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pair = [
        context.Process(target=take_part, args=(rank, port, arguments(data, out), die_after if rank else None))
        for rank in range(2)
    ]
    for process in pair:
        process.start()
    return pair


def arguments(data: Path, out: Path) -> list[str]:
    return ["train", "editor", "--data", str(data), "--val", str(data), "--out", str(out), *SIZES]


def end(pair: list[BaseProcess]) -> list[int | None]:
    """Wait for both; as ``torchrun`` does, the first is ended where the second died. How they ended."""
    pair[1].join(60)
    if pair[1].exitcode:
        pair[0].terminate()
    pair[0].join(60)
    return [process.exitcode for process in pair]


@pytest.mark.timeout(300)
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads of a process are looked up in /proc")
def test_two_processes_learn_what_one_does_and_go_on_exactly(tmp_path: Path) -> None:
    data = clips(tmp_path / "clips")
    script = Path(__file__).with_name("ranked.py")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [*torchrun, str(script), *arguments(data, tmp_path / "two")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("weights: ") == 1  # only the first speaks
    left = [line for line in done.stdout.splitlines() if line.startswith("left")]
    assert len(left) == 2
    assert not any("gloo" in line for line in left)
    assert main(arguments(data, tmp_path / "one")) == 0

    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert [row[:2] for row in one] == [row[:2] for row in two]
    assert len({step for step, _, _ in two}) == 6
    for (step, name, a), (_, _, b) in zip(one, two, strict=True):
        assert float(a) == pytest.approx(float(b), rel=2e-3, abs=2e-3), (step, name)

    # One of the two is killed in the first of two rounds.
    assert all(end(begin(data, tmp_path / "parts", die_after=2)))
    assert losses(tmp_path / "parts")[-1][0] == "2"
    assert end(begin(data, tmp_path / "parts")) == [0, 0]
    assert losses(tmp_path / "parts") == two
    a, b = (torch.load(tmp_path / name / "checkpoint.pt", weights_only=True) for name in ("two", "parts"))
    assert all(torch.equal(a["net"][name], b["net"][name]) for name in a["net"])


def test_more_processes_than_edits_of_a_batch() -> None:
    with pytest.raises(UserError, match="--batch 2 cannot be shared by 4 processes"):
        _train(TINY, Ranks(3, 4), print)
