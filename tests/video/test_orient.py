import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rovr.video import open_source
from rovr.video.orient import Orientation

ONE = 1 << 16
# All eight ways to turn and mirror by quarter turns.
STRAIGHT = [(a * ONE, 0, 0, d * ONE) for a in (1, -1) for d in (1, -1)]
TURNED = [(0, b * ONE, c * ONE, 0) for b in (1, -1) for c in (1, -1)]


@given(st.sampled_from(STRAIGHT + TURNED), st.integers(1, 5), st.integers(1, 5))
def test_there_and_back(entries, height, width):
    a, b, c, d = entries
    turn = Orientation.from_matrix((a, b, 0, c, d, 0, 0, 0, 1 << 30))
    stored = np.arange(height * width).reshape(height, width)
    shown = turn.to_shown(stored)
    assert shown.shape[::-1] == turn.shown_size(width, height)
    np.testing.assert_array_equal(turn.to_stored(shown), stored)


def test_quarter_turn_clockwise_moves_top_left_to_top_right():
    turn = Orientation.from_matrix((0, ONE, 0, -ONE, 0, 0, 0, 0, 1 << 30))
    assert turn.degrees == 90
    stored = np.zeros((4, 6), int)
    stored[0, 0] = 1
    shown = turn.to_shown(stored)
    assert shown.shape == (6, 4)
    assert shown[0, -1] == 1


@pytest.mark.parametrize(("counter_clockwise", "clockwise"), [(90, 270), (180, 180), (270, 90), (0, 0)])
def test_matrix_of_a_file(video, counter_clockwise, clockwise):
    with open_source(video(rotation=counter_clockwise)) as source:
        info = source.info
    assert info.orientation.degrees == clockwise
    assert info.shown_size == ((48, 64) if clockwise in (90, 270) else (64, 48))


def test_odd_angles_are_left_alone():
    turn = Orientation.from_matrix((46341, 46341, 0, -46341, 46341, 0, 0, 0, 1 << 30))
    assert not turn.exact
    assert turn.upright
