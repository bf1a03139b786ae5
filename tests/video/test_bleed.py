"""Colours of what lies in a hole, beside it."""

from pathlib import Path

import av
import numpy as np
import pytest
from conftest import moving_texture, write_video

from rovr.restore import restore_video
from rovr.video import open_source, pixels
from rovr.video.bleed import without_bleed
from rovr.video.colour import Colour, Frame

SUBSAMPLED = (
    "yuv420p",
    "yuvj420p",
    "yuv422p",
    "yuv411p",
    "yuv410p",
    "yuva420p",
    "nv12",
    "nv21",
    "yuv420p10le",
    "p010le",
)
MAGENTA = (255, 0, 255)


def scene(height: int, width: int) -> np.ndarray:
    """Colours that change slowly, (H, W, 3) uint8."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    return np.stack([90 + 60 * x, 120 + 40 * y, 140 - 50 * x * y], 2).astype(np.uint8)


def framed(rgb: np.ndarray, pix_fmt: str) -> Frame:
    native = av.VideoFrame.from_ndarray(rgb, "rgb24")
    colour = Colour(1, pix_fmt.startswith("yuvj"))
    return Frame(colour.recast(native, pix_fmt), colour)


@pytest.mark.parametrize("pix_fmt", SUBSAMPLED)
@pytest.mark.parametrize("size", [(96, 128), (92, 124)])
def test_a_mark_does_not_colour_what_is_beside_it(pix_fmt, size):
    rgb, mask = scene(*size), np.zeros(size, bool)
    mask[31:58, 41:90] = mask[-3:, -7:] = True
    marked = rgb.copy()
    marked[mask] = MAGENTA
    truth, frame = framed(rgb, pix_fmt).planar.astype(int), framed(marked, pix_fmt)
    before = [plane.copy() for plane in pixels.planes(frame.native)]
    off, plain = (np.abs(seen.astype(int) - truth)[:, ~mask].max() for seen in (frame.beside(mask), frame.planar))
    # What is left is what the filter that thinned the colours out has spread to samples beside the hole.
    assert off < plain / 5
    assert all(np.array_equal(a, b) for a, b in zip(before, pixels.planes(frame.native), strict=True))


def test_where_a_mask_reaches_beyond_its_mark_nothing_is_made_up():
    frame, mask = framed(moving_texture(1, 96, 128)[0], "yuv420p"), np.zeros((96, 128), bool)
    mask[31:58, 41:90] = True
    assert without_bleed(frame.native, mask) is frame.native


@pytest.mark.parametrize("pix_fmt", ["yuv444p", "gray", "gbrp", "rgb24"])
def test_pixels_with_a_colour_of_their_own_are_taken_as_they_are(pix_fmt):
    frame, mask = framed(scene(32, 48), pix_fmt), np.zeros((32, 48), bool)
    mask[3:9, 5:20] = True
    assert without_bleed(frame.native, mask) is frame.native


def test_frames_without_a_hole_and_without_anything_else():
    frame = framed(scene(32, 48), "yuv420p")
    assert without_bleed(frame.native, np.zeros((32, 48), bool)) is frame.native
    assert np.array_equal(frame.beside(np.ones((32, 48), bool)), frame.planar)


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (33, 47)])
def test_holes_at_the_edges_of_odd_sizes(size):
    frame, mask = framed(scene(*size), "yuv420p"), np.zeros(size, bool)
    mask[-1, -1] = mask[0, 0] = True
    assert frame.beside(mask).shape == (3, *size)


def test_a_repair_has_little_of_the_colour_that_it_takes_the_place_of(tmp_path, monkeypatch):
    grey = moving_texture(5, 64, 64).mean(3, keepdims=True).repeat(3, 3).astype(np.uint8)
    grey[:, 21:43, 17:44] = MAGENTA
    path = write_video(tmp_path / "in.mkv", grey, codec="ffv1")
    given = {"boxes": ["17,21,27,22"], "editor": "telea", "selector": "nearest", "device": "cpu", "lossless": True}

    def tint(out: Path) -> float:
        restore_video(path, None, out, **given)
        with open_source(out) as source:
            # Samples of colour that the hole covers whole.
            return float(np.mean([np.ptp(frame.rgb[24:42, 20:42].astype(int), 2).mean() for frame in source]))

    off = tint(tmp_path / "out.mkv")
    monkeypatch.setattr(Frame, "beside", lambda frame, mask: frame.planar)
    assert off < 0.3 * tint(tmp_path / "plain.mkv")
