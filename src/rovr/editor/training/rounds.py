"""A round: roll out many clips with the weights as they are, in parallel, into a :class:`SampleStore`."""

import hashlib
import json
import multiprocessing
import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from rovr.editor.loading import build_editor
from rovr.editor.training.config import TrainConfig
from rovr.editor.training.courses import course_of
from rovr.editor.training.samples import SampleStore
from rovr.errors import UserError

LOOK = 2.0
"""Seconds between looks at whether all processes are still there."""

Draw = Callable[[np.random.Generator], Tensor]
"""Draws an undamaged clip, (T, 3, H, W) uint8; must survive pickling where there are several workers."""


def open_round(config: TrainConfig, index: int, weights: Path, draw: Draw) -> SampleStore:
    """Roll out a round, or find it finished on disk.

    What a round holds depends on its index, the seed and the weights alone, so that a run continued after a kill
    meets the very same samples.

    Args:
        config: settings.
        index: which round.
        weights: the editor that rolls out.
        draw: source of clips of ``config.length`` frames, ``config.size`` square.

    Raises:
        UserError: a process was killed.
    """
    folder = _folder(config)
    size = config.round_samples
    done = folder / "round.json"
    fields = course_of(config).fields(config)
    stamp = _stamp(config, index, weights)
    if done.exists() and done.read_bytes() == stamp:
        return SampleStore(folder, fields, size)
    done.unlink(missing_ok=True)
    store = SampleStore(folder, fields, size, create=True)
    # Parts and not processes decide what is drawn, so that any number of workers makes the same round.
    parts = np.linspace(0, size, min(size, PARTS) + 1).astype(int)
    tasks = [(config, index, weights, int(a), int(b)) for a, b in pairwise(parts)]
    if config.workers < 2:
        for task in tasks:
            _fill(draw, task)
    else:
        _fill_in_processes(draw, tasks, config.workers)
    for array in store.arrays.values():
        array.flush()  # type: ignore[attr-defined]
    done.write_bytes(stamp)
    return store


def drop_round(config: TrainConfig) -> None:
    """Remove the samples: gigabytes that nobody reads any more. A run that is made longer rolls them out again."""
    shutil.rmtree(_folder(config), ignore_errors=True)


def _folder(config: TrainConfig) -> Path:
    return config.out / "samples"


DECIDE = (
    *("data", "editor", "part", "seed", "round_samples", "length", "size"),
    *("window", "contexts", "sampler", "damage", "bf16"),
)
"""Settings that a round depends on, beside the weights."""


def _stamp(config: TrainConfig, index: int, weights: Path) -> bytes:
    """All that decides what a round holds; half of it, left by a kill, is that of no round."""
    digest = hashlib.blake2b(weights.read_bytes(), digest_size=16).hexdigest()
    settings = {name: str(getattr(config, name)) for name in DECIDE}
    return json.dumps({"round": str(index), "weights": digest, **settings}).encode()


Task = tuple[TrainConfig, int, Path, int, int]

PARTS = 16


def _fill_in_processes(draw: Draw, tasks: list[Task], workers: int) -> None:
    """Do tasks side by side. A pool puts another process in the place of one that was killed, and waits on its task."""
    before = _children()
    # Not fork: a process that has computed in several threads leaves a child without them, waiting forever.
    with multiprocessing.get_context("spawn").Pool(workers, _start, (draw,)) as pool:
        ours, results = _children() - before, pool.imap_unordered(_fill_shared, tasks)
        left = len(tasks)
        while left:
            with suppress(multiprocessing.TimeoutError):
                results.next(LOOK)
                left -= 1
            if not ours <= _children():
                raise UserError(
                    "a process that rolled out clips was killed, perhaps for want of memory; the same command goes on, "
                    "with fewer --workers if this happens again"
                )


def _children() -> set[int | None]:
    return {child.pid for child in multiprocessing.active_children()}


_shared: dict[str, Draw] = {}


def _start(draw: Draw) -> None:
    """Make a process ready; only the first one is to answer Ctrl-C, which reaches all of a terminal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _shared["draw"] = draw
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _fill_shared(task: Task) -> None:
    _fill(_shared["draw"], task)


@torch.inference_mode()
def _fill(draw: Draw, task: Task) -> None:
    """Fill samples first … last − 1; each part draws from its own chance."""
    config, index, weights, first, last = task
    editor = build_editor(config.editor, weights=weights)
    course = course_of(config)
    store = SampleStore(_folder(config), course.fields(config), config.round_samples)
    chance = np.random.default_rng([config.seed, index, first])
    at = first
    while at < last:
        clip, seed = draw(chance), int(chance.integers(2**31))
        with torch.autocast("cpu", torch.bfloat16, enabled=config.bf16):
            for sample in course.samples(editor, clip, seed, config):
                if at == last:
                    break
                store.write(at, sample)
                at += 1
