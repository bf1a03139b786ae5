"""Jobs of the page: two lanes of them, each with a process that works them off one by one and can be ended at any time.

The quick lane looks for masks and repairs single frames, so that these do not wait for a whole film in the other.
"""

import asyncio
import json
import os
import shutil
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rovr.errors import in_a_line
from rovr.serve.index import Index
from rovr.serve.limits import Refused, plain_words
from rovr.serve.store import Clip

QUICK, LONG = "quick", "long"
ENDED = ("done", "failed", "cancelled")

LINE = 16 << 20
"""Bytes of a worker's longest answer: a film of many cuts names the first frame of each scene."""


@dataclass
class Job:
    """Something to be done with a clip.

    Attributes:
        id: what the page calls it.
        kind: ``find``, ``mask``, ``preview`` or ``restore``.
        clip: the video; None for what the server does for itself.
        folder: for what it makes, deleted with it.
        task: what the worker is told.
        shown: what the page is told of its settings.
        state: ``waiting``, ``running``, ``done``, ``failed`` or ``cancelled``.
        phase: what is being done.
        step: how far that is, (done, total).
        edits: of a repair so far, each [frame, doubt, context, …], in the order in which they were made.
        due: how many there will be.
        notes: what the user should know.
        error: why it failed.
        result: what the worker found.
        indices: where the frames of its videos are, as far as somebody has asked.
    """

    id: str
    kind: str
    clip: Clip | None
    folder: Path
    task: dict[str, Any]
    shown: dict[str, Any] = field(default_factory=dict)
    state: str = "waiting"
    phase: str = ""
    step: tuple[int, int] = (0, 0)
    edits: list[list[float]] = field(default_factory=list)
    due: int = 0
    notes: list[str] = field(default_factory=list)
    error: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    indices: dict[Path, Index] = field(default_factory=dict)
    created: float = field(default_factory=time.time)
    phase_began: float = 0.0
    phase_from: int = 0

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ENDED

    def to_json(self) -> dict[str, Any]:
        """What the page may know: no paths."""
        return {
            "id": self.id,
            "kind": self.kind,
            "clip": self.clip.id if self.clip else None,
            "title": self.clip.title if self.clip else "",
            **self.shown,
            "state": self.state,
            "phase": self.phase,
            "done": self.step[0],
            "total": self.step[1],
            "left": self._left(),
            "edits": len(self.edits),
            "due": self.due,
            "notes": self.notes,
            "error": self.error,
            "result": self.result,
            "created": self.created,
        }

    def _left(self) -> float | None:
        """Seconds that this phase will take yet, by how long it took so far since it was last come to."""
        done, total = self.step
        if self.state != "running" or done <= self.phase_from or not total:
            return None
        return round((time.monotonic() - self.phase_began) / (done - self.phase_from) * (total - done), 1)

    def hear(self, event: dict[str, Any]) -> None:
        """Take in what the worker tells."""
        kind = event.pop("event")
        if kind in ("step", "edit"):
            phase = event.get("phase", "repair")
            if phase != self.phase:
                self.phase, self.phase_began, self.phase_from = phase, time.monotonic(), event["done"]
            self.step = event["done"], event["total"]
        if kind == "edit":
            self.edits.append([event["frame"], event["doubt"], *event["contexts"]])
            self.due = event["due"]
        elif kind == "note":
            self.notes.append(self._plain(event["text"]))
        elif kind == "done":
            self.state, self.result = "done", {**self.result, **event["result"]}
        elif kind == "failed":
            self.state, self.error = "failed", self._plain(event["text"])

    def _plain(self, text: str) -> str:
        if self.clip is None:
            return text
        # What is wrong with a mask is not the video's fault.
        title = self.shown["name"] if self.shown.get("how") == "file" else self.clip.title
        return plain_words(text, self.clip.folder, title)


class Lane:
    """One queue and one process.

    Args:
        device: where the worker computes.
        gently: whether it lets others go first.
    """

    def __init__(self, device: str, gently: bool) -> None:
        self.device, self.gently = device, gently
        self.waiting: deque[Job] = deque()
        self.running: Job | None = None
        self.process: asyncio.subprocess.Process | None = None
        self._wake = asyncio.Event()
        self._loop = asyncio.create_task(self._work())

    def add(self, job: Job) -> None:
        """Put a job at the end of the queue."""
        self.waiting.append(job)
        self._wake.set()

    async def cancel(self, job: Job) -> None:
        """End a job, whether it waits or runs."""
        if job.over:
            return
        job.state = "cancelled"
        if job in self.waiting:
            self.waiting.remove(job)
        elif job is self.running:
            await self._end()

    async def close(self) -> None:
        """End everything."""
        self._loop.cancel()
        await self._end()

    async def _end(self) -> None:
        process, self.process = self.process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    async def _work(self) -> None:
        while True:
            while not self.waiting:
                self._wake.clear()
                await self._wake.wait()
            job = self.running = self.waiting.popleft()
            job.state = "running"
            try:
                await self._do(job)
            except Exception as error:
                # Whatever it was: without this task nobody would work on the jobs that wait.
                if not job.over:
                    job.state, job.error = "failed", f"The worker failed ({in_a_line(error)})."
                # What it still says would be taken for an answer of the next job.
                await self._end()
            self.running = None
            if job.state != "done":
                shutil.rmtree(job.folder, ignore_errors=True)

    async def _do(self, job: Job) -> None:
        if self.process is None or self.process.returncode is not None:
            self.process = await self._start()
            if job.over:
                # Cancelled meanwhile; whoever read its answer later would take it for that of another job.
                return
        process = self.process
        assert process.stdin is not None
        assert process.stdout is not None
        job.folder.mkdir(exist_ok=True, mode=0o700)
        line = json.dumps({"device": self.device, "folder": str(job.folder), **job.task})
        process.stdin.write(line.encode() + b"\n")
        await process.stdin.drain()
        while not job.over:
            answer = await process.stdout.readline()
            if job.over:
                return
            if not answer:
                job.state, job.error = "failed", "The worker stopped; most likely the machine ran out of memory."
                await self._end()
                return
            job.hear(json.loads(answer))

    async def _start(self) -> asyncio.subprocess.Process:
        # Pictures that unfold to more than a page can use are refused where they are read.
        environment = {**os.environ, "OPENCV_IO_MAX_IMAGE_PIXELS": str(1 << 25)}
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "rovr.serve.worker",
            *(["--gently"] if self.gently else []),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
            limit=LINE,
            # The terminal's interrupt is for the server, which then ends its workers.
            start_new_session=True,
        )


class Jobs:
    """All jobs of a server.

    Args:
        device: where workers compute.
        most: jobs that may wait.
    """

    def __init__(self, device: str, most: int) -> None:
        self.most = most
        self.all: dict[str, Job] = {}
        self.lanes = {name: Lane(device, name == LONG) for name in (QUICK, LONG)}

    def get(self, name: str) -> Job:
        """A job by its id.

        Raises:
            Refused: there is none.
        """
        if name not in self.all:
            raise Refused("This job is no longer here.", 404)
        return self.all[name]

    def add(self, job: Job) -> None:
        """Queue a job.

        Raises:
            Refused: too many wait.
        """
        if sum(not other.over for other in self.all.values()) >= self.most:
            raise Refused(f"{self.most} jobs are waiting, which is the limit; let some finish first.", 429)
        self.all[job.id] = job
        self.lanes[LONG if job.kind == "restore" else QUICK].add(job)

    def background(self, job: Job, lane: str = QUICK) -> None:
        """Queue a job that the page does not see."""
        self.lanes[lane].add(job)

    def of(self, clip: Clip) -> list[Job]:
        """The jobs of a clip, oldest first."""
        return [job for job in self.all.values() if job.clip is clip]

    async def cancel(self, job: Job) -> None:
        """End a job and delete what it made."""
        for lane in self.lanes.values():
            if job in lane.waiting or job is lane.running:
                await lane.cancel(job)
        shutil.rmtree(job.folder, ignore_errors=True)

    async def remove(self, job: Job) -> None:
        """End and forget a job."""
        await self.cancel(job)
        self.all.pop(job.id, None)

    async def close(self) -> None:
        """End everything."""
        for lane in self.lanes.values():
            await lane.close()
