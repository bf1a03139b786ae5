import cv2
import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from rovr.anchors import BYTES, EVERY, MEMORY, Anchors, anchor_count
from rovr.blocks import Item
from rovr.data.corrupt import damage
from rovr.editor import load_editor
from rovr.editor.aligned import AlignedEditor
from rovr.metrics import psnr
from rovr.provenance.trace import WHOLE
from rovr.restore import restore_video
from rovr.restorer import Restorer
from rovr.resume import Pages
from rovr.select import load_selector
from rovr.video.cuts import thumb

SIDE, CLEAR = 64, 8


def texture(seed, side=SIDE, width=4 * SIDE):
    chance = torch.Generator().manual_seed(seed)
    picture = interpolate(torch.rand(1, 3, side // 4, width // 4, generator=chance), scale_factor=4.0, mode="bicubic")
    return (picture[0].clamp(0, 1) * 255).byte()


def small(picture, hole=None):
    mask = torch.zeros(picture.shape[1:], dtype=torch.bool)
    if hole is not None:
        mask[hole] = True
    return thumb(picture.permute(1, 2, 0).numpy(), mask.numpy())


def filled(pictures, count):
    anchors = Anchors(count)
    for index, one in enumerate(pictures):
        anchors.offer(index * EVERY, index, small(*one))
    return [anchor.item for anchor in anchors.kept]


def test_what_was_seen_once_is_kept_however_long_ago():
    views = [[texture(seed, width=SIDE)] for seed in range(3)]
    kept = filled([views[0], views[1], *[views[2]] * 20], 4)
    assert kept[:2] == [0, 1]
    assert len(kept) == 4


def test_of_two_alike_the_one_that_shows_less_goes():
    clear, holed = [texture(0, width=SIDE)], [texture(0, width=SIDE), (slice(10, 40), slice(10, 40))]
    other = [texture(1, width=SIDE)]
    assert filled([clear, other, holed], 2) == [0, 1]
    assert filled([holed, other, clear], 2) == [1, 2]


def test_anchors_of_large_frames_are_few():
    assert anchor_count(640 * 360, 24) == 24
    # Blocks of full HD reach six frames away, so that they depend on frames from afar.
    assert 8 <= anchor_count(1920 * 1080, 24) < 24
    assert anchor_count(1920 * 1080, 24) * 1920 * 1080 * BYTES <= MEMORY
    assert anchor_count(8192 * 8192, 24) == 0
    assert not Anchors(0).wants(0)


def away_and_back(away):
    """A camera that rests, moves away, stays there and comes back, where a hole that stands still now hides something.

    Returns:
        Truth (T, 3, SIDE, SIDE) and masks.
    """
    scene = texture(5)
    way = list(range(0, 2 * SIDE, 8))
    places = [0] * CLEAR + way + [2 * SIDE] * away + way[::-1] + [0] * 6
    truth = torch.stack([scene[:, :, place : place + SIDE] for place in places])
    masks = torch.zeros(len(truth), 1, SIDE, SIDE, dtype=torch.bool)
    masks[-len(way) - 6 :, :, 20:44, 20:44] = True
    return truth, masks


def repaired(truth, masks, selector="sight", window=10, **options):
    restorer = Restorer(AlignedEditor(), load_selector(selector), window=window, margin=3, cuts=False, **options)
    return restorer.restore(damage(truth, masks), masks, provenance=True)


def test_what_was_shown_long_ago_is_found_there():
    truth, masks = away_and_back(20)
    result, without = repaired(truth, masks), repaired(truth, masks, anchors=0)
    last = masks.clone()
    last[:-5] = False
    assert psnr(result.frames, truth, last) > psnr(without.frames, truth, last) + 3
    # Frames from before the camera was away are named, by their place in the video, and hardly anybody else.
    trace = result.provenance[len(truth) - 3]
    early = (trace.frames >= 0) & (trace.frames < CLEAR + 16)
    shares = [float((trace.shares * frames).sum(0).float().mean()) / WHOLE for frames in (early, ~early)]
    assert shares[0] > 0.3
    assert shares[1] < 0.1
    assert any(min(edit.contexts) < CLEAR + 16 for edit in result.edits)


def test_what_will_be_shown_much_later_is_found_there():
    truth, masks = (x.flip(0) for x in away_and_back(20))
    result, without = repaired(truth, masks), repaired(truth, masks, anchors=0)
    first = masks.clone()
    first[5:] = False
    assert psnr(result.frames, truth, first) > psnr(without.frames, truth, first) + 3
    late = len(truth) - CLEAR - 16
    frames = result.provenance[2].frames
    assert float((result.provenance[2].shares * (frames >= late)).sum(0).float().mean()) / WHOLE > 0.3
    assert any(max(edit.contexts) >= late for edit in result.edits)


@pytest.mark.parametrize("selector", ["sight", "agent"])
def test_files_are_repaired_as_arrays_are(tmp_path, selector):
    truth, masks = (x.flip(0) for x in away_and_back(20))
    frames = [frame.permute(1, 2, 0).numpy() for frame in damage(truth, masks)]
    for name, pictures in (("in", frames), ("mask", [255 * mask[0].byte().numpy() for mask in masks])):
        (tmp_path / name).mkdir()
        for index, picture in enumerate(pictures):
            cv2.imwrite(str(tmp_path / name / f"{index:03d}.png"), picture[..., ::-1] if picture.ndim == 3 else picture)
    restorer = Restorer(AlignedEditor(), load_selector(selector), window=10, margin=3, cuts=False)
    seen, looked = [], []
    restore_video(
        tmp_path / "in",
        tmp_path / "mask",
        tmp_path / "out",
        restorer=restorer,
        on_ahead=looked.append,
        watch=lambda edit, frame, doubt: seen.append(edit),
    )
    expected = restorer.restore(damage(truth, masks), masks)
    assert sorted(seen, key=lambda edit: edit.frame) == expected.edits
    assert any(max(edit.contexts) > edit.frame + 13 for edit in seen)
    assert looked == list(range(len(truth)))
    made = [cv2.imread(str(file))[..., ::-1] for file in sorted((tmp_path / "out").iterdir())]
    assert np.array_equal(np.stack(made), expected.frames.permute(0, 2, 3, 1).numpy())


def test_a_video_that_fits_into_a_block_is_read_once():
    truth, masks = away_and_back(0)
    blocks = Restorer(AlignedEditor(), load_selector("sight"), window=len(truth), margin=3).blocks(SIDE, SIDE)
    items = [Item(truth[k], masks[k], None, bool(masks[k].any())) for k in range(len(truth))]
    assert len(list(blocks.run(items, torch.Generator(), lambda: pytest.fail("read again")))) == len(truth)


def test_an_editor_that_cannot_tell_what_is_shown_afar_reads_once():
    truth, masks = away_and_back(20)
    blocks = Restorer(load_editor("telea"), load_selector("sight"), window=10, margin=3).blocks(SIDE, SIDE)
    items = [Item(truth[k], masks[k], None, bool(masks[k].any())) for k in range(len(truth))]
    assert len(list(blocks.run(items, torch.Generator(), lambda: pytest.fail("read again")))) == len(truth)


def test_scenes_are_represented_by_frames_of_their_own():
    """Colours of two scenes; a repair of one never sees a frame of the other, whatever lies between."""
    first, _ = away_and_back(20)
    second = torch.stack([texture(9)[:, :, place : place + SIDE] for place in range(0, 60, 2)])
    truth = torch.cat([first, second])
    masks = torch.zeros(len(truth), 1, SIDE, SIDE, dtype=torch.bool)
    masks[:CLEAR, :, 20:44, 20:44] = masks[len(first) : len(first) + 4, :, 20:44, 20:44] = True
    restorer = Restorer(AlignedEditor(), load_selector("sight"), window=10, margin=3)
    result = restorer.restore(damage(truth, masks), masks)
    for edit in result.edits:
        assert {context < len(first) for context in edit.contexts} == {edit.frame < len(first)}
    # What comes before a scene does not matter to it.
    alone = restorer.restore(damage(second, masks[len(first) :]), masks[len(first) :])
    assert torch.equal(result.frames[len(first) :], alone.frames)


def test_a_scene_that_fits_into_a_block_is_repaired_alike_alone_and_in_a_longer_video():
    first, masks = away_and_back(20)
    second = torch.stack([texture(9)[:, :, place : place + SIDE] for place in range(0, 60, 2)])
    truth, holes = torch.cat([first, second]), torch.cat([masks, masks[: len(second)]])

    def made(truth, masks, **options):
        restorer = Restorer(AlignedEditor(), load_selector("sight"), window=len(first), margin=3, **options)
        return restorer.restore(damage(truth, masks), masks).frames

    alone, without = made(first, masks), made(first, masks, anchors=0)
    assert torch.equal(made(truth, holes)[: len(first)], alone)
    last = masks.clone()
    last[:-5] = False
    assert psnr(alone, first, last) > psnr(without, first, last) + 3


def test_nobody_is_remembered_where_neighbours_show_the_hole():
    truth, _ = away_and_back(20)
    masks = torch.zeros(len(truth), 1, SIDE, SIDE, dtype=torch.bool)
    masks[::5, :, 20:44, 20:44] = True
    result, without = repaired(truth, masks), repaired(truth, masks, anchors=0)
    assert result.edits == without.edits
    assert torch.equal(result.frames, without.frames)


@pytest.mark.parametrize("selector", ["nearest", "midpoint", "coverage"])
def test_other_strategies_never_meet_anchors(selector):
    truth, masks = away_and_back(20)
    result = repaired(truth, masks, selector)
    assert all(abs(context - edit.frame) <= 10 + 2 * 3 for edit in result.edits for context in edit.contexts)


def test_kept_blocks_are_taken_over_and_the_rest_is_repaired_alike(tmp_path):
    truth, masks = away_and_back(20)
    damaged = damage(truth, masks)

    def run():
        blocks = Restorer(AlignedEditor(), load_selector("sight"), window=10, margin=3, cuts=False).blocks(SIDE, SIDE)
        blocks.keeper = Pages(tmp_path)

        def items():
            return [Item(damaged[k].clone(), masks[k], None, bool(masks[k].any())) for k in range(len(truth))]

        done = list(blocks.run(items(), torch.Generator(), items))
        return torch.stack([item.frame for item in done]), [item.edit for item in done], blocks.keeper.taken

    frames, edits, taken = run()
    assert taken == 0
    *_, last = sorted(tmp_path.glob("*.npz"))
    last.unlink()
    again, same, taken = run()
    assert 0 < taken < int(masks.flatten(1).any(1).sum())
    assert same == edits
    assert torch.equal(again, frames)
