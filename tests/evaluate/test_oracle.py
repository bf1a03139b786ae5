"""The oracle before an editor whose repairs are as good as a table says."""

import itertools

import pytest
import torch

from rovr.data.corrupt import shift_masks
from rovr.editor.base import Repair
from rovr.evaluate.oracle import Oracle
from rovr.mdp.state import RepairState
from rovr.select import load_selector


class Table:
    """Leaves an error that depends on the frame and on the set of its contexts alone."""

    def __init__(self, truth, seed=0):
        self.truth, self.seed, self.tried = truth, seed, 0

    def error(self, frame, contexts):
        key = hash((self.seed, frame, *sorted(contexts))) % 1000
        return 0.1 + key / 2000

    def forget(self, frame):
        """Nothing was kept."""

    def edit(self, frame, mask, contexts):
        self.tried += 1
        image = (self.truth[frame] / 255 + self.error(frame, contexts) * mask).float()
        return Repair(image, mask.float())


def begin(length=7, seed=0, **rest):
    masks = shift_masks(length, 32, 32, seed)
    truth = torch.zeros(length, 3, 32, 32, dtype=torch.uint8)
    return truth, RepairState.begin(truth.clone(), masks, **rest)


def play(selector, state, table, contexts=2):
    selector.attend(table)
    selector.reset(state, torch.Generator(), contexts)
    edits = []
    while not state.done:
        edits.append(edit := selector.select(state))
        state.record(edit, torch.zeros(3, 32, 32), state.masks[edit.frame] * 0.3)
    return edits


@pytest.mark.parametrize("seed", range(6))
def test_it_takes_the_best_single_context(seed):
    truth, state = begin(seed=seed)
    table, oracle = Table(truth, seed), Oracle()
    oracle.truth = truth
    for k, edit in enumerate(play(oracle, state, table, contexts=1)):
        assert edit.frame == k
        others = [j for j in range(7) if j != k]
        assert edit.contexts == (min(others, key=lambda j: table.error(k, (j,))),)


@pytest.mark.parametrize("seed", range(6))
def test_pairs_are_no_worse_than_the_rules_own(seed):
    truth, state = begin(seed=seed)
    table, oracle, rule = Table(truth, seed), Oracle(), load_selector("coverage")
    oracle.truth = truth
    oracle.attend(table)
    better = 0
    for selector in (oracle, rule):
        selector.reset(state, torch.Generator(), 2)
    while not state.done:
        ours, theirs = oracle.select(state), rule.select(state)
        assert ours.frame == theirs.frame
        assert len(set(ours.contexts)) == 2
        assert ours.frame not in ours.contexts
        errors = [table.error(edit.frame, edit.contexts) for edit in (ours, theirs)]
        assert errors[0] <= errors[1]
        better += errors[0] < errors[1]
        # Once the first is picked, no other second is better.
        seconds = [j for j in range(7) if j not in (ours.frame, ours.contexts[0])]
        assert errors[0] == min(table.error(ours.frame, (ours.contexts[0], j)) for j in seconds)
        state.record(ours, torch.zeros(3, 32, 32), state.masks[ours.frame] * 0.3)
    assert better
    every = sum(1 for _ in itertools.combinations(range(6), 2))
    assert table.tried < 7 * every * 2


def test_blocks_of_a_video_are_judged_by_their_own_truth():
    truth, _ = begin()
    video = torch.cat([torch.full_like(truth[:3], 200), truth])
    _, state = begin(start=3)
    table, oracle = Table(truth), Oracle()
    oracle.truth = video
    edits = play(oracle, state, table, contexts=1)
    assert edits[0].contexts == (min(range(1, 7), key=lambda j: table.error(0, (j,))),)


def test_a_second_pass_is_judged_by_the_truth_of_its_own_frames():
    truth, state = begin()
    truth = truth + 30 * torch.arange(7, dtype=torch.uint8)[:, None, None, None]
    state.doubt.zero_()
    state.turn()
    table, oracle = Table(truth.flip(0)), Oracle()
    oracle.truth = truth
    oracle.attend(table)
    oracle.reset(state, torch.Generator(), 1)
    edit = oracle.select(state)
    assert edit.frame == 0
    assert edit.contexts == (min(range(1, 7), key=lambda j: table.error(0, (j,))),)
    # It was tried on the hole and not on what the first pass made of it.
    assert torch.equal(state.doubt[0] > 0, state.masks[0])


def test_clips_too_short_for_as_many_contexts():
    truth, state = begin(length=2)
    oracle = Oracle()
    oracle.truth = truth
    assert [edit.contexts for edit in play(oracle, state, Table(truth))] == [(1,), (0,)]
