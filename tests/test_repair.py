import json
import pickle
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from rovr.editor.base import Editor, Prepared, Repair, paste
from rovr.errors import UserError
from rovr.mdp.state import RepairState
from rovr.repair import Repairer
from rovr.select import load_selector
from rovr.select.base import Selector
from rovr.types import Edit


class Copying(Editor):
    """Fills with its first context, and keeps count of what it looked at."""

    name = "copying"

    def __init__(self) -> None:
        self.looks = 0

    def prepare(self, frame, doubt):
        self.looks += 1
        return Prepared(frame, doubt)

    def edit(self, target, mask, contexts):
        frame = paste(target.frame, contexts[0].frame, mask)
        return Repair(frame, mask * 0.25)


def state(length: int) -> RepairState:
    frames = torch.arange(length, dtype=torch.uint8).mul(10).view(-1, 1, 1, 1).expand(length, 3, 8, 8).clone()
    masks = torch.zeros(length, 1, 8, 8, dtype=torch.bool)
    masks[:, :, 2:5, 2:5] = True
    masks[1] = False
    return RepairState.begin(frames, masks)


def test_each_repair_feeds_the_next_and_whole_frames_stay():
    done = Repairer(Copying(), load_selector("sequential")).run(state(4), torch.Generator())
    assert done.done
    assert [edit.frame for edit in done.edits] == [0, 2, 3]
    # Frame 0 copies frame 1, frame 2 copies frame 1, frame 3 copies what frame 2 then shows.
    assert [int(done.frames[k, 0, 3, 3]) for k in range(4)] == [10, 10, 10, 10]
    assert [int(done.frames[k, 0, 0, 0]) for k in range(4)] == [0, 10, 20, 30]
    assert done.doubt[3, 0, 3, 3] == 64
    assert done.doubt[1].sum() == 0


def test_a_frame_is_prepared_again_only_after_its_repair():
    editor = Copying()
    Repairer(editor, load_selector("sequential")).run(state(4), torch.Generator())
    # Each of four frames once, and the repaired ones that served as contexts later once more.
    assert editor.looks <= 4 + 3


class Counting(Copying):
    """Adds 1 to what it copies, and notes how much of its target's hole it takes to be missing."""

    def __init__(self) -> None:
        super().__init__()
        self.missing: list[float] = []

    def edit(self, target, mask, contexts):
        self.missing.append(float(target.doubt[mask].min()))
        return Repair(paste(target.frame, contexts[0].frame + 1 / 255, mask), mask * 0.25)


def test_a_second_pass_goes_back_through_time_and_looks_at_what_the_first_repaired():
    editor, early, told, clip = Counting(), [], [], state(4)
    repairer = Repairer(editor, load_selector("sequential"), passes=2)
    done = repairer.run(clip, torch.Generator(), told.append, on_early=early.append)
    # First 0 from 1, 2 from 1, 3 from 2; and then 3 from 2, 2 from 3, 0 from 1.
    assert [int(done.frames[k, 0, 3, 3]) for k in range(4)] == [11, 10, 13, 12]
    assert [int(done.frames[k, 0, 0, 0]) for k in range(4)] == [0, 10, 20, 30]
    assert editor.missing == [1.0] * 6
    assert [(edit.frame, edit.contexts[0]) for edit in done.edits] == [(3, 2), (2, 3), (0, 1)]
    assert [edit.frame for edit in early] == [0, 2, 3]
    assert len(told) == 3
    assert done.done
    assert not done.turned
    assert torch.equal(done.masks, state(4).masks)


def test_counts_of_numpy_become_whole_numbers_of_python():
    repairer = Repairer(Copying(), load_selector("sequential"), np.int64(3), np.int64(2))
    assert json.dumps([repairer.contexts, repairer.passes]) == "[3, 2]"


def test_three_passes_end_in_the_order_of_time():
    done = Repairer(Counting(), load_selector("sequential"), passes=3).run(state(4), torch.Generator())
    assert [edit.frame for edit in done.edits] == [0, 2, 3]
    assert [int(done.frames[k, 0, 0, 0]) for k in range(4)] == [0, 10, 20, 30]


def test_turning_time_twice_changes_nothing():
    clip = state(5)
    frames, masks = clip.frames.clone(), clip.masks.clone()
    clip = RepairState.begin(clip.frames, clip.masks, start=20, far=(3,), landmarks=(0, 1))
    memory = clip.frames.data_ptr()
    clip.turn()
    assert clip.numbers == (23, 22, 21, 20, 3)
    assert clip.landmarks == (3, 2)
    assert torch.equal(clip.frames, frames[[3, 2, 1, 0, 4]])
    assert clip.pending.tolist() == [True, True, False, True, True]
    clip.turn()
    assert clip.numbers == (20, 21, 22, 23, 3)
    assert torch.equal(clip.frames, frames)
    assert torch.equal(clip.masks, masks)
    assert clip.frames.data_ptr() == memory


def test_threads_that_share_a_repairer_take_turns():
    class Slow(Copying):
        def edit(self, target, mask, contexts):
            time.sleep(0.002)
            return super().edit(target, mask, contexts)

    shared = Repairer(Slow(), load_selector("sight"))
    lengths = (4, 12, 7)
    expected = [Repairer(Slow(), load_selector("sight")).run(state(n), torch.Generator()) for n in lengths]
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda n: shared.run(state(n), torch.Generator()), lengths))
    for found, wanted in zip(done, expected, strict=True):
        assert found.edits == wanted.edits
        assert torch.equal(found.frames, wanted.frames)


def test_a_repairer_travels_to_other_processes():
    found = pickle.loads(pickle.dumps(Repairer(Copying(), load_selector("sequential"), 3))).run(
        state(4), torch.Generator()
    )
    assert found.done


class Careless(Selector):
    """Chooses the same whatever the state; gives itself no name."""

    def __init__(self, frame: int, *contexts: int) -> None:
        self.edit = Edit(frame, contexts)

    def select(self, state):
        return self.edit


@pytest.mark.parametrize(
    ("frame", "contexts", "says"),
    [
        (0, (2,), "Careless chose frame 0, which is not pending"),  # when it is chosen again: once it hung for ever
        (1, (2,), "frame 1, which is not pending"),
        (-1, (2,), "frame -1, which"),
        (4, (2,), "frame 4, which"),
        (0, (2, 0), "0 as a context of frame 0, which has to be another of the 4 frames"),
        (0, (-1,), "-1 as a context"),
        (0, (4,), "4 as a context"),
    ],
)
def test_a_selector_that_chooses_what_it_must_not_is_stopped(frame, contexts, says):
    with pytest.raises(UserError, match=says):
        Repairer(Copying(), Careless(frame, *contexts)).run(state(4), torch.Generator())


@pytest.mark.parametrize("kind", [np.int64, torch.tensor])
def test_whole_numbers_of_other_libraries_are_taken_as_numbers(kind):
    class Borrowing(Selector):
        def select(self, state):
            return Edit(kind(int(state.pending.nonzero()[0])), [kind(1)])

    # Two tensors of the same number are different keys, so what was kept about a frame was not found again.
    editor = Copying()
    edits = Repairer(editor, Borrowing()).run(state(4), torch.Generator()).edits
    assert edits == [Edit(frame, (1,)) for frame in (0, 2, 3)]
    assert editor.looks == 4


@pytest.mark.parametrize("edit", [None, (0, (2,)), Edit(0.5, (2,)), Edit(0, 2)])
def test_a_selector_that_gives_no_edit_is_told_so(edit):
    careless = Careless(0)
    careless.edit = edit
    with pytest.raises(UserError, match="which is no Edit of whole numbers"):
        Repairer(Copying(), careless).run(state(4), torch.Generator())


def test_a_repair_that_is_broken_off_leaves_no_clip_behind():
    def stop(edit):
        raise KeyboardInterrupt

    selector = load_selector("sequential")
    with pytest.raises(KeyboardInterrupt):
        Repairer(Copying(), selector).run(state(4), torch.Generator(), stop)
    assert selector.session is None


def test_what_an_editor_of_ones_own_overshoots_is_cut_off():
    class Sharpening(Copying):
        def edit(self, target, mask, contexts):
            value = torch.tensor([-0.1, 0.5, 1.1]).view(3, 1, 1).expand_as(target.frame)
            return Repair(paste(target.frame, value, mask), mask * 1.1)

    done = Repairer(Sharpening(), load_selector("sequential")).run(state(4), torch.Generator())
    assert done.frames[3, :, 3, 3].tolist() == [0, 128, 255]
    assert int(done.doubt[3, 0, 3, 3]) == 255


def test_an_editor_that_gives_itself_no_name_has_that_of_its_class():
    class Plain(Copying):
        pass

    class Nameless(Editor):
        prepare, edit = Copying.prepare, Copying.edit

    assert (Plain.name, Nameless.name, Careless.name) == ("copying", "Nameless", "Careless")
