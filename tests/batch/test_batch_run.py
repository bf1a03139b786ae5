"""What is begun, tried again and skipped, by a pool that only pretends."""

from collections import deque

import pytest

from rovr.batch.run import Listener, restore_many
from rovr.batch.task import Options, Outcome
from rovr.errors import UserError


class Pretend:
    """Ends tasks as a script says, by name: the outcomes of its attempts, in order; fine where it says nothing."""

    def __init__(self, script=None, room=1):
        self.script = {name: deque(outcomes) for name, outcomes in (script or {}).items()}
        self.room, self.running, self.log, self.closed = room, [], [], False
        self.most = 0

    @property
    def free(self):
        return self.room - len(self.running)

    def start(self, task, job):
        assert self.free > 0
        assert job.task == task
        self.running.append(task)
        self.most = max(self.most, len(self.running))
        self.log.append((task.input.stem, job.replace))

    def wait(self):
        task = self.running.pop(0)
        outcomes = self.script.get(task.input.stem)
        outcome = outcomes.popleft() if outcomes else Outcome(report={"bytes": 1, "frames": 2, "notes": []})
        if isinstance(outcome, BaseException):
            raise outcome
        if not outcome.fault:
            task.output.write_bytes(b"1")
        return [(task, outcome)]

    def close(self):
        self.closed = True


PASSING, USER, OURS = Outcome("passing", "killed"), Outcome("user", "too dark"), Outcome("ours", "bug", "trace")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    for name in "abc":
        (tmp_path / "in" / f"{name}.mp4").write_text(name)
    return tmp_path


def run(folder, script=None, room=1, boxes=("1,1,2,2",), **options):
    pool = Pretend(script, room)
    try:
        return pool, restore_many(folder / "in", folder / "out", boxes=boxes, pool=pool, **options)
    finally:
        assert pool.closed or not pool.log


def test_all_done(folder):
    pool, summary = run(folder)
    assert pool.log == [("a", True), ("b", True), ("c", True)]
    assert (summary.done, summary.failed, summary.fault) == (3, 0, "")
    assert [entry["output"] for entry in summary.files] == ["a.mp4", "b.mp4", "c.mp4"]


def test_no_more_than_there_is_room_for(folder):
    assert run(folder, room=2)[0].most == 2


def test_a_second_run_skips_what_is_done(folder):
    run(folder, {"b": [USER]})
    pool, summary = run(folder)
    assert [name for name, _ in pool.log] == ["b"]
    assert (summary.done, summary.skipped, summary.failed) == (1, 2, 0)
    (folder / "out" / "c.mp4").unlink()
    pool, summary = run(folder)
    assert [name for name, _ in pool.log] == ["c"]
    pool, summary = run(folder)
    assert pool.log == []
    assert summary.skipped == 3


def test_faults_that_may_pass_are_tried_again_after_the_others(folder):
    told = []

    class Told(Listener):
        def again(self, task, reason):
            told.append((task.input.stem, reason))

    pool, summary = run(folder, {"a": [PASSING, PASSING]}, listener=Told())
    assert [name for name, _ in pool.log] == ["a", "b", "c", "a", "a"]
    assert told == [("a", "killed")] * 2
    assert summary.fault == ""
    assert summary.files[0]["attempts"] == 3


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_tries_come_to_an_end(folder, retries):
    pool, summary = run(folder, {"a": [PASSING] * 9}, retries=retries)
    assert len(pool.log) == 3 + retries
    assert (summary.done, summary.failed, summary.fault) == (2, 1, "ours")


@pytest.mark.parametrize(("outcome", "fault"), [(USER, "user"), (OURS, "ours")])
def test_other_faults_are_not_tried_again(folder, outcome, fault):
    pool, summary = run(folder, {"b": [outcome]})
    assert [name for name, _ in pool.log] == ["a", "b", "c"]
    assert (summary.done, summary.failed, summary.fault) == (2, 1, fault)
    assert summary.files[1]["reason"] == outcome.reason


def test_the_worst_fault_counts(folder):
    assert run(folder, {"a": [OURS], "b": [USER]})[1].fault == "ours"


def test_a_video_without_a_mask_is_never_begun(folder):
    (folder / "in" / "b.mask.mp4").touch()
    pool, summary = run(folder, boxes=())
    assert [name for name, _ in pool.log] == ["b"]
    assert (summary.done, summary.failed, summary.fault) == (1, 2, "user")
    assert "has no mask" in summary.files[0]["reason"]


def test_nobody_elses_file_is_replaced(folder):
    (folder / "out").mkdir()
    (folder / "out" / "a.mp4").write_text("precious")
    pool, _ = run(folder, {"a": [PASSING, USER]})
    assert pool.log == [("a", False), ("b", True), ("c", True), ("a", False)]
    assert run(folder, {"a": [USER]}, overwrite=True)[0].log == [("a", True)]


def test_an_output_left_by_a_killed_run_is_replaced(folder):
    with pytest.raises(KeyboardInterrupt):
        run(folder, {"b": [KeyboardInterrupt()]})
    # It had appeared, but nobody was left to write that down.
    (folder / "out" / "b.mp4").write_text("whole")
    pool, summary = run(folder)
    assert pool.log == [("b", True), ("c", True)]
    assert (summary.done, summary.skipped) == (2, 1)


def test_other_settings_are_another_output(folder):
    run(folder)
    pool, _ = run(folder, {name: [USER] for name in "abc"}, options=Options(seed=1))
    assert pool.log == [("a", False), ("b", False), ("c", False)]


def test_a_pool_that_cannot_work_ends_the_run(folder):
    with pytest.raises(UserError, match="no editor"):
        run(folder, {"a": [UserError("no editor is called so")]})
    assert len(run(folder)[0].log) == 3


def test_numbers_that_make_no_sense(folder):
    with pytest.raises(UserError, match="negative"):
        run(folder, retries=-1)
