import numpy as np
import torch
from test_alignment import seen, texture

from rovr.editor.aligned import AlignedEditor
from rovr.editor.alignment import Aligner
from rovr.editor.chaining import Chain


def test_steps_add_up_and_are_found_once() -> None:
    world = texture(3, 128, 260)
    looks = [seen(world[:, 6 * k : 6 * k + 128]) for k in range(8)]
    asked: list[int] = []

    def look(index: int):
        asked.append(index)
        return looks[index]

    chain = Chain(Aligner(), look)
    flow, trust = chain.flow(0, 7)
    inside = (slice(10, 118), slice(60, 118))
    assert np.abs(flow[inside] - np.array([-42, 0])).mean() < 1
    assert trust[inside].mean() > 0.8
    assert len(asked) == 14
    back, _ = chain.flow(7, 0)
    assert len(asked) == 14
    assert np.abs(back[10:118, 10:60] - np.array([42, 0])).mean() < 1


def test_a_hole_on_the_way_takes_trust_but_not_motion() -> None:
    world = texture(4, 128, 200)
    looks = [seen(world[:, 3 * k : 3 * k + 128]) for k in range(3)]
    hole = (slice(50, 80), slice(50, 80))
    looks[1] = seen(world[:, 3:131], hole)
    flow, trust = Chain(Aligner(), lambda k: looks[k]).flow(0, 2)
    assert trust[60, 68] == 0
    assert np.abs(flow[55:75, 58:78] - np.array([-6, 0])).mean() < 0.7


@torch.inference_mode()
def test_a_session_gives_the_chain_as_third_candidate() -> None:
    frames = torch.rand(4, 3, 64, 64)
    masks = torch.zeros(4, 1, 64, 64)
    editor = AlignedEditor()
    session = editor.session(lambda k: (frames[k], masks[k]), 4)
    flows, trust = session.flows(0, [2, 3])
    assert flows.shape == (2, 3, 2, 32, 32)
    assert trust.shape == (2, 3, 1, 32, 32)
    expected, _ = session.chain.flow(0, 3)  # type: ignore[attr-defined]
    assert np.allclose(flows[1, 2].permute(1, 2, 0), expected)
