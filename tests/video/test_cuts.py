import cv2
import numpy as np
import pytest

from rovr.video.cuts import likeness, thumb, with_cuts

CLEAR = np.zeros((96, 160), bool)


def scene(seed, length, speed=3):
    """A picture of soft blotches, panned over."""
    chance = np.random.default_rng(seed)
    wide = cv2.GaussianBlur(chance.uniform(0, 255, (96, 160 + length * speed, 3)).astype(np.float32), (0, 0), 9)
    wide = 128 + (wide - wide.mean()) * 12
    return [np.clip(wide[:, i * speed : i * speed + 160], 0, 255).astype(np.uint8) for i in range(length)]


def holes(count):
    """A box that hides a quarter of the frame and drifts."""
    masks = np.zeros((count, 96, 160), bool)
    for i in range(count):
        masks[i, 10:58, (3 * i) % 80 : (3 * i) % 80 + 80] = True
    return masks


def found(frames, masks=None):
    masks = [CLEAR] * len(frames) if masks is None else masks
    spoiled = [np.where(mask[..., None], 0, frame).astype(np.uint8) for frame, mask in zip(frames, masks, strict=True)]
    pairs = list(with_cuts(range(len(frames)), lambda i: thumb(spoiled[i], masks[i])))
    assert [i for i, _ in pairs] == list(range(len(frames)))
    return [i for i, cut in pairs if cut]


@pytest.mark.parametrize("damaged", [False, True])
def test_every_cut_is_found_and_nothing_else(damaged):
    frames = scene(0, 9) + scene(1, 2) + scene(2, 12) + scene(3, 6)
    assert found(frames, holes(len(frames)) if damaged else None) == [9, 11, 23]


@pytest.mark.parametrize("lost", [[8], [9], [8, 9], [7, 8], [9, 10], [6, 9], [10], [0, 1, 8], [9, 16, 17]])
def test_frames_missing_as_a_whole_do_not_hide_a_cut(lost):
    frames = scene(0, 9) + scene(1, 9)
    masks = holes(len(frames))
    masks[lost] = True
    # Those at the cut go with the scene before.
    assert found(frames, masks) == [next(i for i in range(9, 18) if i not in lost)]


@pytest.mark.parametrize("speed", [3, 12])
@pytest.mark.parametrize("lost", [range(8, 9), range(8, 12), range(5, 15), range(9), range(11, 20), range(0, 20, 2)])
def test_frames_missing_as_a_whole_are_no_cut(lost, speed):
    frames = scene(0, 20, speed)
    masks = holes(len(frames))
    masks[list(lost)] = True
    assert found(frames, masks) == []


@pytest.mark.parametrize("lost", [[9], [9, 10], [9, 10, 11, 12]])
def test_frames_missing_between_black_bars_are_no_cut(lost):
    frames, bars = scene(0, 20), np.s_[:, [*range(18), *range(78, 96)]]
    frames, masks = np.stack(frames), holes(20)
    masks[lost], frames[bars], masks[bars] = True, 3, False
    assert found(list(frames), masks) == []


def test_flicker_is_no_cut():
    chance = np.random.default_rng(0)
    frames = [np.clip(f * chance.uniform(0.6, 1.4) + chance.normal(0, 6, f.shape), 0, 255) for f in scene(0, 20)]
    frames += [np.clip(f * chance.uniform(0.6, 1.4) + chance.normal(0, 6, f.shape), 0, 255) for f in scene(1, 20)]
    assert found([frame.astype(np.uint8) for frame in frames]) == [20]


@pytest.mark.parametrize("at", [0, 1, 5, 18, 19])
def test_a_single_strange_frame_is_no_cut(at):
    frames = scene(0, 20)
    frames[at] = scene(9, 1)[0]
    assert found(frames) == []


def test_black_and_still_frames_are_no_cut():
    assert found([np.zeros((96, 160, 3), np.uint8)] * 10) == []
    assert found(scene(0, 1) * 10) == []


def test_a_cut_from_black_is_found():
    assert found([np.zeros((96, 160, 3), np.uint8)] * 6 + scene(0, 6)) == [6]


def test_frames_without_anything_in_common_to_see_are_taken_for_one_scene():
    left, right = CLEAR.copy(), CLEAR.copy()
    left[:, :80], right[:, 80:] = True, True
    a, b = scene(0, 1)[0], scene(1, 1)[0]
    assert likeness(thumb(a, left), thumb(b, right)) == 1.0


@pytest.mark.parametrize("shape", [(1, 1), (2, 500), (24, 40), (1080, 1920)])
def test_pictures_of_any_size_are_like_themselves(shape):
    frame = np.random.default_rng(0).integers(0, 255, (*shape, 3), np.uint8)
    small = thumb(frame, np.zeros(shape, bool))
    assert likeness(small, small) == pytest.approx(1)
