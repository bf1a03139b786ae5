"""A see-through logo is learned from the video, and what shines through it comes back."""

import cv2
import numpy as np
import pytest
from conftest import moving_texture, rgb_frames, write_video

from rovr.cli import main
from rovr.errors import UserError
from rovr.restore import Restorer, restore_video
from rovr.translucent import learn_overlay
from rovr.translucent.learn import RUN, STRIDE, spread
from rovr.translucent.lines import through, well_repaired
from rovr.video.overlay import LOSSY, shown

SCENES, EACH = 6, 10
SQUARE, BOX = np.s_[18:28, 26:38], "24,16,16,14"


@pytest.fixture(scope="module")
def restorer():
    return Restorer.from_pretrained(selector="nearest", device="cpu")


def scenes() -> np.ndarray:
    """Several scenes, (T, 48, 64, 3)."""
    return np.concatenate([moving_texture(EACH, seed=seed) for seed in range(SCENES)])


def laid(frames: np.ndarray, share: float = 0.5, colour: float = 255) -> np.ndarray:
    """The same below a see-through square."""
    mixed = frames.astype(np.float32)
    mixed[:, *SQUARE] = share * mixed[:, *SQUARE] + (1 - share) * colour
    return np.rint(mixed).astype(np.uint8)


def error(path, truth: np.ndarray) -> float:
    """Mean square within the square."""
    return float(np.square(rgb_frames(path).astype(float) - truth)[:, *SQUARE].mean())


@pytest.fixture
def damaged(tmp_path):
    return write_video(tmp_path / "in.mkv", laid(scenes()), codec="ffv1", pix_fmt="yuv444p")


def told(rng, wrong):
    """What was seen, and what repairs say was below it: a share of them anything at all."""
    below = rng.uniform(20, 230, (200, 30, 1)).astype(np.float32)
    off = np.where(wrong[..., None], rng.uniform(20, 230, below.shape), below + rng.normal(0, 3, below.shape))
    return 0.4 * below + 90, off.astype(np.float32)


def test_a_line_is_found_though_some_repairs_are_all_wrong(monkeypatch):
    rng = np.random.default_rng(0)
    seen, below = told(rng, rng.random((200, 30)) < 0.15)
    share, shift, _ = through(seen, below, np.ones((200, 30), np.float32), None)
    assert np.abs(share - 0.4).mean() < 0.02
    assert np.abs(shift - 90).mean() < 3
    monkeypatch.setattr("rovr.translucent.lines.ROUNDS", 0)
    assert np.abs(through(seen, below, np.ones((200, 30), np.float32), None)[0] - 0.4).mean() > 0.04


def test_what_a_repair_made_up_counts_for_little():
    rng = np.random.default_rng(0)
    made_up = rng.random((200, 30)) < 0.3
    seen, below = told(rng, made_up)
    knowing, blind = (
        np.abs(through(seen, below, weight.astype(np.float32), None)[0] - 0.4).mean()
        for weight in (np.where(made_up, 0.1, 1), np.ones((200, 30)))
    )
    assert knowing < blind / 3


def test_colours_that_hardly_vary_take_the_share_that_is_known():
    grey = np.full((50, 4, 2), 128, np.float32)
    share, shift, _ = through(0.6 * grey + 20, grey, np.ones((50, 4), np.float32), np.full(4, 0.6, np.float32))
    np.testing.assert_allclose(share, 0.6, atol=1e-3)
    np.testing.assert_allclose(shift, 20, atol=0.2)


def test_what_repairs_tell_as_well_as_noise_allows_is_left_to_them():
    where = np.ones((20, 20), bool)
    where[:, :2] = False
    share = np.full((20, 20), 0.5, np.float32)
    off = np.where(np.arange(20) < 10, LOSSY, 4 * LOSSY) * np.ones((20, 1))
    left = well_repaired(where, share, off[where].astype(np.float32), LOSSY)
    assert left[:, 2:8].all()
    assert not left[:, 12:].any()
    assert not left[:, :2].any()


def test_frames_to_learn_from_lie_all_over_a_long_video():
    assert spread(90, 400) == set(range(90))
    chosen = sorted(spread(10_000, 400))
    assert len(chosen) == 400
    assert chosen[0] == 0
    assert chosen[-1] == 10_000 - STRIDE
    assert chosen[1] == STRIDE
    # No more than a run comes without a gap.
    gaps = np.diff(chosen)
    assert (gaps > STRIDE).sum() == 400 / RUN - 1
    assert len(spread(1000, 400)) <= 400


@pytest.mark.parametrize("pix_fmt", ["yuv444p", "yuv420p", "yuv420p10le", "bgra"])
def test_what_shines_through_comes_back(tmp_path, pix_fmt, restorer):
    damaged = write_video(tmp_path / "in.mkv", laid(scenes()), codec="ffv1", pix_fmt=pix_fmt)
    whole = write_video(tmp_path / "whole.mkv", scenes(), codec="ffv1", pix_fmt=pix_fmt)
    truth = rgb_frames(whole).astype(float)
    done = learn_overlay(damaged, None, tmp_path / "logo.npz", boxes=[BOX], restorer=restorer)
    assert (done.pixels, done.frames) == (16 * 14, SCENES * EACH)
    assert done.hole < 0.1 * done.pixels
    for name, mask, boxes in (("hole", None, [BOX]), ("lifted", tmp_path / "logo.npz", ())):
        out = tmp_path / f"{name}.mkv"
        summary = restore_video(damaged, mask, out, boxes=boxes, restorer=restorer, lossless=True)
        assert summary.repaired == SCENES * EACH
        assert summary.lifted == (SCENES * EACH if name == "lifted" else 0)
    assert error(tmp_path / "lifted.mkv", truth) < error(tmp_path / "hole.mkv", truth) / 8
    # What lies outside keeps every bit.
    now, before = (rgb_frames(path) for path in (tmp_path / "lifted.mkv", damaged))
    outside = np.ones(now.shape[1:3], bool)
    outside[8:40, 16:48] = False
    np.testing.assert_array_equal(now[:, outside], before[:, outside])


def test_it_is_learned_from_what_was_seen_and_not_from_texture(tmp_path, damaged, restorer):
    textured = Restorer.from_pretrained(restorer.repairer.editor, "nearest", device="cpu", texture=True)
    for name, tools in (("plain", restorer), ("textured", textured)):
        learn_overlay(damaged, None, tmp_path / f"{name}.npz", boxes=[BOX], restorer=tools)
    plain, same = (np.load(tmp_path / f"{name}.npz") for name in ("plain", "textured"))
    assert plain.files == same.files
    for part in plain.files:
        np.testing.assert_array_equal(plain[part], same[part])


def test_frames_that_do_not_show_it_stay_as_they_are(tmp_path, restorer):
    frames, there = laid(scenes()), np.ones(SCENES * EACH, bool)
    there[EACH : 2 * EACH] = there[-3:] = False
    frames[~there] = scenes()[~there]
    damaged = write_video(tmp_path / "in.mkv", frames, codec="ffv1", pix_fmt="yuv444p")
    # A box elsewhere is a hole in all of them.
    boxes = ["2,2,6,6"]
    done = learn_overlay(damaged, None, tmp_path / "logo.npz", boxes=[BOX], restorer=restorer)
    assert done.frames == there.sum()
    for name, more in (("lifted", []), ("boxed", boxes)):
        out = tmp_path / f"{name}.mkv"
        summary = restore_video(damaged, tmp_path / "logo.npz", out, boxes=more, restorer=restorer, lossless=True)
        assert summary.lifted == there.sum()
        assert summary.repaired == (len(frames) if more else there.sum())
        now, before = rgb_frames(out), rgb_frames(damaged)
        now[:, :10, :10] = before[:, :10, :10]
        np.testing.assert_array_equal(now[~there], before[~there])
        truth = rgb_frames(write_video(tmp_path / "whole.mkv", scenes(), codec="ffv1", pix_fmt="yuv444p"))
        assert np.square(now[there].astype(float) - truth[there])[:, *SQUARE].mean() < 25


def test_a_frame_tells_whether_it_shows_the_logo():
    rng = np.random.default_rng(0)
    where = np.zeros((40, 60), bool)
    where[6:34, 6:54] = True
    inside = np.zeros(where.shape, np.float32)
    inside[10:30, 10:50] = 1
    share = 1 - 0.4 * inside
    factor, shift = 1 / share, -100 * inside / share
    for _ in range(20):
        below = cv2.GaussianBlur(rng.uniform(0, 255, where.shape).astype(np.float32), (0, 0), 2) * 3 - 255
        below = np.clip(below, 0, 255)
        for show in (1, 0):
            seen = below + show * ((share - 1) * below + 100 * inside)
            found = shown(*([part[..., None]] for part in (seen,)), [where], [factor[..., None]], [shift[..., None]])
            assert found == pytest.approx(show, abs=0.35)


def test_a_soft_logo_is_not_taken_for_one_that_is_missing(tmp_path, restorer):
    frames = scenes()
    rows, columns = np.mgrid[:48, :64]
    hidden = 0.6 * np.exp(-((rows - 22) ** 2 + (columns - 32) ** 2) / 60)[None, ..., None]
    laid_over = np.rint(frames * (1 - hidden) + 255 * hidden).astype(np.uint8)
    damaged = write_video(tmp_path / "in.mkv", laid_over, codec="ffv1", pix_fmt="yuv444p")
    learn_overlay(damaged, None, tmp_path / "logo.npz", boxes=["14,4,36,36"], restorer=restorer)
    summary = restore_video(damaged, tmp_path / "logo.npz", tmp_path / "out.mkv", restorer=restorer, lossless=True)
    assert summary.lifted == SCENES * EACH
    truth = rgb_frames(write_video(tmp_path / "whole.mkv", frames, codec="ffv1", pix_fmt="yuv444p"))
    assert error(tmp_path / "out.mkv", truth.astype(float)) < error(damaged, truth.astype(float)) / 8


def test_of_a_video_that_never_shows_it_nothing_is_changed(tmp_path, restorer, damaged):
    learn_overlay(damaged, None, tmp_path / "logo.npz", boxes=[BOX], restorer=restorer)
    whole = write_video(tmp_path / "whole.mkv", scenes(), codec="ffv1", pix_fmt="yuv444p")
    summary = restore_video(whole, tmp_path / "logo.npz", tmp_path / "out.mkv", restorer=restorer)
    assert (summary.repaired, summary.lifted) == (0, 0)
    assert "No frame shows the logo" in summary.notes[-1]
    assert (tmp_path / "out.mkv").read_bytes() == whole.read_bytes()


def test_where_it_is_opaque_a_hole_is_left(tmp_path, restorer):
    frames = laid(scenes())
    frames[:, 18:24, 26:32] = 255
    damaged = write_video(tmp_path / "in.mkv", frames, codec="ffv1", pix_fmt="yuv444p")
    done = learn_overlay(damaged, None, tmp_path / "logo.npz", boxes=["26,18,12,10"], restorer=restorer)
    assert 36 <= done.hole <= 64
    summary = restore_video(damaged, tmp_path / "logo.npz", tmp_path / "out.mkv", restorer=restorer, lossless=True)
    assert summary.hole_share == pytest.approx(done.hole / (48 * 64))
    assert not (rgb_frames(tmp_path / "out.mkv")[:, 20:22, 28:30] > 250).all()


def test_the_command_learns_and_the_repair_takes_it_for_a_mask(tmp_path, damaged, capsys):
    mask = np.zeros((48, 64), np.uint8)
    mask[16:30, 24:40] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    logo, out = str(tmp_path / "logo.npz"), str(tmp_path / "out.mkv")
    assert main(["mask", "translucent", str(damaged), "--mask", str(tmp_path / "mask.png"), "-o", logo]) == 0
    assert "learned from 60 frames" in capsys.readouterr().err
    assert main(["restore", str(damaged), "--mask", logo, "-o", out, "--lossless", "--editor", "telea"]) == 0
    truth = rgb_frames(write_video(tmp_path / "whole.mkv", scenes(), codec="ffv1", pix_fmt="yuv444p"))
    assert error(out, truth.astype(float)) < error(damaged, truth.astype(float)) / 20


def test_workers_take_it_off_as_one_process_does(tmp_path, restorer):
    frames = laid(scenes())
    frames[:, 18:24, 26:32] = 255
    damaged = write_video(tmp_path / "in.mkv", frames, codec="ffv1", pix_fmt="yuv444p")
    learn_overlay(damaged, None, tmp_path / "logo.npz", boxes=["26,18,12,10"], restorer=restorer)
    outs = []
    for name, more in (("one", []), ("two", ["--workers", "2"])):
        out = tmp_path / f"{name}.mkv"
        args = ["restore", str(damaged), "--mask", str(tmp_path / "logo.npz"), "-o", str(out), "--lossless"]
        assert main([*args, "--editor", "telea", "--selector", "sequential", *more]) == 0
        outs.append(rgb_frames(out))
    np.testing.assert_array_equal(*outs)


def test_of_an_opaque_logo_nothing_is_learned(tmp_path, restorer):
    video = write_video(tmp_path / "in.mkv", laid(scenes(), share=0), codec="ffv1", pix_fmt="yuv444p")
    with pytest.raises(UserError, match="repair it as a hole"):
        learn_overlay(video, None, tmp_path / "logo.npz", boxes=["26,18,12,10"], restorer=restorer)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv"]


def test_what_cannot_be_learned_is_said_and_nothing_is_written(tmp_path, damaged, capsys, restorer):
    moving = np.zeros((SCENES * EACH, 48, 64, 3), np.uint8)
    for index, mask in enumerate(moving):
        mask[12:28, 10 + index % 8 : 30] = 255
    masks = write_video(tmp_path / "masks.mkv", moving, codec="ffv1", pix_fmt="gray")
    empty = tmp_path / "empty.png"
    cv2.imwrite(str(empty), np.zeros((48, 64), np.uint8))
    learn_overlay(damaged, None, tmp_path / "old.npz", boxes=[BOX], restorer=restorer)
    before = {path.name for path in tmp_path.iterdir()}
    for given, out, says in (
        ([], "logo.npz", "pass --mask"),
        (["--mask", str(masks)], "logo.npz", "The mask of frame 1 is another"),
        (["--mask", str(empty)], "logo.npz", "has no hole"),
        (["--mask", str(tmp_path / "old.npz")], "logo.npz", "already; give the mask"),
        (["--box", "0,0,9,9"], "logo.mkv", "call it"),
        (["--box", "0,0,9,9"], "old.npz", "--overwrite"),
    ):
        assert main(["mask", "translucent", str(damaged), *given, "-o", str(tmp_path / out)]) == 2
        assert says in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == before
