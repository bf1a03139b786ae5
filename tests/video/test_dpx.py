"""Film scans: folders of DPX in and out, every bit outside the holes kept."""

import struct
from pathlib import Path

import av
import cv2
import numpy as np
import odd_files
import pytest

from rovr.errors import UserError
from rovr.video import open_masks, open_sink, open_source
from rovr.video.dpx import is_kept, read_dpx
from rovr.video.picture_size import picture_size

SIZE = 40, 24


def write_dpx(path: Path, pix_fmt: str, seed: int = 0) -> list[np.ndarray]:
    """Noise; returns its planes."""
    noise = np.random.default_rng(seed).integers(0, 1 << 16, (*SIZE[::-1], 4), np.uint16)
    return odd_files.write_dpx(path, noise, pix_fmt)


@pytest.mark.parametrize("pix_fmt", ["gbrp10le", "gbrp12le", "rgb48be", "rgb24", "gray", "gray16be"])
def test_samples_are_kept(tmp_path, pix_fmt):
    (tmp_path / "in").mkdir()
    files = [tmp_path / "in" / f"scan.{k:04d}.dpx" for k in range(2)]
    truths = [write_dpx(file, pix_fmt, k) for k, file in enumerate(files)]
    for file in files:
        data = file.read_bytes()
        file.write_bytes(data[:1556] + b"film, roll and time code" + data[1580:])
    mask = np.zeros(SIZE[::-1], bool)
    mask[4:12, 6:20] = True
    said: list[str] = []
    with open_source(tmp_path / "in", said.append) as source:
        sink = open_sink(tmp_path / "out", source.info, said.append)
        for frame in source:
            sink.write(frame.pasted(255 - frame.rgb, mask))
        sink.commit()
    assert said == []
    bits = av.VideoFormat(pix_fmt).components[0].bits
    for file, planes in zip(files, truths, strict=True):
        data = (tmp_path / "out" / file.name).read_bytes()
        assert data[:1664] == file.read_bytes()[:1664]
        assert len(data) == file.stat().st_size
        found = read_dpx(data, cv2.IMREAD_UNCHANGED, 1 << 20)
        assert found.dtype == (np.uint8 if bits == 8 else np.uint16)
        # Planes of FFmpeg are green, blue, red, or red, green, blue side by side; OpenCV's pictures blue, green, red.
        truth = np.concatenate(planes, -1)
        truth = truth[..., [1, 0, 2]] if len(planes) == 3 else truth[..., ::-1]
        found = found[..., None] if found.ndim == 2 else found
        assert found.shape == truth.shape
        # Ten bits of sixteen are the upper ones.
        same = (found >> (16 - bits if bits > 8 else 0)) == truth
        assert same[~mask].all()
        assert not same[mask].all()


@pytest.mark.parametrize("pix_fmt", ["gbrp10be", "gbrp12le", "rgb48le", "rgb24", "gray", "gray16le"])
def test_rows_of_any_width_are_written_where_they_were(tmp_path, pix_fmt):
    for width in (5, 6, 7, 8):
        odd_files.write_dpx(
            tmp_path / "0.dpx", np.random.default_rng(0).integers(0, 1 << 16, (9, width, 4), np.uint16), pix_fmt
        )
        assert is_kept((tmp_path / "0.dpx").read_bytes())


@pytest.mark.parametrize("kinds", [("rgba", "rgba"), ("rgb24", "gbrp10le")])
def test_what_cannot_be_written_becomes_png_aloud(tmp_path, kinds):
    (tmp_path / "in").mkdir()
    for k, pix_fmt in enumerate(kinds):
        write_dpx(tmp_path / "in" / f"{k}.dpx", pix_fmt, k)
    said: list[str] = []
    with open_source(tmp_path / "in") as source:
        sink = open_sink(tmp_path / "out", source.info, said.append)
        for frame in source:
            sink.write(frame)
        sink.commit()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0.png", "1.png"]
    assert "the output is PNGs" in said[0]


def test_a_scan_cut_off_meanwhile_is_named(tmp_path):
    (tmp_path / "in").mkdir()
    write_dpx(tmp_path / "in" / "0.dpx", "gbrp10le")
    with open_source(tmp_path / "in") as source:
        sink = open_sink(tmp_path / "out", source.info, print)
        frame = next(iter(source))
        (tmp_path / "in" / "0.dpx").write_bytes((tmp_path / "in" / "0.dpx").read_bytes()[:-100])
        with pytest.raises(UserError, match=r"0\.dpx is cut off"):
            sink.write(frame)
        sink.abort()


def test_transparency_is_dropped_aloud(tmp_path):
    write_dpx(tmp_path / "0.dpx", "rgba")
    said: list[str] = []
    with open_source(tmp_path, said.append) as source:
        assert [frame.rgb.shape for frame in source] == [(24, 40, 3)]
    assert "alpha" in said[0]


@pytest.mark.parametrize("pix_fmt", ["gray", "rgb24", "gbrp10le"])
def test_masks(tmp_path, pix_fmt):
    write_dpx(tmp_path / "0.dpx", "rgb24")
    planes = write_dpx(tmp_path / "mask.dpx", pix_fmt, 1)
    with open_source(tmp_path / "0.dpx") as source:
        mask = next(iter(open_masks(source.info, tmp_path / "mask.dpx")))
    assert 0.2 < mask.mean() < 0.8
    if pix_fmt == "gray":
        np.testing.assert_array_equal(mask, planes[0][..., 0] > 127)


def test_damaged_and_huge_ones_are_refused_with_one_line(tmp_path):
    write_dpx(tmp_path / "0.dpx", "gbrp10le")
    data = (tmp_path / "0.dpx").read_bytes()
    assert picture_size(data) == SIZE
    huge = data[:772] + struct.pack("<II", 60_000, 60_000) + data[780:]
    for content, says in ((data[:3000], "not a picture"), (data[:700], "not a picture"), (huge, "--max-pixels")):
        (tmp_path / "0.dpx").write_bytes(content)
        with pytest.raises(UserError, match=says):
            open_source(tmp_path)
