import torch

from rovr.editor.base import Editor, Prepared, Repair, paste
from rovr.mdp.state import RepairState
from rovr.repair import Repairer
from rovr.select import load_selector


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
