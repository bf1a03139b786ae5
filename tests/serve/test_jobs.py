"""Jobs: one after the other in each lane, ended at any time, and told plainly when they fail."""

import asyncio
import json
import sys
import time

import pytest

from rovr.serve.index import Index
from rovr.serve.jobs import Job, Jobs, Lane
from rovr.serve.limits import Refused
from rovr.serve.store import Clip, clean_title, new_id

# Stands in for the worker: does what a task says in place of repairing.
WORKER = """
import json, sys, time
for line in sys.stdin:
    task = json.loads(line)
    say = lambda **event: print(json.dumps(event), flush=True)
    if task["do"] == "die": sys.exit(1)
    say(event="step", phase="mask", done=1, total=4)
    say(event="edit", frame=3, contexts=[1, 5], done=1, total=2, due=2, doubt=0.5)
    say(event="note", text=task["folder"] + "/source is dark")
    if task["do"] == "odd": say(event="step", phase="mask")
    if task["do"] == "long": say(event="note", text="x" * 2**17)
    if task["do"] == "sleep": time.sleep(600)
    if task["do"] == "fail": say(event="failed", text=task["folder"] + "/source is bad; pass --force to go on.")
    else: say(event="done", result={"at": time.time(), "process": __import__("os").getpid(), "of": task["do"]})
"""


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run a coroutine function with jobs whose worker is the stand-in; makes jobs by what they do."""

    async def start(lane):
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(sys.executable, "-c", WORKER, stdin=pipe, stdout=pipe)

    monkeypatch.setattr("rovr.serve.jobs.Lane._start", start)
    index = Index(tmp_path / "source", 64, 48, 6, 25.0, [], [], False, False)
    clip = Clip("c", "film.mp4", tmp_path, index)

    def make(do, kind="restore"):
        name = new_id()
        return Job(name, kind, clip, tmp_path / name, {"do": do, "folder": str(tmp_path)})

    def go(work):
        async def main():
            jobs = Jobs("cpu", 4)
            try:
                await asyncio.wait_for(work(jobs, make), 60)
            finally:
                await jobs.close()

        asyncio.run(main())

    return go


async def until(job, *states):
    while job.state not in states:
        await asyncio.sleep(0.01)


def test_a_job_tells_how_far_it_is_and_what_it_found(run):
    async def work(jobs, make):
        job = make("work")
        jobs.add(job)
        await until(job, "done")
        assert job.edits == [[3, 0.5, 1, 5]]
        assert job.notes == ["film.mp4 is dark."]
        assert (job.phase, job.step) == ("repair", (1, 2))
        assert "path" not in json.dumps(job.to_json())

    run(work)


def test_the_time_left_is_told_by_the_pace_of_what_is_being_done(monkeypatch, tmp_path):
    job = Job("j", "restore", None, tmp_path, {}, state="running")
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def hear(seconds, **event):
        now[0] += seconds
        job.hear(event)
        return job.to_json()["left"]

    copy = {"event": "step", "phase": "copy", "total": 50}
    edit = {"event": "edit", "frame": 0, "contexts": [], "doubt": 0.0, "total": 4, "due": 4}
    assert hear(9, done=10, **copy) is None
    assert hear(2, done=20, **copy) == pytest.approx(6)
    assert hear(9, done=1, **edit) is None
    assert hear(5, done=2, **edit) == pytest.approx(10)
    # Come to again, the frames that were copied before take no time any more.
    assert hear(1, done=30, **copy) is None
    assert hear(1, done=40, **copy) == pytest.approx(1)
    assert job.to_json()["due"] == 4


def test_jobs_of_a_lane_wait_for_each_other_and_share_a_worker(run):
    async def work(jobs, make):
        first, second, quick = make("work"), make("work"), make("work", "preview")
        for job in (first, second, quick):
            jobs.add(job)
        for job in (first, second, quick):
            await until(job, "done")
        assert first.result["at"] <= second.result["at"]
        assert first.result["process"] == second.result["process"] != quick.result["process"]

    run(work)


def test_a_job_that_runs_is_ended_at_once_and_the_next_one_goes_on(run):
    async def work(jobs, make):
        stuck, next_one = make("sleep"), make("work")
        jobs.add(stuck)
        jobs.add(next_one)
        while not stuck.edits:
            await asyncio.sleep(0.01)
        assert stuck.folder.exists()
        process = jobs.lanes["long"].process
        began = time.monotonic()
        await jobs.remove(stuck)
        assert time.monotonic() - began < 5
        assert process.returncode is not None
        assert not stuck.folder.exists()
        await until(next_one, "done")
        assert stuck.id not in jobs.all

    run(work)


def test_a_job_that_waits_is_ended_without_harm_to_the_one_that_runs(run):
    async def work(jobs, make):
        first, second = make("sleep"), make("work")
        jobs.add(first)
        jobs.add(second)
        await until(first, "running")
        await jobs.remove(second)
        assert first.state == "running"
        assert second.state == "cancelled"

    run(work)


def test_a_failure_is_told_without_paths_or_options(run):
    async def work(jobs, make):
        job = make("fail")
        jobs.add(job)
        await until(job, "failed")
        assert job.error == "film.mp4 is bad."

    run(work)


def test_a_worker_that_dies_fails_its_job_and_no_other(run):
    async def work(jobs, make):
        dead, alive = make("die"), make("work")
        jobs.add(dead)
        jobs.add(alive)
        await until(dead, "failed")
        assert "ran out of memory" in dead.error
        await until(alive, "done")

    run(work)


@pytest.mark.parametrize("answer", ["long", "odd"])
def test_an_answer_that_cannot_be_read_fails_its_job_and_no_other(run, answer):
    async def work(jobs, make):
        first, second = make(answer), make("work")
        jobs.add(first)
        jobs.add(second)
        await until(first, "failed")
        await until(second, "done")
        assert second.result["of"] == "work"

    run(work)


def test_only_so_many_jobs_wait(run):
    async def work(jobs, make):
        for _ in range(4):
            jobs.add(make("sleep"))
        with pytest.raises(Refused, match="4 jobs"):
            jobs.add(make("sleep"))

    run(work)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("film.mp4", "film.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\films\\a.mov", "a.mov"),
        ("a\x00b\n<script>.mp4", "abscript.mp4"),
        ("..", "video"),
        ("", "video"),
        ("x" * 500, "x" * 100),
    ],
)
def test_a_title_is_a_name_and_nothing_else(given, shown):
    assert clean_title(given) == shown


def test_a_job_cancelled_before_its_worker_is_there_leaves_no_answer_behind(run, monkeypatch):
    start = Lane._start

    async def slowly(lane):
        await asyncio.sleep(0.3)
        return await start(lane)

    monkeypatch.setattr("rovr.serve.jobs.Lane._start", slowly)

    async def work(jobs, make):
        first, second = make("fail"), make("work")
        jobs.add(first)
        await until(first, "running")
        await jobs.cancel(first)
        jobs.add(second)
        await until(second, "done", "failed")
        assert (first.state, second.state) == ("cancelled", "done")
        assert not first.folder.exists()

    run(work)
