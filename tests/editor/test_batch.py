import pytest
import torch
from test_editors import moving

from rovr.data.corrupt import damage, make_masks
from rovr.editor.aligned import AlignedEditor
from rovr.editor.batch import BatchSession
from rovr.editor.loading import load_editor
from rovr.mdp.state import RepairState
from rovr.types import Edit


def clip(seed: int, length: int = 6, side: int = 64) -> RepairState:
    frames = (moving(length, side, side, step=seed + 1) * 255).round().byte()
    masks = make_masks("shift", length, side, side, seed)
    return RepairState.begin(damage(frames, masks), masks)


EDITS = [Edit(2, (3, 5)), Edit(0, (1, 2)), Edit(1, (0, 4))]


@pytest.mark.parametrize("trained", [False, True])
@torch.inference_mode()
def test_a_batch_repairs_as_a_session_does(trained: bool) -> None:
    editor = load_editor("aligned") if trained else AlignedEditor()
    assert isinstance(editor, AlignedEditor)
    editor.bf16 = False
    for seed in range(3):
        state = clip(seed)
        batch = BatchSession(editor, [state])
        session = editor.session(state, state.length)
        row = torch.tensor([0])
        for edit in EDITS:
            repair = session.edit(edit.frame, state.masks[edit.frame], edit.contexts)
            state.record(edit, repair.frame, repair.doubt)
            session.forget(edit.frame)
            frame = torch.tensor([edit.frame])
            image, doubt = batch.edit(row, frame, state.masks[frame], torch.tensor([edit.contexts]))
            batch.record(row, frame, image, doubt)
            # OpenCV fetches flow at thirty-seconds of a pixel; that is all that may differ.
            assert (image[0] - repair.frame).abs().mean() < 2e-3
            assert (doubt[0] - repair.doubt).abs().mean() < 1e-2


@torch.inference_mode()
def test_clips_of_a_batch_do_not_disturb_each_other() -> None:
    editor = AlignedEditor()
    states = [clip(seed) for seed in range(3)]
    rows, frames, contexts = torch.arange(3), torch.tensor([2, 0, 4]), torch.tensor([[1, 5], [3, 1], [0, 2]])
    masks = torch.stack([s.masks[f] for s, f in zip(states, frames, strict=True)])
    together, _ = BatchSession(editor, states).edit(rows, frames, masks, contexts)
    for k, state in enumerate(states):
        one = torch.tensor([0])
        alone, _ = BatchSession(editor, [state]).edit(one, frames[k : k + 1], masks[k : k + 1], contexts[k : k + 1])
        # Windows of one size for all see more or less of the surroundings.
        assert (together[k] - alone[0]).abs().mean() < 5e-3


@torch.inference_mode()
def test_repeated_clips_part_when_repaired_differently() -> None:
    twin = BatchSession(AlignedEditor(), [clip(0), clip(1)]).repeated(2)
    assert torch.equal(twin.seen[0], twin.seen[1])
    frames = torch.tensor([1])
    mask = clip(0).masks[1][None]
    image, doubt = twin.edit(torch.tensor([0]), frames, mask, torch.tensor([[0, 2]]))
    twin.record(torch.tensor([0]), frames, image, doubt)
    assert not torch.equal(twin.seen[0], twin.seen[1])


@pytest.mark.parametrize("side", [33, 300])
def test_sizes_it_cannot_do_are_refused(side: int) -> None:
    with pytest.raises(ValueError, match="even sides"):
        BatchSession(AlignedEditor(), [clip(0, 2, side)])
