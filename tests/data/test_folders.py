import json

import av
import cv2
import numpy as np
import pytest
import torch

from rovr.data.folders import ClipSource, Footage, davis, open_dataset, realvsr, youtube_vos
from rovr.data.recipes import REALVSR_TEST
from rovr.errors import UserError


def picture(number, height=48, width=64):
    """A frame whose left half is brighter, by its number."""
    image = np.full((height, width, 3), (10 + number, 20, 30), np.uint8)
    image[:, : width // 2] += 100
    return image


def frames(folder, numbers, suffix=".png", **size):
    folder.mkdir(parents=True)
    for number in numbers:
        image = cv2.cvtColor(picture(number, **size), cv2.COLOR_RGB2BGR)
        assert cv2.imwrite(str(folder / f"{number:05d}{suffix}"), image)
    return folder


def objects(folder, numbers, height=48, width=64):
    folder.mkdir(parents=True)
    drawn = np.zeros((height, width, 3), np.uint8)
    drawn[8:24, 16:32, 2] = 128
    for number in numbers:
        assert cv2.imwrite(str(folder / f"{number:05d}.png"), drawn)


def video(path, count, height=48, width=64):
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264rgb", rate=10, options={"crf": "0"})
        stream.width, stream.height, stream.pix_fmt = width, height, "rgb24"
        for number in range(count):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number, height, width), "rgb24")))
        container.mux(stream.encode(None))
    return path


def numbers(clip):
    """Which frames a clip holds, read off their colours."""
    return (clip.frames[:, 0, 0, -1].int() - 10).tolist()


@pytest.fixture
def real(tmp_path):
    for name in ("000", "008", "026", "499"):
        frames(tmp_path / "GT" / name, range(4))
    frames(tmp_path / "LQ" / "000", range(4))
    return tmp_path


def names(found):
    return [footage.name for footage in found]


def test_realvsr_keeps_its_test_sequences_apart(real):
    assert names(realvsr(real)) == ["000", "008", "026", "499"]
    assert names(realvsr(real, "test")) == ["008", "026"]
    assert names(realvsr(real, "train")) == ["000", "499"]
    assert len(set(REALVSR_TEST)) == 50


def test_realvsr_takes_the_split_that_lies_beside_it_or_in_a_list(real, tmp_path):
    listed = tmp_path / "mine.txt"
    listed.write_text("# mine\n499\n\n000\n")
    assert names(realvsr(real, listed)) == ["499", "000"]
    frames(real / "GT_test" / "499", range(4))
    assert names(realvsr(real, "test")) == ["499"]
    assert names(realvsr(real, "train")) == ["000", "008", "026"]


@pytest.fixture
def davis_root(tmp_path):
    for name in ("bear", "camel", "dog"):
        frames(tmp_path / "JPEGImages" / "480p" / name, range(5), ".jpg")
    objects(tmp_path / "Annotations" / "480p" / "camel", range(5))
    frames(tmp_path / "JPEGImages" / "Full-Resolution" / "bear", range(5), ".jpg", height=96, width=128)
    lists = tmp_path / "ImageSets" / "2017"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("bear\ndog\n")
    (lists / "val.txt").write_text("camel\n")
    return tmp_path


def test_davis_follows_its_lists(davis_root):
    assert names(davis(davis_root)) == ["bear", "camel", "dog"]
    assert names(davis(davis_root, "train")) == ["bear", "dog"]
    assert names(davis(davis_root, "val")) == ["camel"]
    assert names(davis(davis_root, resolution="Full-Resolution")) == ["bear"]
    with pytest.raises(UserError, match="choose from train, val"):
        davis(davis_root, "test")
    with pytest.raises(UserError, match="480p"):
        davis(davis_root, resolution="1080p")
    (davis_root / "ImageSets" / "2017" / "val.txt").write_text("camel\nzebra\n")
    with pytest.raises(UserError, match="zebra"):
        davis(davis_root, "val")


def test_objects_are_cut_like_their_frames(davis_root):
    clip = open_dataset(davis_root, split="val", length=3, size=24, objects=True)[0]
    assert clip.frames.shape == (3, 3, 24, 24)
    assert clip.objects.shape == (3, 1, 24, 24)
    # The crop takes columns 8 to 56 of 64 and halves them.
    assert clip.objects[0, 0, 4:12, 4:12].all()
    assert clip.objects[0].sum() == 64
    with pytest.raises(UserError, match="no annotations"):
        open_dataset(davis_root, split="train", length=3, size=24, objects=True)[0]


@pytest.fixture
def youtube(tmp_path):
    for split, videos in (("train", ("0a", "0b")), ("valid", ("0c",))):
        for name in videos:
            frames(tmp_path / split / "JPEGImages" / name, (0, 5, 10, 20, 115), ".jpg")
            objects(tmp_path / split / "Annotations" / name, (0, 5))
        meta = {"videos": {name: {} for name in videos}}
        (tmp_path / split / "meta.json").write_text(json.dumps(meta))
    return tmp_path


def test_youtube_vos_does_not_count_on_frame_numbers(youtube):
    assert names(youtube_vos(youtube)) == ["0a", "0b", "0c"]
    assert names(youtube_vos(youtube, "valid")) == ["0c"]
    assert names(youtube_vos(youtube / "train")) == ["0a", "0b"]
    footage = youtube_vos(youtube, "valid")[0]
    assert footage.length == 5
    assert [int(image[0, -1, 0]) - 10 for image in footage.frames(1, 2, 2)] == pytest.approx([5, 20], abs=2)
    with pytest.raises(UserError, match="not every frame is annotated"):
        list(footage.objects(0, 3))
    with pytest.raises(UserError, match="choose from train, valid"):
        youtube_vos(youtube, "test")


def test_youtube_vos_takes_a_list(youtube):
    (youtube / "mine.txt").write_text("0c\n0a\n")
    assert sorted(names(youtube_vos(youtube, youtube / "mine.txt"))) == ["0a", "0c"]


@pytest.fixture
def mixed(tmp_path):
    video(tmp_path / "b.mkv", 7)
    video(tmp_path / "deep" / "c.mkv", 3)
    frames(tmp_path / "a" / "frames", range(6))
    objects(tmp_path / "a" / "masks", range(6))
    (tmp_path / "notes.txt").write_text("hello")
    return tmp_path


def test_any_folder_gives_its_videos_and_folders_of_frames(mixed):
    source = open_dataset(mixed, length=3, size=32)
    assert names(source.sequences) == ["a/frames", "b", "deep/c"]
    assert names(open_dataset(mixed, split="deep", length=3).sequences) == ["c"]
    assert names(open_dataset(mixed / "a" / "frames", length=3).sequences) == ["frames"]
    (mixed / "list.txt").write_text("b\n")
    assert names(open_dataset(mixed, split=mixed / "list.txt", length=3).sequences) == ["b"]


def test_sequences_are_cut_into_consecutive_windows(mixed):
    source = open_dataset(mixed, length=3, size=32)
    assert [clip.name for clip in source] == ["a/frames@0", "a/frames@3", "b@0", "b@3", "deep/c"]
    assert [numbers(clip) for clip in source] == [[0, 1, 2], [3, 4, 5], [0, 1, 2], [3, 4, 5], [0, 1, 2]]
    strided = open_dataset(mixed, length=3, size=32, stride=2)
    assert [numbers(clip) for clip in strided] == [[0, 2, 4], [0, 2, 4]]
    assert strided.skipped == ["deep/c"]
    assert strided[0].frames.dtype == torch.uint8


def test_windows_never_leave_the_sequence(mixed):
    for length in range(1, 8):
        for clip in open_dataset(mixed, length=length, size=8):
            assert len(clip.frames) == length


def test_the_centre_is_cut_out_and_averaged(mixed):
    clip = open_dataset(mixed, length=1, size=12)[0]
    assert clip.frames.shape == (1, 3, 12, 12)
    assert clip.frames[0, 1, 0].tolist() == [120] * 6 + [20] * 6
    wide = open_dataset(mixed, length=1, size=(12, 24))[0]
    assert wide.frames[0, 1, 0].tolist() == [120] * 12 + [20] * 12
    whole = open_dataset(mixed, length=1, size=None)[0]
    assert torch.equal(whole.frames[0].permute(1, 2, 0), torch.from_numpy(picture(0)))
    larger = open_dataset(mixed, length=1, size=96)[0]
    assert larger.frames.shape == (1, 3, 96, 96)


def test_samples_are_drawn_by_the_generator(mixed):
    source = open_dataset(mixed, length=2, size=16)
    clips = [source.sample(seed) for seed in range(20)]
    again = [source.sample(seed) for seed in range(20)]
    assert all(torch.equal(a.frames, b.frames) for a, b in zip(clips, again, strict=True))
    assert len({clip.name for clip in clips}) > 5
    for clip in clips:
        assert clip.frames.shape == (2, 3, 16, 16)
        first, second = numbers(clip)
        assert second == first + 1 or (first > 50 and second > 50)
    chance = torch.Generator().manual_seed(0)
    assert len({source.sample(chance).name for _ in range(20)}) > 5


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda root: open_dataset(root / "none"), "is no folder"),
        (lambda root: open_dataset(root, recipe="kinetics"), "auto, realvsr, davis, youtube_vos, folder"),
        (lambda root: open_dataset(root / "empty"), "no videos and no folders"),
        (lambda root: open_dataset(root, split="valid"), "choose from"),
        (lambda root: open_dataset(root, recipe="realvsr"), "does not exist"),
        (lambda root: open_dataset(root, recipe="davis"), "does not exist"),
        (lambda root: len(open_dataset(root)), "the longest has 7"),
        (lambda root: open_dataset(root, length=0), "1 or more"),
        (lambda root: open_dataset(root, size=0), "1 or more"),
        (lambda root: ClipSource([Footage("x", root / "notes.txt")], 2)[0], "not a video"),
    ],
)
def test_mistakes_are_told_in_one_line(mixed, call, words):
    (mixed / "empty").mkdir()
    with pytest.raises(UserError) as caught:
        call(mixed)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
