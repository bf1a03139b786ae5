"""Workers on a Ray cluster who play shards; one that is lost is replaced, and its shards are played anew.

Every call says how a shard began and all that has been picked in it since. So whoever is asked can go on: at once where
it played the shard so far, and otherwise from the beginning, with the same result.
"""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import ray
import torch
from numpy.typing import NDArray
from ray.exceptions import RayError, RayTaskError
from torch import Tensor

from rovr._version import __version__
from rovr.batch.cluster import watch
from rovr.batch.ray import BEAT, no_room, room_on
from rovr.errors import UserError
from rovr.mdp.environment import RepairEnv
from rovr.train.shards import Answer, Player, Start

Build = Callable[[], dict[str, RepairEnv]]
"""Makes the environments; can be sent anywhere."""

Arrays = tuple[dict[str, NDArray[Any]], NDArray[np.float32], NDArray[np.bool_]]
"""An :data:`Answer` on its way."""

TRIES = 5
"""Times that one micro-step may lose its workers before somebody has to look why."""

GRACE = 20.0
"""Seconds that the first workers of a run wait for the others."""


class Worker:
    """Lives on the cluster.

    Args:
        build: called before the first shard is played.
        version: of ROVR, that everybody has to have.
        threads: to compute with.
    """

    def __init__(self, build: Build, version: str, threads: int) -> None:
        self.build, self.version, self.threads = build, version, threads
        self.player: Player | None = None

    def hello(self) -> None:
        """Be there."""

    def turn(self, number: int, start: Start, past: NDArray[np.int64]) -> Arrays:
        """As :meth:`Player.turn`."""
        if self.version != __version__:
            raise UserError(f"it has ROVR {__version__} and not {self.version}")
        if self.player is None:
            torch.set_num_threads(self.threads)
            cv2.setNumThreads(self.threads)
            self.player = Player(self.build())
        seen, rewards, finished = self.player.turn(number, start, torch.from_numpy(past.copy()))
        arrays = {name: tensor.cpu().numpy() for name, tensor in seen.items()}
        return arrays, rewards.cpu().numpy(), finished.cpu().numpy()


class RayCrew:
    """A :class:`rovr.train.shards.Crew` on the cluster that this process is connected to; a context manager.

    Args:
        build: makes the environments, in every worker.
        workers: at most so many; by default as many as the cluster has room for, nodes that join later included.
        threads: each computes with so many, and so many cores are reserved for it.
        device: where the environments compute and answers are wanted; on CUDA each worker has a GPU of its own.
        say: is told of losses.

    Raises:
        UserError: no node of the cluster has so many cores, or a GPU.
    """

    def __init__(
        self, build: Build, workers: int | None, threads: int, device: str, say: Callable[[str], None] = print
    ) -> None:
        self.build, self.count, self.threads, self.device, self.say = build, workers, threads, device, say
        self.gpus = int(device.startswith("cuda"))
        self.ready: list[Any] = []
        self.coming: dict[Any, Any] = {}
        self.holders: dict[int, Any] = {}
        if not self._room():
            raise no_room(threads, self.gpus)

    def __enter__(self) -> "RayCrew":
        return self

    def __exit__(self, *error: object) -> None:
        """End all workers."""
        with contextlib.suppress(UserError):
            for worker in [*self.ready, *self.coming.values()]:
                _end(worker)

    def play(self, starts: Sequence[Start], past: Sequence[Tensor]) -> list[Answer]:
        """See :meth:`rovr.train.shards.Crew.play`.

        Raises:
            UserError: a worker cannot work, workers are lost again and again, or the head of the cluster is.
        """
        if not len(past[0]):
            self._gather(len(starts))
        answers: dict[int, Answer] = {}
        for _ in range(TRIES):
            missing = [number for number in range(len(starts)) if number not in answers]
            holders = [self._holder(number) for number in missing]
            asked = [h.turn.remote(n, starts[n], past[n].numpy()) for n, h in zip(missing, holders, strict=True)]
            for number, holder, reference in zip(missing, holders, asked, strict=True):
                try:
                    answers[number] = self._hear(reference)
                except RayTaskError:
                    raise
                except RayError:
                    self._lose(holder)
            if len(answers) == len(starts):
                return [answers[number] for number in range(len(starts))]
        raise UserError(f"--ray: {TRIES} times in a row workers were lost, say because memory ran out.")

    def _hear(self, reference: Any) -> Answer:
        _first([reference])
        try:
            seen, rewards, finished = ray.get(reference)
        except RayTaskError as error:
            if isinstance(error.cause, UserError | OSError):
                hint = "Every node has to have the same ROVR, and to see all files under the same names."
                raise UserError(f"--ray: a worker cannot work: {error.cause}. {hint}") from error
            raise
        found = {name: self._tensor(array) for name, array in seen.items()}
        return found, self._tensor(rewards), self._tensor(finished)

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        # What comes through the object store cannot be written to, and is to leave it.
        return torch.from_numpy(array.copy()).to(self.device)

    def _room(self) -> int:
        """How many workers the cluster holds, whoever else uses it."""
        watch()
        room = sum(room_on(node, self.threads, self.gpus) for node in ray.nodes())
        return room if self.count is None else min(self.count, room)

    def _hire(self, most: int) -> None:
        """Begin workers, up to so many in all where there is room; one must be."""
        while len(self.ready) + len(self.coming) < max(1, min(most, self._room())):
            remote: Any = ray.remote
            made = remote(num_cpus=self.threads, num_gpus=self.gpus, max_restarts=0)(Worker)
            worker = made.remote(self.build, __version__, self.threads)
            self.coming[worker.hello.remote()] = worker

    def _welcome(self, patience: float) -> None:
        """Wait a while for those who are coming; and where nobody is there, for the first as long as it takes."""
        for _ in range(TRIES):
            came = ray.wait(list(self.coming), num_returns=len(self.coming), timeout=patience)[0] if self.coming else []
            if not (came or self.ready):
                self._hire(1)
                came = _first(list(self.coming))
            for reference in came:
                worker = self.coming.pop(reference)
                try:
                    ray.get(reference)
                    self.ready.append(worker)
                except RayError:
                    _end(worker)
            if self.ready:
                return
        raise UserError(f"--ray: {TRIES} times in a row workers were lost before they began.")

    def _gather(self, shards: int) -> None:
        """Share out a batch's shards among those who are there."""
        self._hire(shards)
        self._welcome(0 if self.ready else GRACE)
        self.holders = {number: self.ready[number % len(self.ready)] for number in range(shards)}

    def _holder(self, number: int) -> Any:
        """Who plays a shard; where that one was lost, who has the fewest."""
        if number not in self.holders:
            self._welcome(0)
            held = [sum(holder is worker for holder in self.holders.values()) for worker in self.ready]
            self.holders[number] = self.ready[held.index(min(held))]
        return self.holders[number]

    def _lose(self, worker: Any) -> None:
        """Part with a worker who is lost, and begin another, who has work from the next batch on."""
        if not any(one is worker for one in self.ready):
            return
        _end(worker)
        self.ready = [one for one in self.ready if one is not worker]
        mine = [number for number, holder in self.holders.items() if holder is worker]
        for number in mine:
            del self.holders[number]
        self.say(f"a worker was lost; {len(mine)} of the {len(self.holders) + len(mine)} shards are played anew")
        self._hire(len(self.ready) + 1)


def _first(references: list[Any]) -> list[Any]:
    """Wait for the first of some answers, and see meanwhile that the head is there."""
    while not (came := ray.wait(references, num_returns=1, timeout=BEAT)[0]):
        watch()
    return came


def _end(worker: Any) -> None:
    watch()
    with contextlib.suppress(RayError):
        ray.kill(worker)
