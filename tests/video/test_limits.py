"""Files that claim absurd sizes are refused by their headers, before anything is decoded."""

import json
import struct
import zlib

import cv2
import numpy as np
import pytest
from conftest import moving_texture, write_video

from rovr.editor.loading import read_checkpoint, read_weights
from rovr.errors import UserError
from rovr.masking import read_shapes
from rovr.restorer import Restorer
from rovr.video import limits as module
from rovr.video import open_masks, open_source
from rovr.video.folder import read_image
from rovr.video.picture_size import picture_size

ENDINGS = ["png", "jpg", "tif", "bmp", "webp"]


def bomb(width: int, height: int) -> bytes:
    """A PNG of zeros that claims any size."""

    def chunk(kind: bytes, held: bytes) -> bytes:
        return struct.pack(">I", len(held)) + kind + held + struct.pack(">I", zlib.crc32(kind + held))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1 << 20))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(1, 1), (17, 5), (300, 200)])
@pytest.mark.parametrize("ending", ENDINGS)
def test_sizes_by_the_header(tmp_path, ending, size):
    picture = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    options = {"webp": [[], [cv2.IMWRITE_WEBP_QUALITY, 50]], "jpg": [[], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]]}
    for option in options.get(ending, [[]]):
        data = cv2.imencode(f".{ending}", picture, option)[1].tobytes()
        assert picture_size(data) == size
    if ending in ("png", "webp", "tif"):
        see_through = np.dstack([picture, picture[..., :1]])
        assert picture_size(cv2.imencode(f".{ending}", see_through)[1].tobytes()) == size


@pytest.mark.parametrize("ending", ENDINGS)
def test_damaged_headers_have_no_size(ending):
    data = cv2.imencode(f".{ending}", np.zeros((40, 50, 3), np.uint8))[1].tobytes()
    chance = np.random.default_rng(0)
    for length in (*range(40), *chance.integers(0, len(data), 20)):
        found = picture_size(data[:length])
        assert found is None or found == (50, 40)
    for _ in range(200):
        noisy = bytearray(data)
        noisy[int(chance.integers(2, min(60, len(data))))] = int(chance.integers(0, 256))
        found = picture_size(bytes(noisy))
        assert found is None or min(found) > 0


def test_other_pictures_have_no_size():
    for data in (b"", b"GIF89a" + bytes(20), b"P6 9 9 255\n" + bytes(300), bytes(99)):
        assert picture_size(data) is None


def test_ribbons_longer_than_motion_can_be_followed_through(tmp_path):
    (tmp_path / "0.png").write_bytes(bomb(66_000, 8))
    with pytest.raises(UserError, match="66000×8, and sides"):
        open_source(tmp_path)
    frames = np.zeros((2, 8, 66_000, 3), np.uint8)
    with pytest.raises(UserError, match="cut them up"):
        Restorer.from_pretrained("telea", "sequential").restore(frames, np.ones(frames.shape[:3], bool))


@pytest.mark.parametrize("size", [(100_000, 100_000), (1, 1 << 30), (30_000, 30_000)])
def test_bombs_in_folders_and_masks(tmp_path, size):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "0.png").write_bytes(bomb(*size))
    with pytest.raises(UserError, match=f"{size[0]}×{size[1]}.*--max-pixels {size[0] * size[1]}"):
        open_source(tmp_path / "in")
    (tmp_path / "good").mkdir()
    cv2.imwrite(str(tmp_path / "good" / "0.png"), np.zeros((4, 4, 3), np.uint8))
    with open_source(tmp_path / "good") as source:
        for mask in (tmp_path / "in", tmp_path / "in" / "0.png"):
            with pytest.raises(UserError, match="--max-pixels"):
                open_masks(source.info, mask)
    # A picture in place of a video is probed by FFmpeg.
    with pytest.raises(UserError, match="--max-pixels"):
        open_source(tmp_path / "in" / "0.png")


def test_second_picture_is_looked_at_too(tmp_path):
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "1.png").write_bytes(bomb(70_000, 70_000))
    with open_source(tmp_path) as source, pytest.raises(UserError, match=r"1\.png.*--max-pixels"):
        list(source)


def test_the_limit_can_be_set(tmp_path):
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((40, 50, 3), np.uint8))
    with pytest.raises(UserError, match="1,999 pixels"):
        open_source(tmp_path, max_pixels=1999)
    with open_source(tmp_path, max_pixels=2000) as source:
        assert source.info.max_pixels == 2000
        assert len(list(source)) == 1
    assert read_image(tmp_path / "0.png", cv2.IMREAD_COLOR, 2000).shape == (40, 50, 3)


@pytest.mark.parametrize("name", ["in.mp4", "in.mkv", "in.h264"])
def test_large_videos_are_refused(tmp_path, name):
    path = write_video(tmp_path / name, moving_texture(3))
    with pytest.raises(UserError, match=r"64×48.*--max-pixels 3072"):
        open_source(path, max_pixels=3071)
    with open_source(path, max_pixels=3072) as source:
        assert len(list(source)) == 3


def test_frames_that_grow_are_refused(tmp_path):
    parts = [
        write_video(tmp_path / f"{i}.h264", moving_texture(3, *size)) for i, size in enumerate([(48, 64), (96, 128)])
    ]
    (tmp_path / "in.h264").write_bytes(b"".join(part.read_bytes() for part in parts))
    with open_source(tmp_path / "in.h264", max_pixels=4000) as source, pytest.raises(UserError):
        list(source)


def test_pictures_of_too_many_bytes(tmp_path):
    with (tmp_path / "0.png").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(UserError, match="bytes"):
        open_source(tmp_path)


def test_shapes_that_are_too_many_or_too_deep(tmp_path, monkeypatch):
    path = tmp_path / "s.json"
    path.write_text("[" * 100_000)
    with pytest.raises(UserError, match="deeply"):
        read_shapes(path)
    path.write_text('[{"box": [' + "1" * 10_000 + ",1,1,1]}]")
    with pytest.raises(UserError, match="endless"):
        read_shapes(path)
    path.write_text(json.dumps([{"box": [1, 1, 5, 5]}] * 9))
    assert len(read_shapes(path)) == 9
    monkeypatch.setattr("rovr.tables.MAX_TEXT", 100)
    with pytest.raises(UserError, match="bytes"):
        read_shapes(path)


@pytest.mark.parametrize("length", [1 << 40, 100_000_001, 0, 7])
def test_weights_with_absurd_headers(tmp_path, length):
    header = json.dumps({"a": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}).encode()
    for claimed in (length, len(header)):
        (tmp_path / "w.safetensors").write_bytes(struct.pack("<Q", claimed) + header)
        with pytest.raises(UserError, match=r"w\.safetensors"):
            read_weights(tmp_path / "w.safetensors")


def test_weights_of_too_many_bytes(tmp_path):
    with (tmp_path / "w.safetensors").open("wb") as file:
        file.truncate(module.MAX_WEIGHTS + 1)
    with pytest.raises(UserError, match="bytes"):
        read_weights(tmp_path / "w.safetensors")


class Sly:
    def __reduce__(self):
        return (print, ("code was run",))


def test_checkpoints_run_no_code(tmp_path, capsys):
    import torch

    torch.save({"step": Sly()}, tmp_path / "c.pt")
    with pytest.raises(UserError, match="no checkpoint"):
        read_checkpoint(tmp_path / "c.pt", "cpu")
    assert capsys.readouterr().out == ""
    torch.save({"step": 3, "net": {"w": torch.ones(2)}}, tmp_path / "c.pt")
    assert read_checkpoint(tmp_path / "c.pt", "cpu")["step"] == 3
    for data in (b"", b"\x80\4K\1.", bytes(999)):
        (tmp_path / "c.pt").write_bytes(data)
        with pytest.raises(UserError, match="no checkpoint"):
            read_checkpoint(tmp_path / "c.pt", "cpu")
