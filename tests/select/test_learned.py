from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from rovr.agents import Agent, AgentConfig
from rovr.data.cases import Case, make_case
from rovr.editor.aligned import AlignedEditor
from rovr.editor.sight import gain
from rovr.errors import UserError
from rovr.mdp.encoder import EditorEncoder
from rovr.mdp.environment import RepairEnv
from rovr.mdp.observation import look
from rovr.mdp.reward import Reward
from rovr.mdp.state import RepairState
from rovr.repair import Repairer
from rovr.rl.rollout import collect, greedy
from rovr.select import load_selector
from rovr.select.learned import BEHIND, WINDOW, Learned
from rovr.select.sight import what_is_seen


def opinionated(folder: Path) -> Path:
    """An agent whose choices are far from ties."""
    agent = Agent(AgentConfig(seed=3))
    with torch.no_grad():
        for parameter in agent.parameters():
            parameter += 0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(parameter.numel()))
    agent.save(folder / "agent.safetensors")
    return folder / "agent.safetensors"


def case(length: int, side: int = 48) -> Case:
    texture = torch.nn.functional.avg_pool2d(torch.rand(1, 3, side + 6, side + 6 + length), 7, stride=1)
    truth = torch.stack([texture[0, :, :, k : k + side] for k in range(length)])
    truth = ((truth - truth.min()) / (truth.max() - truth.min()) * 255).to(torch.uint8)
    return make_case(truth, "shift", 1)


def test_it_chooses_as_the_agent_does_in_the_environment(tmp_path: Path) -> None:
    torch.manual_seed(0)
    path, clip, editor = opinionated(tmp_path), case(5), AlignedEditor()
    env = RepairEnv(editor, EditorEncoder(), lambda chance: clip, Reward(), 1)
    rollout = collect(env, env.begin([clip]), greedy(Agent.load(path)))
    state = RepairState.begin(clip.frames.clone(), clip.masks)
    Repairer(editor, load_selector(str(path))).run(state, torch.Generator())
    picked = [index for edit in state.edits for index in (edit.frame, *edit.contexts)]
    assert picked == rollout.actions[:, 0].tolist()


@pytest.mark.parametrize("attended", [True, False])
def test_what_lies_in_a_hole_has_no_say(tmp_path: Path, attended: bool) -> None:
    """The frame to repair is shown as in training, where its hole is filled smoothly."""
    torch.manual_seed(0)
    path, clip, editor, shown = opinionated(tmp_path), case(5), AlignedEditor(), list[torch.Tensor]()
    for fill in (128, 0, 255):
        frames = torch.where(clip.masks, torch.full_like(clip.frames, fill), clip.frames)
        state = RepairState.begin(frames, clip.masks)
        selector = Learned(path)
        policy = selector.agent.context_policy
        glance = policy.glance
        policy.glance = lambda seen, glance=glance: (shown.append(seen["frame"]), glance(seen))[1]  # type: ignore[method-assign]
        selector.attend(editor.session(state, 9) if attended else None)
        selector.reset(state, torch.Generator(), 2)
        edit = selector.select(state)
    assert torch.equal(shown[0], shown[1])
    assert torch.equal(shown[0], shown[2])
    env = RepairEnv(editor, EditorEncoder(), lambda chance: clip, Reward(), 1)
    env.begin([clip])
    trained = env.step(torch.tensor([edit.frame]))[0]["frame"]
    assert torch.allclose(shown[0], trained, atol=1e-5 if attended else 0.15)


def test_further_contexts_than_it_knows_are_picked_by_the_rule(tmp_path: Path) -> None:
    torch.manual_seed(0)
    selector, clip, editor = load_selector(str(opinionated(tmp_path))), case(9), AlignedEditor()
    state = RepairState.begin(clip.frames.clone(), clip.masks)
    session = editor.session(state, 9)
    selector.attend(session)
    picks = []
    for count in (2, 4):
        selector.reset(state, torch.Generator(), count)
        picks.append(selector.select(state))
    two, four = picks
    assert (four.frame, four.contexts[:2]) == (two.frame, two.contexts)
    view = look(torch.zeros(1, 4, 64, 64), what_is_seen(session, state, two.frame, 0, 9)[None])
    hole = F.adaptive_avg_pool2d(clip.masks[two.frame].float(), 16)
    for k in (2, 3):
        taken = torch.zeros(1, 9, dtype=torch.bool)
        taken[0, list(four.contexts[:k])] = True
        added = gain(view.sight[:, :, 1], hole, taken)[0]
        added[[two.frame, *four.contexts[:k]]] = -1
        assert added[four.contexts[k]] == pytest.approx(float(added.max()), abs=1e-3)


def test_the_window_moves_along_a_long_clip(tmp_path: Path) -> None:
    selector, clip = load_selector(str(opinionated(tmp_path))), case(2 * WINDOW + 5, 16)
    state = RepairState.begin(clip.frames.clone(), clip.masks)
    selector.reset(state, torch.Generator(), 2)
    while not state.done:
        first = int(state.pending.int().argmax())
        edit = selector.select(state)
        assert state.pending[edit.frame]
        assert len({edit.frame, *edit.contexts}) == 3
        assert first - BEHIND - 1 <= min(edit.frame, *edit.contexts) or first + WINDOW > state.length
        assert max(edit.frame, *edit.contexts) < max(first, WINDOW) + WINDOW
        state.record(edit, state.frames[edit.frame] / 255, state.masks[edit.frame].float() / 2)


def test_no_frame_is_looked_at_twice_however_many_are_asked_for(tmp_path: Path) -> None:
    selector, clip = load_selector(str(opinionated(tmp_path))), case(WINDOW + 15, 16)
    state = RepairState.begin(clip.frames.clone(), clip.masks)
    selector.reset(state, torch.Generator(), WINDOW + 5)
    edit = selector.select(state)
    assert len({edit.frame, *edit.contexts}) == 1 + len(edit.contexts) == WINDOW


def test_a_file_that_is_no_agent_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"nothing of the kind")
    for name in ("x", "missing"):
        with pytest.raises(UserError):
            load_selector(str(tmp_path / f"{name}.safetensors"))
