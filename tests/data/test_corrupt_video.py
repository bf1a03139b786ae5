from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
import torch

from rovr.data.cases import make_case
from rovr.data.corrupt import make_masks
from rovr.data.corrupt_video import corrupt_video
from rovr.errors import UserError
from rovr.video import open_masks, open_source

COUNT, HEIGHT, WIDTH = 7, 64, 80


def make_video(path, sound=True, matrix=None):
    """A few noisy frames that do not keep a steady pace, and a tone."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "10"})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        if matrix:
            stream.set_display_matrix(matrix)
        tone = container.add_stream("aac", rate=16000, layout="mono") if sound else None
        for number in range(COUNT):
            coarse = rng.integers(0, 256, (8, 8, 3), np.uint8)
            image = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
            frame = av.VideoFrame.from_ndarray(image, "rgb24")
            frame.pts, frame.time_base = number * 100 + 30 * (number % 2), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if tone:
            for k in range(10):
                samples = np.sin(np.arange(1024) / 9)[None].astype(np.float32)
                frame = av.AudioFrame.from_ndarray(samples, "fltp", "mono")
                frame.sample_rate, frame.pts = 16000, k * 1024
                container.mux(tone.encode(frame))
            container.mux(tone.encode(None))
    return path


@pytest.fixture
def video(tmp_path):
    return make_video(tmp_path / "in.mp4")


def read(path):
    """Frames as played and their times in seconds."""
    with open_source(path) as source:
        turn = source.info.orientation.to_shown
        pairs = [(turn(frame.rgb), float(frame.native.pts * frame.native.time_base)) for frame in source]
    return np.stack([pixels for pixels, _ in pairs]), [time for _, time in pairs]


def planes(path):
    """Samples as stored: the luma above the two planes of chroma."""
    with open_source(path) as source:
        return [frame.native.to_ndarray() for frame in source]


def grown(holes, by):
    """Holes widened by some pixels, or narrowed: chroma is coarser than masks and interpolated on display."""
    change = cv2.dilate if by > 0 else cv2.erode
    kernel = np.ones((2 * abs(by) + 1,) * 2, np.uint8)
    return np.stack([change(hole.astype(np.uint8), kernel) > 0 for hole in holes])


@pytest.mark.parametrize("mask_name", ["mask.mkv", "mask.mp4", "masks"])
@pytest.mark.parametrize("kind", ["shift", "static", "scratch", "blocks"])
def test_masks_read_back_exactly(video, tmp_path, mask_name, kind):
    out, mask_out = tmp_path / "out.mp4", tmp_path / mask_name
    assert corrupt_video(video, out, mask_out, kind, seed=5) == COUNT
    expected = make_masks(kind, COUNT, HEIGHT, WIDTH, 5)[:, 0].numpy()
    drawn, _ = read(mask_out)
    assert np.array_equal(drawn[..., 0] > 127, expected)
    assert np.array_equal(drawn, np.where(expected, 255, 0)[..., None].repeat(3, -1))
    with open_source(out) as source:
        assert np.array_equal(np.stack(list(open_masks(source.info, mask_out))), expected)


def test_only_the_holes_are_damaged(video, tmp_path):
    out, mask_out = tmp_path / "out.mkv", tmp_path / "mask.mkv"
    corrupt_video(video, out, mask_out, lossless=True, fill="black", size=(0.5, 0.6), shapes=("rectangle",))
    (_, times), (after, same), (masks, also) = read(video), read(out), read(mask_out)
    # Sound may begin before the picture, and Matroska counts from whatever is first.
    assert np.diff(times) == pytest.approx(np.diff(same))
    assert np.diff(times) == pytest.approx(np.diff(also))
    holes = masks[..., 0] > 127
    for was, now, hole in zip(planes(video), planes(out), holes, strict=True):
        assert np.array_equal(was[:HEIGHT][~hole], now[:HEIGHT][~hole])
        seen = ~hole.reshape(HEIGHT // 2, 2, WIDTH // 2, 2).any((1, 3)).reshape(-1, WIDTH)
        for plane in (slice(HEIGHT, HEIGHT * 5 // 4), slice(HEIGHT * 5 // 4, None)):
            assert np.array_equal(was[plane][seen], now[plane][seen])
    assert after[grown(holes, -6)].max() <= 2
    assert 0.24 < holes.mean() < 0.37


def test_sound_comes_along_with_the_video_only(video, tmp_path):
    corrupt_video(video, tmp_path / "out.mp4", tmp_path / "mask.mp4")
    with av.open(str(tmp_path / "out.mp4")) as out, av.open(str(tmp_path / "mask.mp4")) as mask:
        assert [len(c.streams.audio) for c in (out, mask)] == [1, 0]


@pytest.mark.parametrize("fill", ["grey", "noise"])
def test_the_same_seed_does_the_same_damage(video, tmp_path, fill):
    clips = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        corrupt_video(video, tmp_path / f"{name}.mkv", tmp_path / f"{name}m.mkv", seed=seed, fill=fill, lossless=True)
        clips.append(read(tmp_path / f"{name}.mkv")[0])
    assert np.array_equal(clips[0], clips[1])
    assert not np.array_equal(clips[0], clips[2])


def test_folders_and_odd_sizes_are_taken(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((45, 51, 3), 40 * number, np.uint8))
    steps = []
    corrupt_video(
        folder, tmp_path / "out", tmp_path / "mask.mp4", rate=Fraction(5), on_frame=lambda *step: steps.append(step)
    )
    assert read(tmp_path / "out")[0].shape == (3, 45, 51, 3)
    drawn, times = read(tmp_path / "mask.mp4")
    assert np.array_equal(drawn[..., 0] > 127, make_masks("shift", 3, 45, 51, 0)[:, 0].numpy())
    assert times == pytest.approx([0, 0.2, 0.4])
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_flicker_and_noise_are_those_of_training(tmp_path):
    rng = np.random.default_rng(1)
    frames = rng.integers(0, 256, (4, 3, 32, 48), np.uint8)
    (tmp_path / "in").mkdir()
    for number, frame in enumerate(frames):
        cv2.imwrite(str(tmp_path / "in" / f"{number:03d}.png"), frame.transpose(1, 2, 0)[..., ::-1])
    corrupt_video(tmp_path / "in", tmp_path / "out", tmp_path / "masks", "shift+photometric", 5)
    found = [cv2.imread(str(path))[..., ::-1] for path in sorted((tmp_path / "out").iterdir())]
    expected = make_case(torch.from_numpy(frames), "shift+photometric", 5).frames.permute(0, 2, 3, 1).numpy()
    assert np.array_equal(np.stack(found), expected)


def test_turned_videos_are_masked_as_they_are_played(tmp_path):
    turned = make_video(tmp_path / "in.mp4", matrix=(0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30))
    assert read(turned)[0].shape == (COUNT, WIDTH, HEIGHT, 3)
    options = {"size": (0.5, 0.6), "shapes": ("rectangle",)}
    corrupt_video(turned, tmp_path / "out.mkv", tmp_path / "mask.mkv", fill="black", lossless=True, **options)
    expected = make_masks("shift", COUNT, WIDTH, HEIGHT, 0, **options)[:, 0].numpy()
    drawn, after = read(tmp_path / "mask.mkv")[0], read(tmp_path / "out.mkv")[0]
    assert np.array_equal(drawn[..., 0] > 127, expected)
    assert after[grown(expected, -6)].max() <= 2


def test_nothing_is_left_of_a_failure(video, tmp_path):
    def fail(*step):
        raise KeyboardInterrupt

    before = sorted(tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        corrupt_video(video, tmp_path / "out.mp4", tmp_path / "mask.mkv", on_frame=fail)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"video": "none.mp4"}, "does not exist"),
        ({"kind": "rain"}, "shift, static, scratch, blocks"),
        ({"kind": "scratch", "size": (0.1, 0.2)}, "no option size"),
        ({"fill": "red"}, "grey, black, noise"),
        ({"mask_out": "out.mp4"}, "two places"),
        ({"out": "here", "mask_out": "here/mask.mkv"}, "two places"),
        ({"out": "in.mp4"}, "which is read or written too"),
        ({"out": "there.mp4"}, "exists already"),
        ({"out": "out.avi"}, ".mp4"),
        ({"mask_out": "mask.avi"}, ".mp4"),
        ({"crf": 99}, "0 (best) to 51"),
    ],
)
def test_mistakes_are_told_in_one_line(video, tmp_path, change, words):
    (tmp_path / "there.mp4").write_text("")
    before = sorted(tmp_path.iterdir())
    call = {"video": "in.mp4", "out": "out.mp4", "mask_out": "mask.mkv"} | change
    paths = {name: tmp_path / call.pop(name) for name in ("video", "out", "mask_out")}
    with pytest.raises(UserError) as caught:
        corrupt_video(**paths, **call)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before


def test_outputs_are_replaced_when_told(video, tmp_path):
    for _ in range(2):
        corrupt_video(video, tmp_path / "out.mp4", tmp_path / "mask.mkv", overwrite=True)
