"""Odd files through the main job: repaired as they should be, or refused with one line."""

from pathlib import Path

import cv2
import numpy as np
import odd_files
import pytest
from conftest import packets

from rovr.editor.classical import ClassicalEditor
from rovr.errors import UserError
from rovr.restore import Restorer, restore_video
from rovr.select import load_selector
from rovr.video import open_source, pixels

SIZES = [(odd_files.WIDTH, odd_files.HEIGHT), (63, 47)]
# Sizes at which codecs and resizing are at their ends; not every codec can make each.
TINY = [(1, 1), (2, 2), (3, 1), (1, 3), (16, 2), (5, 90)]


@pytest.fixture(scope="module")
def restorer():
    return Restorer(ClassicalEditor(), load_selector("nearest"))


def masks_for(folder: Path, path: Path) -> tuple[Path, np.ndarray]:
    """A box in the middle of all frames but the second, as pictures and as (T, H, W) in stored orientation."""
    with open_source(path) as source:
        (width, height), count = source.info.shown_size, sum(1 for _ in source)
        stored = source.info.orientation.to_stored
    masks = np.zeros((count, height, width), bool)
    masks[:, height // 4 : height // 4 + (height + 1) // 2, width // 4 : width // 4 + (width + 1) // 2] = True
    masks[1:2] = False
    (folder / "masks").mkdir()
    for index, mask in enumerate(masks):
        cv2.imwrite(str(folder / "masks" / f"{index}.png"), mask.astype(np.uint8) * 255)
    return folder / "masks", np.stack([stored(mask) for mask in masks])


def channels(frame) -> dict[str, np.ndarray]:
    """The samples of each component by its letter, whatever their order in memory."""
    name = frame.format.name
    arrays = [plane[..., k] for plane in pixels.planes(frame) for k in range(plane.shape[2])]
    letters = "gbra" if name.startswith("gb") else "yvu" if name == "nv21" else "yuva"
    if frame.format.is_rgb and not name.startswith("gb"):
        letters = "".join(letter for letter in name if letter in "rgba0")
    shift = 6 if name.startswith("p0") else 0
    pairs = zip(letters, arrays, strict=False)
    return {letter: array.copy() >> shift for letter, array in pairs if letter != "0"}


def samples(path: Path) -> list[dict[str, np.ndarray]]:
    with open_source(path) as source:
        return [channels(frame.native) for frame in source]


def assert_kept(path: Path, out: Path, masks: np.ndarray) -> None:
    """Every sample that is not wholly in the hole has its bits, and something in the hole has changed."""
    old, new = samples(path), samples(out)
    assert len(old) == len(new) == len(masks)
    changed = 0
    for before, after, mask in zip(old, new, masks, strict=True):
        assert before.keys() == after.keys()
        for letter, one in before.items():
            down, across = (round(np.log2(full / part)) for full, part in zip(mask.shape, one.shape, strict=True))
            may = pixels.plane_mask(mask, across, down)
            differs = one != after[letter]
            assert not (differs & ~may).any(), letter
            changed += int(differs.sum())
    assert changed or masks[0].size < 20


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pix_fmt", odd_files.NATIVE)
def test_lossless_keeps_every_sample_outside_the_hole(tmp_path, restorer, pix_fmt, size):
    path = odd_files.native(tmp_path, pix_fmt, *size)
    masks, holes = masks_for(tmp_path, path)
    with open_source(path) as source:
        assert source.info.pix_fmt == pix_fmt
    summary = restore_video(path, masks, tmp_path / "out.mkv", restorer=restorer, lossless=True)
    assert summary.notes == []
    assert (summary.frames, summary.repaired) == (odd_files.COUNT, odd_files.COUNT - 1)
    assert_kept(path, tmp_path / "out.mkv", holes)


@pytest.mark.parametrize("pix_fmt", odd_files.CONVERTED)
def test_other_formats_are_converted_once_and_aloud(tmp_path, restorer, pix_fmt):
    path = odd_files.native(tmp_path, pix_fmt)
    masks, holes = masks_for(tmp_path, path)
    summary = restore_video(path, masks, tmp_path / "out.mkv", restorer=restorer, lossless=True)
    assert "converted" in summary.notes[0]
    assert_kept(path, tmp_path / "out.mkv", holes)


@pytest.mark.parametrize("size", TINY)
@pytest.mark.parametrize("pix_fmt", ["nv12", "bgr24", "rgb48le"])
def test_tiny_pictures(tmp_path, restorer, pix_fmt, size):
    path = odd_files.native(tmp_path, pix_fmt, *size)
    masks, holes = masks_for(tmp_path, path)
    restore_video(path, masks, tmp_path / "out.mkv", restorer=restorer, lossless=True)
    assert_kept(path, tmp_path / "out.mkv", holes)
    restore_video(path, masks, tmp_path / "out.mp4", restorer=restorer)
    with open_source(tmp_path / "out.mp4") as source:
        assert (source.info.width, source.info.height) == size
        assert sum(1 for _ in source) == odd_files.COUNT


@pytest.mark.parametrize("size", TINY)
def test_tiny_pictures_by_the_shipped_editor(tmp_path, size):
    path = odd_files.native(tmp_path, "bgr24", *size)
    masks, holes = masks_for(tmp_path, path)
    restore_video(path, masks, tmp_path / "out.mkv", device="cpu", lossless=True)
    assert_kept(path, tmp_path / "out.mkv", holes)


@pytest.mark.parametrize("pix_fmt", ["yuva420p", "rgba", "gbrap", "ya8"])
def test_transparency_is_dropped_aloud(tmp_path, restorer, pix_fmt):
    path = odd_files.native(tmp_path, pix_fmt)
    masks, _ = masks_for(tmp_path, path)
    for out in ("out.mp4", "out"):
        notes = restore_video(path, masks, tmp_path / out, restorer=restorer).notes
        assert any("transparency" in note for note in notes)


@pytest.mark.parametrize("name", odd_files.CONTAINERS)
def test_containers(tmp_path, restorer, name):
    path = odd_files.in_container(tmp_path, name)
    masks, holes = masks_for(tmp_path, path)
    sound = packets(path, "audio")
    assert bool(sound) == bool(odd_files.CONTAINERS[name][2])
    for out in (tmp_path / "out.mp4", tmp_path / "out.mkv"):
        summary = restore_video(path, masks, out, restorer=restorer)
        assert summary.frames == len(holes)
        with open_source(path) as one, open_source(out) as two:
            assert one.info.shown_size == two.info.shown_size
            assert abs(one.info.rate - two.info.rate) <= one.info.rate / 20
            assert sum(1 for _ in two) == len(holes)
        # Containers cut PCM at other places.
        assert b"".join(data for _, data in packets(out, "audio")) == b"".join(data for _, data in sound)


@pytest.mark.parametrize("ending", [".mkv", ".mp4", ".mov"])
def test_sound_that_nobody_knows_is_dropped_aloud(tmp_path, restorer, ending):
    path, out = odd_files.unknown_sound(tmp_path), tmp_path / f"out{ending}"
    summary = restore_video(path, None, out, boxes=["8,8,20,20"], restorer=restorer)
    assert [note for note in summary.notes if "audio" in note and "dropped" in note]
    assert summary.repaired == odd_files.COUNT
    assert not packets(out, "audio")


@pytest.mark.parametrize("name", odd_files.ODD)
def test_odd_files(tmp_path, restorer, name):
    odd = odd_files.ODD[name]
    path = odd.make(tmp_path)
    out = tmp_path / "out.mp4"
    if odd.refused:
        with pytest.raises(UserError, match=odd.refused):
            restore_video(path, None, out, boxes=["8,8,20,20"], restorer=restorer)
        assert not any("partial" in file.name or file == out for file in tmp_path.iterdir())
        return
    summary = restore_video(path, None, out, boxes=["8,8,20,20"], restorer=restorer)
    assert bool(summary.notes) == bool(odd.says)
    assert all(odd.says in note for note in summary.notes)
    assert summary.frames == summary.repaired == odd.frames
    with open_source(path) as one, open_source(out) as two:
        assert one.info.shown_size == two.info.shown_size == odd.size
        assert one.info.sample_aspect_ratio == two.info.sample_aspect_ratio
        assert one.info.interlaced == two.info.interlaced
        assert sum(1 for _ in two) == odd.frames
    assert [data for _, data in packets(out, "audio")] == [data for _, data in packets(path, "audio")]
