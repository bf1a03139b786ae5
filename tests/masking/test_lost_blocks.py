"""Lost blocks of a digital recording, found by that one frame shows them and by where they end."""

from fractions import Fraction
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest
from conftest import moving_texture, write_video
from panned import colour, pan, precision_recall

from rovr.cli import main
from rovr.errors import UserError
from rovr.masking import finding_blocks, shown
from rovr.video import open_source
from rovr.video.orient import Orientation

COUNT = 12


def found_in(frames, orientation=None, **options):
    """Masks (T, H, W) of frames (T, H, W, 3) as they are stored."""
    info = SimpleNamespace(orientation=orientation or Orientation(), kind="folder")
    taken = (SimpleNamespace(frame=SimpleNamespace(rgb=np.ascontiguousarray(rgb)), info=info) for rgb in frames)
    return np.stack(list(finding_blocks(**options)(taken)))


def spoiled(frames, level=None, offset=0, seed=0):
    """Frames of which two in three have lost some blocks, and where, (T, H, W)."""
    chance = np.random.default_rng(seed)
    frames, lost = frames.copy(), np.zeros(frames.shape[:3], bool)
    for t in range(0, len(frames), 3):
        for part in (t, t + 1):
            y, x = (8 * int(chance.integers(1, side // 8 - 3)) + offset for side in frames.shape[1:3])
            place = np.s_[part, y : y + 16, x : x + 8 * int(chance.integers(1, 3))]
            frames[place] = level(frames[place]) if level else chance.integers(0, 256, frames[place].shape)
            lost[place] = True
    return frames, lost


@pytest.fixture(scope="module")
def scene():
    return colour(pan(COUNT))


def test_lost_blocks_are_found_and_nothing_else(scene):
    frames, lost = spoiled(scene)
    found = found_in(frames)
    assert min(precision_recall(found, lost, 0)) > 0.95
    assert not found[2::3].any()
    assert not found_in(scene).any()


def test_blocks_of_another_colour_are_found_however_bright(scene):
    def tinted(block):
        ycc = cv2.cvtColor(block, cv2.COLOR_RGB2YCrCb)
        ycc[..., 1] = 160
        return cv2.cvtColor(ycc, cv2.COLOR_YCrCb2RGB)

    frames, lost = spoiled(scene, tinted)
    assert min(precision_recall(found_in(frames), lost, 0)) > 0.95


def test_what_keeps_to_no_grid_is_no_lost_block(scene):
    frames, lost = spoiled(scene, offset=4)
    assert precision_recall(found_in(frames), lost, 0)[1] < 0.2


def test_sensitivity_says_how_faint_a_block_may_be(scene):
    frames, lost = spoiled(scene, lambda block: np.clip(block.astype(int) + 14, 0, 255).astype(np.uint8))
    faint, usual = (found_in(frames, sensitivity=much) for much in (2.0, 1.0))
    assert precision_recall(faint, lost, 0)[0] > 0.95
    assert faint.sum() > 0.4 * lost.sum()
    assert not usual.any()


def test_blocks_lie_where_they_are_stored_and_masks_as_it_is_played(scene):
    frames, lost = spoiled(scene[:, :93, :149])
    turn = Orientation.turned(90)
    found = found_in(frames, turn)
    assert min(precision_recall(found, np.stack([turn.to_shown(one) for one in lost]), 0)) > 0.95


@pytest.mark.parametrize(("colour_of", "share"), [((0, 135, 0), 0.9), ((128, 128, 128), 0.6), ((255, 255, 255), 0.0)])
def test_the_rest_of_a_picture_is_lost_where_it_was_filled_up(scene, colour_of, share):
    frames = scene.copy()
    rows = round(frames.shape[1] * (1 - share)) if share else 0
    frames[5, rows:] = colour_of
    found = found_in(frames)
    assert found[5, rows + 8 :].mean() > 0.95 if share else not found.any()
    assert found[5, : max(rows - 8, 0)].sum() == found[[*range(5), *range(6, COUNT)]].sum() == 0


def test_a_cut_is_no_damage():
    frames = np.concatenate([moving_texture(5, seed=1), moving_texture(5, seed=2)])
    assert not found_in(frames).any()


def recorded(path, frames, codec, spoil=lambda index, data: data, **options):
    """Frames encoded; ``spoil`` is given each packet."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], "yuv420p"
        count = 0
        for index, rgb in enumerate([*frames, None]):
            frame = None
            if rgb is not None:
                frame = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format="yuv420p")
                frame.pts, frame.time_base = index, Fraction(1, 25)
            for packet in stream.encode(frame):
                made = av.Packet(spoil(count, bytes(packet)))
                made.pts, made.dts, made.time_base = packet.pts, packet.dts, packet.time_base
                made.stream, made.is_keyframe = stream, packet.is_keyframe
                output.mux(made)
                count += 1
    return path


def pictures_of(path):
    with open_source(path) as source:
        return np.stack([frame.rgb for frame in source]).astype(int)


def test_dropouts_of_a_tape_are_found(tmp_path, capsys):
    scene = [cv2.resize(rgb, (720, 576), interpolation=cv2.INTER_LINEAR) for rgb in colour(pan(6, step=2))]
    chance = np.random.default_rng(0)

    def spoil(index, packet):
        data = bytearray(packet)
        for first in chance.integers(0, len(data) // 80 - 6, 3) if index % 2 else ():
            # Sections of 80 bytes, three of which say what they are.
            for at in range(80 * first, 80 * (first + 6), 80):
                data[at + 3 : at + 80] = chance.integers(0, 256, 77, np.uint8).tobytes()
        return bytes(data)

    path = recorded(tmp_path / "in.avi", scene, "dvvideo", spoil)
    differs = np.abs(pictures_of(recorded(tmp_path / "whole.avi", scene, "dvvideo")) - pictures_of(path)).max(-1)
    assert (differs > 30)[1::2].any((1, 2)).all()
    mask = tmp_path / "mask.mkv"
    assert main(["mask", "blocks", str(path), "-o", str(mask), "--dilate", "0"]) == 0
    assert "6 frames, 3 with a hole" in capsys.readouterr().err
    found = pictures_of(mask)[..., 0] > 127
    # What spoils some of a block may leave the rest of it nearly as it was.
    assert precision_recall(found, differs > 4, 4)[0] > 0.95
    assert precision_recall(found, differs > 30)[1] > 0.8


@pytest.mark.parametrize(("codec", "options"), [("mpeg2video", {}), ("libx264", {"x264-params": "slices=4"})])
def test_what_a_decoder_makes_up_is_found_until_the_next_key_frame(tmp_path, codec, options):
    scene = [cv2.resize(rgb, (320, 192), interpolation=cv2.INTER_CUBIC) for rgb in colour(pan(24))]
    options |= {"g": "12", "bf": "0", "b": "2M"}

    def spoil(index, data):
        # Half of the third frame is lost, as where a broadcast breaks off.
        return data[: len(data) // 2] if index == 2 else data

    path = recorded(tmp_path / "in.mkv", scene, codec, spoil, **options)
    whole = recorded(tmp_path / "whole.mkv", scene, codec, **options)
    differs = np.abs(pictures_of(whole) - pictures_of(path)).max(-1)
    assert (differs > 30)[2:12].any((1, 2)).all()
    found = []
    for one in (path, whole):
        with open_source(one) as source:
            found.append(np.stack(list(finding_blocks()(shown(source)))))
    # What was made up may have come out as it was.
    assert precision_recall(found[0], differs > 0, 8)[0] > 0.9
    assert precision_recall(found[0], differs > 30)[1] > 0.9
    # What is whole is left alone: other frames, and the recording that lost nothing.
    assert found[0][[0, 1, *range(13, 24)]].mean() < 2e-3
    assert found[1].mean() < 2e-3


def test_too_short_a_video_is_refused(tmp_path, capsys):
    path = write_video(tmp_path / "in.mp4", moving_texture(2))
    assert main(["mask", "blocks", str(path), "-o", str(tmp_path / "mask.mkv")]) == 2
    assert "at least 3 frames" in capsys.readouterr().err
    assert not (tmp_path / "mask.mkv").exists()
    with pytest.raises(UserError, match="--sensitivity 0"), open_source(path) as source:
        list(finding_blocks(0)(shown(source)))
