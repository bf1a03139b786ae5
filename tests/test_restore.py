import errno
import json
from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch
from conftest import moving_texture, native_planes, packets, rgb_frames, write_video

from rovr import restore as module
from rovr.editor.classical import ClassicalEditor
from rovr.errors import UserError
from rovr.repair import Repairer
from rovr.restore import Restorer, restore_video
from rovr.select import load_selector
from rovr.select.base import Selector
from rovr.types import Edit
from rovr.video import pixels


class First(Selector):
    """The first pending frame and the first other ones."""

    name = "first"

    def select(self, state):
        frame = int(state.pending.nonzero()[0])
        others = [i for i in range(state.length) if i != frame]
        return Edit(frame, tuple(others[: self.contexts]))


class Counting(ClassicalEditor):
    """Telea that counts its calls."""

    calls = 0

    def edit(self, target, mask, contexts):
        self.calls += 1
        return super().edit(target, mask, contexts)


@pytest.fixture
def restorer():
    return Restorer(Counting(), First(), window=5, margin=2)


def repair(path, mask, out, restorer, **options):
    return restore_video(path, mask, out, restorer=restorer, **options)


def left_behind(folder):
    return [p.name for p in folder.iterdir() if "partial" in p.name]


# Arrays and tensors


@pytest.fixture
def clip():
    frames = moving_texture(9)
    masks = np.zeros((9, 48, 64), np.uint8)
    for index in range(9):
        masks[index, 10:20, 5 + index : 20 + index] = 255
    masks[4] = 0
    return frames, masks


def test_arrays(restorer, clip):
    frames, masks = clip
    result = restorer.restore(frames, masks)
    assert isinstance(result.frames, np.ndarray)
    assert result.frames.shape == frames.shape
    assert result.frames.dtype == np.uint8
    hole = masks > 0
    np.testing.assert_array_equal(result.frames[~hole], frames[~hole])
    assert (result.frames[hole] != frames[hole]).any()
    assert [edit.frame for edit in result.edits] == [0, 1, 2, 3, 5, 6, 7, 8]
    assert result.doubt.shape == (9, 1, 48, 64)
    assert result.doubt[4].max() == 0
    assert restorer.repairer.editor.calls == 8


def test_tensors_come_back_as_they_were_given(restorer, clip):
    frames, masks = clip
    given = torch.from_numpy(frames).permute(0, 3, 1, 2)
    hole = torch.from_numpy(masks)[:, None] > 0
    result = restorer.restore(given, hole).frames
    assert result.dtype == torch.uint8
    np.testing.assert_array_equal(result.permute(0, 2, 3, 1), restorer.restore(frames, masks).frames)
    # Values that no byte can hold.
    fine = given.float() / 255 * 0.9731
    floats = restorer.restore(fine, hole).frames
    assert floats.dtype == fine.dtype
    outside = ~hole.expand_as(fine)
    assert torch.equal(floats[outside], fine[outside])


def test_one_mask_for_all_frames(restorer, clip):
    frames, masks = clip
    result = restorer.restore(frames, masks[0])
    assert len(result.edits) == 9


def test_input_is_not_written_to(restorer, clip):
    frames, masks = clip
    before = frames.copy()
    restorer.restore(frames, masks)
    tensor = torch.from_numpy(frames).permute(0, 3, 1, 2).contiguous()
    restorer.restore(tensor, masks)
    np.testing.assert_array_equal(frames, before)
    np.testing.assert_array_equal(tensor.permute(0, 2, 3, 1), before)


@pytest.mark.filterwarnings("error")
def test_arrays_that_are_not_to_be_written_to_are_taken_without_a_warning(restorer, clip):
    frames, masks = clip
    frames.setflags(write=False)
    masks.setflags(write=False)
    always = torch.is_warn_always_enabled()
    torch.set_warn_always(True)  # PyTorch warns once in a process
    try:
        assert len(restorer.restore(frames, masks).edits) == 8
    finally:
        torch.set_warn_always(always)


@pytest.mark.parametrize(
    ("frames", "masks", "says"),
    [
        (np.zeros((3, 4, 5), np.uint8), np.zeros((3, 4, 5)), r"\(3, 4, 5\)"),
        (np.zeros((3, 4, 5, 3), np.float32), np.zeros((3, 4, 5)), "float32"),
        (np.zeros((3, 3, 4, 5), np.uint8), np.zeros((3, 4, 5)), r"T, H, W, 3"),
        (torch.zeros(3, 4, 5, 3), torch.zeros(3, 4, 5), r"T, 3, H, W"),
        (torch.zeros(3, 3, 4, 5, dtype=torch.int32), torch.zeros(3, 4, 5), "int32"),
        (np.zeros((3, 4, 5, 3), np.uint8), np.zeros((2, 4, 5)), r"\(2, 4, 5\).*3 × 4 × 5"),
        (np.zeros((3, 4, 5, 3), np.uint8), np.ones((3, 4, 5)), "covers every pixel"),
        (np.zeros((0, 4, 5, 3), np.uint8), np.ones((0, 4, 5)), "no pixels"),
    ],
)
def test_shapes_that_do_not_fit(restorer, frames, masks, says):
    with pytest.raises(UserError, match=says):
        restorer.restore(frames, masks)


def test_one_frame_has_no_contexts(restorer):
    result = restorer.restore(moving_texture(1), np.eye(48, 64, dtype=np.uint8))
    assert result.edits == [Edit(0, ())]


@pytest.mark.parametrize("seed", [-1, 2**63, 2**64, 1.5, None, "1", True])
def test_a_seed_is_a_whole_number(restorer, clip, seed):
    with pytest.raises(UserError, match=f"--seed {seed}: give 0 or more"):
        restorer.restore(*clip, seed=seed)


def test_seeds_of_numpy_are_taken(restorer, clip):
    expected = restorer.restore(*clip, seed=3)
    assert restorer.restore(*clip, seed=np.int64(3)).edits == expected.edits


@pytest.mark.parametrize("number", [0, -1, 2.5, True, "2", 10**40])
def test_contexts_and_passes_are_whole_numbers(number):
    for name in ("contexts", "passes"):
        for make in (Repairer, Restorer):
            with pytest.raises(UserError, match=f"{number} {name}: "):
                make(ClassicalEditor(), load_selector("sequential"), **{name: number})
        with pytest.raises(UserError, match=f"{number} {name}: "):
            Restorer.from_pretrained("telea", "sequential", **{name: number})
    assert Repairer(ClassicalEditor(), load_selector("sequential"), np.int64(3)).contexts == 3


def test_unknown_names():
    with pytest.raises(UserError, match="nonsense"):
        Restorer.from_pretrained(editor=ClassicalEditor(), selector="nonsense", device="cpu")
    with pytest.raises(UserError, match="nonsense"):
        Restorer.from_pretrained(editor="nonsense", selector=First(), device="cpu")
    with pytest.raises(UserError, match="tpu"):
        Restorer.from_pretrained(editor=ClassicalEditor(), selector=First(), device="tpu")
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match="no device 'cuda'"):
            Restorer.from_pretrained(editor=ClassicalEditor(), selector=First(), device="cuda")
    with pytest.raises(UserError, match="0 contexts"):
        Restorer(ClassicalEditor(), First(), 0)
    with pytest.raises(UserError, match="0 passes"):
        Restorer.from_pretrained("telea", "sequential", passes=0)


# Files


@pytest.mark.parametrize("size", [(48, 64), (47, 63)])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv444p10le", "yuv420p10le", "gray", "bgr0", "gbrp10le"])
def test_lossless_file_is_identical_outside_the_hole(tmp_path, restorer, pix_fmt, size):
    path = write_video(tmp_path / "in.mkv", moving_texture(8, *size), codec="ffv1", pix_fmt=pix_fmt)
    mask = np.zeros(size, bool)
    mask[11:30, 21:42] = True
    cv2.imwrite(str(tmp_path / "m.png"), mask.astype(np.uint8) * 255)
    summary = repair(path, tmp_path / "m.png", tmp_path / "out.mkv", restorer, lossless=True)
    assert summary.frames == summary.repaired == 8
    changed = 0
    for old, new in zip(native_planes(path), native_planes(tmp_path / "out.mkv"), strict=True):
        for a, b in zip(old, new, strict=True):
            across = int(a.shape[1] < size[1])
            down = int(a.shape[0] < size[0])
            differs = (a != b).any(-1)
            assert not (differs & ~pixels.plane_mask(mask, across, down)).any()
            changed += differs.sum()
    assert changed > 500


def test_frames_without_a_hole_are_left_alone(tmp_path, video, restorer):
    path = video("in.mkv", count=23, codec="ffv1")
    (tmp_path / "masks").mkdir()
    for index in range(23):
        mask = np.zeros((48, 64), np.uint8)
        mask[10:20, 10:20] = 255 * (index in (3, 17))
        cv2.imwrite(str(tmp_path / "masks" / f"{index}.png"), mask)
    ticks = []
    summary = repair(
        path, tmp_path / "masks", tmp_path / "out.mkv", restorer, lossless=True, on_frame=lambda: ticks.append(1)
    )
    assert restorer.repairer.editor.calls == summary.repaired == 2
    assert len(ticks) == summary.frames == 23
    same = [
        all((a == b).all() for a, b in zip(old, new, strict=True))
        for old, new in zip(native_planes(path), native_planes(tmp_path / "out.mkv"), strict=True)
    ]
    assert [i for i, equal in enumerate(same) if not equal] == [3, 17]


@pytest.mark.parametrize("name", ["in.mp4", "in.mkv"])
def test_every_frame_of_several_blocks_in_order(video, tmp_path, hole, restorer, name):
    path = video(name, count=31, audio=1)
    jobs = []
    summary = repair(path, hole, tmp_path / "out.mp4", restorer, on_start=jobs.append)
    assert summary.frames == summary.repaired == 31
    assert jobs[0].frames == 31
    difference = np.abs(rgb_frames(path).astype(int) - rgb_frames(tmp_path / "out.mp4"))
    difference[:, 10:34, 18:42] = 0
    assert difference.mean((1, 2, 3)).max() < 3
    assert [d for _, d in packets(path, "audio")] == [d for _, d in packets(tmp_path / "out.mp4", "audio")]
    assert not left_behind(tmp_path)


def test_blocks_do_not_show(video, tmp_path, hole):
    path = video("in.mkv", count=20, codec="ffv1")
    repair(path, hole, tmp_path / "a.mkv", Restorer(ClassicalEditor(), First(), window=4, margin=2), lossless=True)
    repair(path, hole, tmp_path / "b.mkv", Restorer(ClassicalEditor(), First()), lossless=True)
    np.testing.assert_array_equal(rgb_frames(tmp_path / "a.mkv"), rgb_frames(tmp_path / "b.mkv"))


def test_hole_turns_with_the_picture(video, tmp_path, restorer):
    path = video("in.mkv", count=4, rotation=270, codec="ffv1", pix_fmt="yuv444p")
    repair(path, None, tmp_path / "out", restorer, boxes=["0,0,10,4"])
    repair(path, None, tmp_path / "untouched", restorer, boxes=["47,63,1,1"])
    differs = (rgb_frames(tmp_path / "out") != rgb_frames(tmp_path / "untouched")).any(-1)
    assert differs.shape == (4, 64, 48)
    assert differs[:, :4, :10].mean() > 0.5
    differs[:, :4, :10] = differs[:, 63, 47] = False
    assert not differs.any()


def test_folders(tmp_path, restorer, hole):
    (tmp_path / "in").mkdir()
    for index, frame in enumerate(moving_texture(12)):
        cv2.imwrite(str(tmp_path / "in" / f"{index}.png"), frame[..., ::-1])
    summary = repair(tmp_path / "in", hole, f"{tmp_path}/out/", restorer)
    assert summary.repaired == 12
    mask = cv2.imread(str(hole), 0) > 0
    old, new = moving_texture(12), rgb_frames(tmp_path / "out")
    np.testing.assert_array_equal(old[:, ~mask], new[:, ~mask])
    assert (old[:, mask] != new[:, mask]).any()


def test_summary(video, tmp_path, hole, restorer):
    summary = repair(video(), hole, tmp_path / "out.mp4", restorer)
    values = json.loads(json.dumps(summary.to_json()))
    assert values["hole_share"] == pytest.approx(400 / (48 * 64), abs=1e-6)
    assert values["mean_doubt"] == 1
    assert (values["width"], values["height"], values["rate"]) == (64, 48, 25)
    assert (values["editor"], values["selector"], values["contexts"], values["device"]) == ("telea", "first", 2, "cpu")
    assert 0 < values["seconds_repairing"] < values["seconds"]


def test_summary_tells_how_many_contexts_were_really_looked_at(video, tmp_path, hole):
    greedy = Restorer(ClassicalEditor(), load_selector("local_stride", every=True), window=50)
    summary = repair(video(), hole, tmp_path / "out.mp4", greedy)
    # Twelve frames: those within five of a middle one, and frame 0 or 10 beyond.
    assert summary.contexts == 11


@pytest.mark.parametrize("masks", ["picture", "folder", "video"])
def test_empty_mask_copies_the_input(video, tmp_path, restorer, masks):
    path = video(audio=0.4)
    empty = np.zeros((48, 64), np.uint8)
    mask = tmp_path / "m.png"
    if masks == "picture":
        cv2.imwrite(str(mask), empty)
    elif masks == "folder":
        mask = tmp_path / "m"
        mask.mkdir()
        for index in range(12):
            cv2.imwrite(str(mask / f"{index}.png"), empty)
    else:
        mask = write_video(tmp_path / "m.mp4", np.zeros((12, 48, 64, 3), np.uint8))
    summary = repair(path, mask, tmp_path / "out.mp4", restorer)
    assert summary.repaired == restorer.repairer.editor.calls == 0
    assert "nothing was repaired" in summary.notes[-1]
    assert (tmp_path / "out.mp4").read_bytes() == path.read_bytes()
    assert repair(path, mask, tmp_path / "frames", restorer).frames == 12
    assert len(list((tmp_path / "frames").iterdir())) == 12


def test_masks_that_are_too_dark(video, tmp_path, restorer, hole):
    cv2.imwrite(str(tmp_path / "dark.png"), cv2.imread(str(hole), 0) // 255)
    with pytest.raises(UserError, match="brightest value is 1"):
        repair(video(), tmp_path / "dark.png", tmp_path / "out.mp4", restorer)
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("whole", ["all", "some"])
def test_masks_that_cover_everything(video, tmp_path, restorer, whole):
    (tmp_path / "masks").mkdir()
    for index in range(12):
        mask = np.full((48, 64), 255 * (whole == "all" or index < 3), np.uint8)
        cv2.imwrite(str(tmp_path / "masks" / f"{index}.png"), mask)
    if whole == "some":
        assert repair(video(), tmp_path / "masks", tmp_path / "out.mp4", restorer).repaired == 3
        return
    with pytest.raises(UserError, match="covers every pixel"):
        repair(video(), tmp_path / "masks", tmp_path / "out.mp4", restorer)
    assert not (tmp_path / "out.mp4").exists()
    assert not left_behind(tmp_path)


@pytest.mark.parametrize("count", [10, 13])
def test_masks_of_another_length_are_found_at_the_end_too(video, tmp_path, restorer, monkeypatch, count):
    monkeypatch.setattr(module.MaskSource, "check_length", lambda self: None)
    mask = write_video(tmp_path / "m.mp4", np.zeros((count, 48, 64, 3), np.uint8))
    with pytest.raises(UserError, match=f"12 frames.*{count} masks"):
        repair(video(), mask, tmp_path / "out.mp4", restorer)
    assert not (tmp_path / "out.mp4").exists()
    assert not left_behind(tmp_path)


def test_full_disk(video, tmp_path, hole, restorer, monkeypatch):
    from rovr.video.sink import FileSink, FolderSink

    def full(self, frame):
        raise OSError(errno.ENOSPC, "No space left on device")

    for kind, out in [(FileSink, "out.mp4"), (FolderSink, "frames")]:
        monkeypatch.setattr(kind, "write", full)
        with pytest.raises(UserError, match="disk ran full"):
            repair(video(), hole, tmp_path / out, restorer)
        assert not (tmp_path / out).exists()
    assert not left_behind(tmp_path)


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt(), SystemExit(143)])
def test_nothing_is_left_behind_after_an_error(video, tmp_path, hole, restorer, monkeypatch, error):
    def fail(target, mask, contexts):
        raise error

    monkeypatch.setattr(restorer.repairer.editor, "edit", fail)
    with pytest.raises(type(error)):
        repair(video(), hole, tmp_path / "out.mp4", restorer)
    assert not (tmp_path / "out.mp4").exists()
    assert not left_behind(tmp_path)


def test_mask_is_not_overwritten(video, tmp_path, restorer):
    mask = write_video(tmp_path / "m.mp4", np.zeros((12, 48, 64, 3), np.uint8))
    with pytest.raises(UserError, match="which is read or written too"):
        repair(video(), mask, mask, restorer, overwrite=True)


def test_damaged_in_the_middle(tmp_path, hole, restorer):
    noise = np.random.default_rng(0).integers(0, 256, (30, 48, 64, 3), dtype=np.uint8)
    path = write_video(tmp_path / "in.mkv", noise, codec="ffv1")
    data = path.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match=r"cut short|damaged"):
        repair(tmp_path / "cut.mkv", hole, tmp_path / "out.mp4", restorer)
    assert not (tmp_path / "out.mp4").exists()
    assert not left_behind(tmp_path)


def test_names_that_mislead(video, tmp_path, hole, restorer, monkeypatch):
    monkeypatch.chdir(tmp_path)
    video("my clip: 50% süß.mp4")
    assert repair("my clip: 50% süß.mp4", "hole.png", "out: [1] ü.mp4", restorer).repaired == 12
    assert (tmp_path / "out: [1] ü.mp4").exists()
    assert not left_behind(tmp_path)


def test_a_rate_is_any_number(tmp_path):
    (tmp_path / "frames").mkdir()
    for index, frame in enumerate(moving_texture(3)):
        cv2.imwrite(str(tmp_path / "frames" / f"{index}.png"), frame)
    asked = {"boxes": ["4,4,8,8"], "editor": "telea", "selector": "sequential", "overwrite": True}
    film, television = Fraction(24000, 1001), Fraction(30000, 1001)
    for rate, kept in ((24, 24), (23.98, film), (29.97, television), (Fraction(25, 2), 12.5), (0.5, 0.5), (1.0, 1)):
        assert restore_video(tmp_path / "frames", None, tmp_path / "out.mp4", rate=rate, **asked).rate == float(kept)
    for rate in (0, -5, float("nan"), 10**9):
        with pytest.raises(UserError, match="between 0 and 1000"):
            restore_video(tmp_path / "frames", None, tmp_path / "out.mp4", rate=rate, **asked)


@pytest.mark.parametrize("scale", [lambda x: x * 255, lambda x: x * 2 - 1, lambda x: x * float("nan")])
def test_floats_on_another_scale_are_refused(restorer, clip, scale):
    frames, masks = clip
    floats = torch.from_numpy(frames).permute(0, 3, 1, 2) / 255
    with pytest.raises(UserError, match="outside the holes"):
        restorer.restore(scale(floats), masks)


def test_floats_may_overshoot_and_holes_may_hold_anything(restorer, clip):
    frames, masks = clip
    floats = torch.from_numpy(frames).permute(0, 3, 1, 2) / 255 * 1.1 - 0.05
    holes = torch.from_numpy(masks)[:, None].bool()
    expected = restorer.restore(floats, masks).frames
    assert bool(torch.equal(torch.where(holes, 0, expected), torch.where(holes, 0, floats)))
    for junk in (float("nan"), -1e9):
        found = restorer.restore(torch.where(holes, junk, floats), masks).frames
        assert bool(found.isfinite().all())
        assert bool((found[holes.expand_as(found)] >= 0).all())


def test_masks_may_be_any_array_or_list(restorer, clip):
    frames, masks = clip
    expected = restorer.restore(frames, masks).frames
    backwards = np.ascontiguousarray(masks[::-1, :, ::-1])[::-1, :, ::-1]
    still = masks.copy()
    still.setflags(write=False)
    for same in (backwards, still, masks.tolist(), list(masks), masks.astype(object)):
        np.testing.assert_array_equal(restorer.restore(frames, same).frames, expected)
    with pytest.raises(UserError, match="these are a list"):
        restorer.restore(list(frames), masks)
    with pytest.raises(UserError, match="do not fit"):
        restorer.restore(frames, None)
    with pytest.raises(UserError, match="arrays of one size"):
        restorer.restore(frames, [*masks[1:], masks[0][1:]])


@pytest.mark.parametrize("crf", [-1, 52, 18.5, "18"])
def test_a_quality_that_there_is_not_is_told_before_any_work(crf, tmp_path):
    with pytest.raises(UserError, match="takes a whole number"):
        restore_video("no.mp4", None, tmp_path / "o.mp4", boxes=["1,1,2,2"], crf=crf)


def test_defaults_of_pytorch_that_repairs_cannot_have_are_one_line(restorer, clip):
    def both(says: str) -> None:
        for call in (lambda: restorer.restore(*clip), lambda: Restorer.from_pretrained("telea", "nearest", "cpu")):
            with pytest.raises(UserError, match=says):
                call()

    torch.set_default_dtype(torch.float64)
    try:
        both(r"default is torch\.float64 here; call torch\.set_default_dtype\(torch\.float32\)")
    finally:
        torch.set_default_dtype(torch.float32)
    with torch.device("meta"):
        both("default device is meta here; repair under 'with torch.device")
        with torch.device("cpu"):
            assert len(restorer.restore(*clip).edits) == 8
