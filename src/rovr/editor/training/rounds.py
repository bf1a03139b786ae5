"""A round: roll out many clips with the weights as they are, in parallel, into a :class:`SampleStore`."""

import json
import multiprocessing
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from rovr.editor.alignment import CANDIDATES
from rovr.editor.loading import build_editor, read_weights
from rovr.editor.training.config import TrainConfig
from rovr.editor.training.rollouts import rollout
from rovr.editor.training.samples import SampleStore, layout

Clips = list[NDArray[np.uint8]]


def open_round(config: TrainConfig, index: int, weights: Path, clips: Clips) -> SampleStore:
    """Roll out a round, or find it finished on disk.

    What a round holds depends on its index, the seed and the weights alone, so that a run continued after a kill
    meets the very same samples.

    Args:
        config: settings.
        index: which round.
        weights: the editor that rolls out.
        clips: each (T, 3, H, W) uint8, T at least ``config.length``.
    """
    folder = config.out / "samples"
    size = config.round_samples
    fields = layout(config.window, config.size, config.size, config.contexts, CANDIDATES)
    done = folder / "round.json"
    stamp = {"round": index, "seed": config.seed, "samples": size}
    if done.exists() and json.loads(done.read_text()) == stamp:
        return SampleStore(folder, fields, size)
    done.unlink(missing_ok=True)
    store = SampleStore(folder, fields, size, create=True)
    parts = np.linspace(0, size, config.workers * 8 + 1).astype(int)
    tasks = [(config, index, weights, int(a), int(b)) for a, b in pairwise(parts)]
    if config.workers < 2:
        _start(clips, 1)
        for task in tasks:
            _fill(task)
    else:
        context = multiprocessing.get_context("fork" if config.device == "cpu" else "spawn")
        with context.Pool(config.workers, _start, (clips, 1)) as pool:
            for _ in pool.imap_unordered(_fill, tasks):
                pass
    for array in store.arrays.values():
        array.flush()  # type: ignore[attr-defined]
    done.write_text(json.dumps(stamp))
    return store


_shared: dict[str, Any] = {}


def _start(clips: Clips, threads: int) -> None:
    _shared["clips"] = clips
    if multiprocessing.parent_process() is not None:
        torch.set_num_threads(threads)
        cv2.setNumThreads(threads)  # its pool of threads does not survive a fork


@torch.inference_mode()
def _fill(task: tuple[TrainConfig, int, Path, int, int]) -> None:
    """Fill samples first … last − 1; each part draws from its own chance."""
    config, index, weights, first, last = task
    editor = build_editor(config.editor)
    if weights.exists():
        editor.net.load_state_dict(read_weights(weights))
    fields = layout(config.window, config.size, config.size, config.contexts, CANDIDATES)
    store = SampleStore(config.out / "samples", fields, config.round_samples)
    chance = np.random.default_rng([config.seed, index, first])
    clips: Clips = _shared["clips"]
    at = first
    while at < last:
        clip = clips[int(chance.integers(len(clips)))]
        stride = int(chance.integers(1, max(1, min(2, (len(clip) - 1) // (config.length - 1))) + 1))
        start = int(chance.integers(len(clip) - (config.length - 1) * stride))
        chosen = np.ascontiguousarray(clip[start : start + (config.length - 1) * stride + 1 : stride])
        seed = int(chance.integers(2**31))
        for sample in rollout(editor, chosen, seed, config.contexts, config.window, config.damage):
            if at == last:
                break
            store.write(at, sample)
            at += 1
