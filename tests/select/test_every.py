"""What holds for every selector, whoever adds one."""

import json
from pathlib import Path

import pytest
import torch
from conftest import moving_texture
from test_selectors import play

from rovr.cli import main
from rovr.data.corrupt import shift_masks
from rovr.mdp.state import RepairState
from rovr.select import SELECTORS, load_selector

TABLE = Path(__file__).parents[2] / "docs" / "add-selector.md"


def clip(length, side=32):
    frames = torch.from_numpy(moving_texture(length, side, side)).permute(0, 3, 1, 2).contiguous()
    return RepairState.begin(frames, shift_masks(length, side, side, 1))


@pytest.mark.parametrize("contexts", [1, 2, 3])
@pytest.mark.parametrize("length", [1, 2, 3, 11])
@pytest.mark.parametrize("name", SELECTORS)
def test_it_finishes_a_clip(name, length, contexts):
    state = clip(length)
    before = [x.clone() for x in (state.frames, state.masks)]
    edits = play(load_selector(name), state, contexts, left=0.3)
    assert sorted(edit.frame for edit in edits) == list(range(length))
    for edit in edits:
        assert edit.frame not in edit.contexts
        assert len(set(edit.contexts)) == len(edit.contexts) == min(contexts, length - 1)
        assert all(0 <= c < length for c in edit.contexts)
        assert all(type(index) is int for index in (edit.frame, *edit.contexts))
    assert torch.equal(state.masks, before[1])
    assert torch.equal(state.frames * ~state.masks, before[0] * ~state.masks)


@pytest.mark.parametrize("name", SELECTORS)
def test_it_chooses_the_same_again(name):
    first, again = (play(load_selector(name), clip(9), 2, left=0.3) for _ in range(2))
    assert first == again


@pytest.mark.parametrize("name", SELECTORS)
def test_it_begins_anew_with_every_clip(name):
    selector = load_selector(name)
    play(selector, clip(12), 2, left=0.3)
    assert play(selector, clip(7), 2, left=0.3) == play(load_selector(name), clip(7), 2, left=0.3)


@pytest.mark.parametrize("name", SELECTORS)
def test_it_leaves_whole_frames_alone(name):
    state = clip(9)
    state.masks[[0, 4, 8]] = False
    state = RepairState.begin(state.frames, state.masks)
    assert sorted(edit.frame for edit in play(load_selector(name), state, 2)) == [1, 2, 3, 5, 6, 7]


@pytest.mark.parametrize("name", SELECTORS)
def test_the_command_line_takes_it(name, video, hole, tmp_path, capsys):
    asked = ["restore", str(video(count=5)), "--mask", str(hole), "-o", str(tmp_path / "out.mkv"), "--lossless"]
    assert main([*asked, "--selector", name, "--editor", "telea", "--device", "cpu", "--json", "--quiet"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["selector"], said["repaired"]) == (name, 5)


@pytest.mark.parametrize("name", SELECTORS)
def test_the_documents_list_it(name):
    assert f"\n| `{name}` |" in TABLE.read_text()
