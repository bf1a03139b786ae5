"""What finders find, measured on damage that was put there."""

import cv2
import numpy as np
import pytest
from panned import HEIGHT, WIDTH, blended, pan, precision_recall, shown

from rovr.data.corrupt import make_masks
from rovr.errors import UserError
from rovr.masking import find_logo, finding_scratches, following, logo_in
from rovr.masking.click import box_at, parse_click


def make_logo():
    logo = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.putText(logo, "TV7", (95, 80), cv2.FONT_HERSHEY_DUPLEX, 0.7, 1, 2)
    return logo > 0


@pytest.mark.parametrize(("level", "share"), [(255, 1.0), (255, 0.6)])
def test_a_logo_is_found_before_a_moving_picture(level, share):
    logo = make_logo()
    found = logo_in(blended(pan(30), logo, level, share))
    # What lies between the letters counts as logo, too.
    area = cv2.morphologyEx(logo.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8)) > 0
    precision, _ = precision_recall(found, area, 2)
    assert precision > 0.9
    assert (found & logo).sum() / logo.sum() > 0.9


@pytest.mark.parametrize("corner", [False, True])
def test_an_opaque_logo_as_bright_as_the_picture_is_found_whole(corner):
    logo = np.zeros((HEIGHT, WIDTH), np.uint8)
    if corner:
        logo[: HEIGHT // 5, -WIDTH // 5 :] = 1
    else:
        cv2.circle(logo, (WIDTH // 4, HEIGHT // 2), HEIGHT // 8, 1, -1)
    frames = pan(30)
    found = logo_in(blended(frames, logo > 0, int(np.median(frames)), 1.0))
    precision, recall = precision_recall(found, logo > 0, 2)
    assert precision > 0.95
    assert recall > 0.95


def test_clear_sky_over_a_horizon_that_goes_up_and_down_is_no_logo():
    frames = pan(30)
    for index, frame in enumerate(frames):
        frame[: round(HEIGHT * (0.12 + 0.05 * np.sin(1.7 * index)))] = 180
    with pytest.raises(UserError, match="No logo"):
        logo_in(frames)


def test_a_clip_without_a_logo_has_none():
    with pytest.raises(UserError, match="No logo"):
        logo_in(pan(30))


def test_a_camera_that_stands_still_is_told():
    rng = np.random.default_rng(0)
    still = np.clip(pan(1).repeat(8, 0) + rng.normal(0, 3, (8, HEIGHT, WIDTH)), 0, 255).astype(np.uint8)
    with pytest.raises(UserError, match="camera stands still"):
        logo_in(blended(still, make_logo(), 255))


def standing_crowd(count):
    """A camera that stands before things which move; every edge of the ground is seen more often than not."""
    rng = np.random.default_rng(3)
    ground = cv2.GaussianBlur(rng.integers(0, 256, (HEIGHT, WIDTH), np.uint8), (0, 0), 2)
    ground = cv2.normalize(ground, None, 0, 255, cv2.NORM_MINMAX)
    frames = np.repeat(ground[None], count, 0)
    for frame in frames:
        for _ in range(26):
            x, y = rng.integers(0, WIDTH), rng.integers(0, HEIGHT)
            thing = np.asarray(rng.integers(0, 256, (24, 24)), np.uint8)
            part = frame[y : y + 24, x : x + 24]
            part[:] = thing[: part.shape[0], : part.shape[1]]
    return frames


def test_a_camera_that_stands_still_before_what_moves_is_told():
    with pytest.raises(UserError, match="spread over"):
        logo_in(blended(standing_crowd(30), make_logo(), 255))


def test_a_camera_that_hardly_moves_is_told():
    moved = pan(8, 2)[[0, 0, 0, 1, 1, 1, 2, 2]]
    with pytest.raises(UserError, match="of 8 frames looked at, only"):
        logo_in(blended(moved, make_logo(), 255))


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_a_shot_that_stands_still_counts_once(share):
    moving, logo = pan(40), make_logo()
    rng = np.random.default_rng(0)
    still = round(40 * share)
    frames = moving.copy()
    frames[-still:] = np.clip(moving[:1] + rng.normal(0, 3, (still, HEIGHT, WIDTH)), 0, 255)
    found = logo_in(blended(frames, logo, 255))
    area = cv2.morphologyEx(logo.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8)) > 0
    assert precision_recall(found, area, 2)[0] > 0.9
    assert (found & logo).sum() / logo.sum() > 0.9
    with pytest.raises(UserError, match="No logo"):
        logo_in(frames)


def test_the_edge_of_a_letterbox_is_no_logo():
    frames = pan(30)
    frames[:, :12] = frames[:, -12:] = 0
    with pytest.raises(UserError, match="No logo"):
        logo_in(frames)


@pytest.mark.parametrize("high", [13, 20, 38])
@pytest.mark.parametrize("beside", [False, True])
def test_a_logo_near_a_black_bar_on_its_edge_or_in_it_is_found_without_the_bar(high, beside):
    frames, logo = pan(30), make_logo()
    # Rows 64–81 hold the logo.
    frames[:, :high] = frames[:, -high:] = 0
    frames = blended(frames, logo, 255)
    if beside:
        frames, logo = np.ascontiguousarray(frames.transpose(0, 2, 1)), logo.T
    found = logo_in(frames)
    area = cv2.morphologyEx(logo.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8)) > 0
    precision, _ = precision_recall(found, area, 3)
    assert precision > 0.9
    assert (found & logo).sum() / logo.sum() > 0.9


@pytest.mark.parametrize("sensitivity", [0.0, -1.0, 101.0, float("inf"), float("nan")])
def test_a_sensitivity_is_above_nothing_and_below_everything(sensitivity, tmp_path):
    for find in (finding_scratches, lambda given: find_logo(tmp_path / "none.mp4", given)):
        with pytest.raises(UserError, match=f"--sensitivity {sensitivity:g}: give a number above 0, up to 100"):
            find(sensitivity)


def scratched(frames, sensitivity=1.0):
    return np.stack(list(finding_scratches(sensitivity)(shown(frames))))


@pytest.mark.parametrize("level", [235, 10])
def test_scratches_are_found(level):
    frames = pan(8)
    truth = make_masks("scratch", 8, HEIGHT, WIDTH, 1)[:, 0].numpy()
    precision, recall = precision_recall(scratched(blended(frames, truth, level, 0.9)), truth)
    assert precision > 0.7
    assert recall > 0.6


def test_blotches_of_one_frame_are_found_in_every_frame_also_the_first_and_the_last():
    frames = pan(6)
    truth = np.zeros(frames.shape, bool)
    for t in range(6):
        truth[t, 20 + 8 * t : 28 + 8 * t, 30 + 15 * t : 40 + 15 * t] = True
    truth[3] = False
    found = scratched(np.where(truth, 255 * (np.arange(6) % 2)[:, None, None], frames).astype(np.uint8))
    precision, recall = precision_recall(found, truth)
    assert precision > 0.65
    assert recall > 0.6
    assert all((found[t] & truth[t]).any() for t in (0, 1, 2, 4, 5))


def test_a_clean_clip_and_a_cut_have_hardly_any_scratches():
    frames = pan(8)
    assert scratched(frames).mean() < 0.004
    frames[4:] = 255 - frames[4:, ::-1]
    assert scratched(frames).mean() < 0.01


def test_a_flicker_and_a_fade_are_no_damage_and_do_not_hide_it():
    flicker, fade = [1.1, 0.9, 1.0, 0.85, 1.15, 0.88, 1.0, 0.9], np.linspace(1, 0, 8)
    frames = pan(8)
    truth = make_masks("scratch", 8, HEIGHT, WIDTH, 1)[:, 0].numpy()
    for light in (flicker, fade):
        lit = np.clip(frames * np.array(light)[:, None, None], 0, 255).astype(np.uint8)
        assert scratched(lit).mean() < 0.004
        precision, recall = precision_recall(scratched(blended(lit, truth, 235, 0.9)), truth)
        assert precision > 0.7
        assert recall > 0.6


def test_sensitivity_finds_fainter_damage():
    frames = np.stack([cv2.GaussianBlur(frame, (0, 0), 5) for frame in pan(5)])
    truth = np.zeros(frames.shape, bool)
    truth[2, 30:40, 60:70] = True
    faint = np.clip(frames.astype(int) + 14 * truth, 0, 255).astype(np.uint8)
    assert not scratched(faint)[2].any()
    precision, recall = precision_recall(scratched(faint, 2.0)[2], truth[2])
    assert precision > 0.7
    assert recall > 0.5


def moving_object(count, vanish=None):
    """A striped ball that crosses a noisy ground by (3, 1) pixels a frame, and where it is."""
    rng = np.random.default_rng(2)
    ground = cv2.GaussianBlur(rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8), (0, 0), 3)
    frames, truth = [], []
    for t in range(count):
        frame, hole = ground.copy(), np.zeros((HEIGHT, WIDTH), np.uint8)
        centre = (30 + 3 * t, 40 + t)
        if vanish is None or t < vanish:
            cv2.circle(frame, centre, 12, (30, 40, 230), -1)
            cv2.line(frame, (centre[0] - 6, centre[1] - 6), (centre[0] + 6, centre[1] + 6), (240, 240, 240), 4)
        cv2.circle(hole, centre, 12, 1, -1)
        frames.append(frame)
        truth.append(hole > 0)
    return np.stack(frames), np.stack(truth)


def test_an_object_is_followed():
    frames, truth = moving_object(20)
    lost = []
    found = np.stack(list(following((16, 26, 29, 29), on_lost=lambda *at: lost.append(at))(shown(frames))))
    recall = [(f & t).sum() / t.sum() for f, t in zip(found, truth, strict=True)]
    assert not lost
    assert min(recall) > 0.8
    assert found.sum() == len(frames) * 29 * 29


@pytest.mark.parametrize("across", [True, False])
@pytest.mark.parametrize(("thick", "at"), [(8, 12), (20, 12), (20, 0)])
def test_a_bar_as_wide_or_as_high_as_the_picture_is_followed(across, thick, at):
    rng = np.random.default_rng(0)
    ground = cv2.GaussianBlur(rng.integers(0, 255, (96, 96), dtype=np.uint8), (0, 0), 2)
    bar = cv2.GaussianBlur(rng.integers(0, 255, (thick, 96), dtype=np.uint8), (0, 0), 1) // 2 + 128
    frames = np.stack([ground] * 8)
    for k, frame in enumerate(frames):
        frame[at + 3 * k : at + 3 * k + thick] = bar
    frames, box = (frames, (0, at, 96, thick)) if across else (frames.transpose(0, 2, 1), (at, 0, thick, 96))
    lost = []
    found = np.stack(list(following(box, on_lost=lambda *at: lost.append(at))(shown(np.ascontiguousarray(frames)))))
    assert not lost
    found = found if across else found.transpose(0, 2, 1)
    for k, mask in enumerate(found):
        assert mask[at + 3 * k + 1 : at + 3 * k + thick - 1].mean() > 0.9


@pytest.mark.parametrize(("rate", "last"), [(1.02, 1.8), (1 / 1.02, 0.55), (1.0, 1.0)])
def test_the_box_grows_and_shrinks_with_the_object(rate, last):
    rng = np.random.default_rng(1)
    ground = cv2.GaussianBlur(rng.integers(0, 255, (160, 240), dtype=np.uint8), (0, 0), 3)
    thing = cv2.GaussianBlur(rng.integers(0, 255, (240, 240), dtype=np.uint8), (0, 0), 9)
    thing = cv2.normalize(thing, None, 0, 255, cv2.NORM_MINMAX)
    frames, truth = [], []
    for k in range(30):
        side, frame = round(40 * rate**k), ground.copy()
        x, y = 60 + k - side // 2, 80 - side // 2
        frame[y : y + side, x : x + side] = cv2.resize(thing, (side, side), interpolation=cv2.INTER_AREA)
        frames.append(frame)
        truth.append((x, y, side, side))
    lost = []
    found = list(following(truth[0], on_lost=lambda *at: lost.append(at))(shown(np.stack(frames))))
    assert not lost
    for mask, (x, y, side, _) in zip(found, truth, strict=True):
        hit = mask[y : y + side, x : x + side].sum()
        assert hit / (mask.sum() + side * side - hit) > 0.75
    assert np.sqrt(found[-1].sum()) / 40 == pytest.approx(last, rel=0.1)


@pytest.mark.parametrize(("large", "rise"), [(6, 0), (2, 88)])
def test_an_object_that_outgrows_the_picture_or_its_edge_is_followed(large, rise):
    rng = np.random.default_rng(0)
    ground = cv2.GaussianBlur(rng.integers(0, 256, (480, 640, 3), np.uint8), (0, 0), 4)
    thing = cv2.GaussianBlur(rng.integers(0, 256, (60, 80, 3), np.uint8), (0, 0), 3)
    ground, thing = (cv2.normalize(part, None, 0, 255, cv2.NORM_MINMAX) for part in (ground, thing))
    ground[210:270, 280:360] = thing
    frames = []
    for k in range(24):
        zoom = large / 2 * 1.02**k
        place = np.array([[zoom, 0, 160 - 320 * zoom], [0, zoom, 120 - rise - 240 * zoom]])
        frames.append(cv2.warpAffine(ground, place, (320, 240), flags=cv2.INTER_AREA))
    box = (160 - 20 * large, 120 - rise - 15 * large, 40 * large, 30 * large)
    lost = []
    found = list(following(box, on_lost=lambda *at: lost.append(at))(shown(np.stack(frames))))
    assert not lost
    width, height = (side * large * 1.02**23 for side in (40, 30))
    assert found[-1].sum() == pytest.approx(min(width, 320) * min(120 - rise + height / 2, 240), rel=0.1)


def test_a_lost_object_is_told_and_frames_without_it_have_no_hole():
    frames, _ = moving_object(12, vanish=7)
    lost = []
    found = list(following((22, 28, 29, 29), 2, lambda *at: lost.append(at))(shown(frames)))
    assert lost == [(7, pytest.approx(7 / 25))]
    assert [bool(mask.any()) for mask in found] == [False] * 2 + [True] * 5 + [False] * 5


def clicked(height=120, width=200, at=(90, 60), axes=(22, 15)):
    """A picture (H, W, 3) with an object of other colours than its ground, and the box around it."""
    rng = np.random.default_rng(0)
    soft = [cv2.GaussianBlur(rng.integers(0, 256, (height, width, 3), dtype=np.uint8), (0, 0), 3) for _ in range(2)]
    ground, thing = (cv2.normalize(part, None, *span, cv2.NORM_MINMAX) for part, span in zip(soft, SPANS, strict=True))
    mask = cv2.ellipse(np.zeros((height, width), np.uint8), (at, (2 * axes[0], 2 * axes[1]), 0), 1, -1)
    return np.where(mask[..., None] > 0, thing, ground), cv2.boundingRect(mask)


SPANS = ((20, 120), (130, 250))


@pytest.mark.parametrize("place", [(90, 60), (80, 64), (99, 55)])
def test_a_click_finds_the_box_of_an_object(place):
    image, (x, y, w, h) = clicked()
    left, top, width, height = box_at(image, *place)
    assert left <= x
    assert top <= y
    assert left + width >= x + w
    assert top + height >= y + h
    assert width * height < 1.6 * w * h


def test_where_nothing_stands_out_a_click_finds_nothing():
    image, _ = clicked()
    for x, y, says in ((20, 20, "nothing there stands out"), (200, 3, "outside the 200×120 picture")):
        with pytest.raises(UserError, match=says):
            box_at(image, x, y)


@pytest.mark.parametrize("text", ["", "1", "1,2,3,4", "a,b", "-1,2", "1.5,2"])
def test_clicks_that_are_none(text):
    with pytest.raises(UserError, match="x,y,frame"):
        parse_click(text)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda f: scratched(f[:2]), "at least 3"),
        (lambda f: scratched(f, 0), "above 0"),
        (lambda f: logo_in(f[:3]), "too few"),
        (lambda f: list(following((0, 0, 20, 20), 9)(shown(f))), "only 4 frames"),
        (lambda f: list(following((150, 0, 20, 20))(shown(f))), "sticks out"),
        (lambda f: list(following((0, 0, 4, 4))(shown(f))), "too small"),
        (lambda f: list(following((0, 0, WIDTH, HEIGHT))(shown(f))), "whole picture"),
        (lambda f: following((0, 0, 20, 20), -1), "count from 0"),
    ],
)
def test_mistakes_are_told(call, words):
    with pytest.raises(UserError, match=words):
        call(pan(4))
