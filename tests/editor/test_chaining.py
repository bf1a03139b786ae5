import gc
import itertools
import weakref

import numpy as np
import pytest
import torch
from test_alignment import seen, texture

from rovr.editor.aligned import AlignedEditor
from rovr.editor.alignment import Aligner, Look
from rovr.editor.chaining import AROUND, BESIDE, KEEP, NEAR, Chain
from rovr.editor.motion import MotionNet
from rovr.mdp.state import RepairState


def chain_of(length: int, holed: bool = True) -> Chain:
    return Chain(Aligner(), MotionNet(), np.full(length, holed))


def test_steps_add_up_and_are_found_once() -> None:
    world = texture(3, 128, 260)
    looks = [seen(world[:, 6 * k : 6 * k + 128]) for k in range(8)]
    chain, look = chain_of(8), looks.__getitem__
    measured: list[int] = []
    measure = chain.aligner.moves
    chain.aligner.moves = lambda a, b: measured.append(1) or measure(a, b)  # type: ignore
    flow = chain.flow(0, 7, look)
    inside = (slice(10, 118), slice(60, 118))
    assert np.abs(flow[inside][..., :2] - np.array([-42, 0])).mean() < 0.5
    back = chain.flow(7, 0, look)
    assert np.abs(back[10:118, 10:60, :2] - np.array([42, 0])).mean() < 0.5
    assert len(measured) == 7


def test_a_hole_on_the_way_adds_doubt_but_keeps_the_motion() -> None:
    world = texture(4, 128, 200)
    looks = [seen(world[:, 3 * k : 3 * k + 128]) for k in range(3)]
    hole = (slice(50, 80), slice(50, 80))
    looks[1] = seen(world[:, 3:131], hole)
    flow = chain_of(3).flow(0, 2, looks.__getitem__)
    assert flow[60, 68, 2] > 3 * flow[20, 68, 2]
    assert np.abs(flow[55:75, 58:78, :2] - np.array([-6, 0])).mean() < 0.3


def test_the_network_corrects_around_holes_and_nowhere_else() -> None:
    world, hole = texture(7, 96, 120), (slice(40, 56), slice(60, 72))
    looks = [seen(world[:, 2 * k : 2 * k + 96], hole if k == 2 else None) for k in range(5)]
    plain, learned = chain_of(5), chain_of(5)
    torch.nn.init.constant_(learned.net.unet.head.bias, 1.0)  # corrects every pixel it may by as much
    asked: list[torch.Size] = []
    learned.net.register_forward_pre_hook(lambda net, told: asked.append(told[0].shape[-2:]))
    place = slice(40 - BESIDE, 56 + BESIDE), slice(60 - BESIDE, 72 + BESIDE)
    for start, way in ((2, 1), (1, 1), (2, -1), (3, -1)):  # from the hole, and into it
        gap = learned.step(start, way, looks.__getitem__) - plain.step(start, way, looks.__getitem__)
        assert (gap[44:52, 64:68, :2] > 0).all()
        gap[place] = 0
        assert not gap.any()
    assert not (learned.step(0, 1, looks.__getitem__) - plain.step(0, 1, looks.__getitem__)).any()
    assert set(asked) == {(16 + 2 * BESIDE, 12 + 2 * BESIDE)}


def test_a_long_clip_is_completed_in_chunks_that_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    chunk = 12
    monkeypatch.setattr("rovr.editor.chaining.CHUNK", chunk)
    world = texture(5, 64, 64 + 2 * chunk * (KEEP + 2))
    asked: list[int] = []

    def look(index: int) -> Look:
        asked.append(index)
        return seen(world[:, 2 * index : 2 * index + 64])

    chain = chain_of(chunk * (KEEP + 2))
    assert np.allclose(chain.step(chunk, 1, look)[16:48, 16:48, :2], [-2, 0], atol=0.2)
    assert min(asked) == chunk - AROUND
    assert max(asked) == 2 * chunk + AROUND - 1
    for number in range(KEEP + 2):
        chain.step(number * chunk, 1, look)
    assert len(chain.chunks) == KEEP
    assert len(chain.moves) <= chunk + 2 * AROUND
    # Across the seam between two chunks the motion is the same.
    across = chain.flow(2 * chunk - 2, 2 * chunk + 2, look)
    assert np.allclose(across[16:48, 16:48, :2], [-8, 0], atol=0.4)


def test_far_from_holes_only_what_is_asked_for_is_measured() -> None:
    world = texture(6, 64, 200)
    holed = np.zeros(40, bool)
    holed[20] = True
    chain = Chain(Aligner(), MotionNet(), holed)
    measured: list[int] = []
    measure = chain.aligner.moves
    chain.aligner.moves = lambda a, b: measured.append(1) or measure(a, b)  # type: ignore

    def look(index: int) -> Look:
        hole = (slice(20, 30), slice(20, 30)) if index == 20 else None
        return seen(world[:, 2 * index : 2 * index + 64], hole)

    flow = chain.flow(20, 21, look)
    assert len(measured) == 2 * NEAR
    assert np.abs(flow[16:48, 16:48, :2] - np.array([-2, 0])).mean() < 0.1
    assert np.allclose(chain.flow(30, 28, look)[16:48, 16:48, :2], [4, 0], atol=0.3)
    assert len(measured) == 2 * NEAR + 2
    # The seam between what is near a hole and what is not.
    assert np.abs(chain.flow(20, 25, look)[16:48, 16:48, :2] - np.array([-10, 0])).mean() < 0.2


@torch.inference_mode()
def test_a_session_chains_and_looks_at_changed_frames_anew() -> None:
    frames = torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8)
    state = RepairState.begin(frames, torch.zeros(4, 1, 64, 64, dtype=torch.bool))
    session = AlignedEditor().session(state, 4)
    flows, error = session.flows(0, [2, 3])
    assert flows.shape == (2, 2, 32, 32)
    assert error.shape == (2, 1, 32, 32)
    expected = session.chain.flow(0, 3, lambda k: session.look(k).cache.look)  # type: ignore[attr-defined]
    assert np.allclose(flows[1].permute(1, 2, 0), expected[..., :2])
    before = session.look(1).cache.look.gray
    frames[1] = 255 - frames[1]
    session.forget(1)
    assert (session.look(1).cache.look.gray != before).any()


@torch.inference_mode()
def test_a_session_is_gone_when_nobody_holds_it() -> None:
    # Without waiting for the collector of rings: a session is large, and there is one for every few dozen frames.
    frames = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    session = AlignedEditor().session(RepairState.begin(frames, torch.zeros(3, 1, 32, 32, dtype=torch.bool)), 3)
    session.flows(0, [2])  # type: ignore[attr-defined]
    gone = weakref.ref(session)
    gc.disable()
    try:
        del session
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("length", range(1, 8))
def test_motion_is_completed_near_every_hole_however_short_the_clip(length: int) -> None:
    for holes in itertools.product((False, True), repeat=length):
        near = Chain(Aligner(), MotionNet(), np.array(holes)).near
        assert near.tolist() == [any(holes[max(0, i - NEAR) : i + NEAR + 1]) for i in range(length)]
