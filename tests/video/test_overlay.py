"""Taking a see-through logo off: exact where it can be, and nowhere else."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from av import VideoFrame
from conftest import moving_texture, write_video

from rovr.errors import UserError
from rovr.video import open_masks, open_source, pixels
from rovr.video.colour import Colour, Frame
from rovr.video.frames import filtered
from rovr.video.overlay import EXACT, LOSSY, Overlay, noise_of, read_overlay

FORMATS = (
    "yuv420p", "yuv422p10le", "yuv411p", "nv12", "p010le", "gray", "gray16le", "rgb24", "bgra", "gbrp", "yuva420p",
)  # fmt: skip
HEIGHT, WIDTH = 48, 66


def square() -> np.ndarray:
    area = np.zeros((HEIGHT, WIDTH), bool)
    area[8:32, 13:51] = True
    return area


def laid(pix_fmt: str, share: float = 0.5, colour: float = 200) -> tuple[Frame, Frame, Overlay]:
    """A picture, the same below a see-through square, and the square."""
    rgb = moving_texture(1, HEIGHT, WIDTH)[0]
    truth = VideoFrame.from_ndarray(rgb, "rgb24").reformat(format=pix_fmt)
    seen = VideoFrame.from_ndarray(rgb, "rgb24").reformat(format=pix_fmt)
    seen.pts, seen.time_base = 7, Fraction(1, 25)
    area = square()
    highest, step = pixels.values(pix_fmt)
    own = pixels.samples(area, pix_fmt)
    factors, shifts = [], []
    for plane, part in zip(pixels.planes(seen), own, strict=True):
        shape = (*part.where.shape, len(part.channels))
        factor, shift = np.ones(shape, np.float32), np.zeros(shape, np.float32)
        factor[part.where], shift[part.where] = 1 / share, -(1 - share) * colour / share
        for channel in part.channels:
            below = plane[*part.box, channel]
            mixed = share * below + (1 - share) * colour * highest / 255
            below[part.where] = (np.rint(mixed / step) * step)[part.where]
        factors.append(factor)
        shifts.append(shift)
    rule = Colour.of(truth)
    overlay = Overlay(pix_fmt, area, np.zeros_like(area), factors, shifts)
    return Frame(truth, rule), Frame(seen, rule), overlay


@pytest.mark.parametrize("pix_fmt", FORMATS)
def test_what_lay_below_comes_back_and_nothing_else_changes(pix_fmt):
    truth, seen, overlay = laid(pix_fmt)
    overlay = replace(overlay, noise=0.0)
    before = [plane.copy() for plane in pixels.planes(seen.native)]
    lifted = overlay.lift(seen)
    step = pixels.values(pix_fmt)[1]
    parts = zip(*(pixels.planes(frame.native) for frame in (lifted, truth)), before, strict=True)
    for (now, was, mixed), own in zip(parts, pixels.samples(overlay.area, pix_fmt), strict=True):
        inside = np.zeros(now.shape, bool)
        for channel in own.channels:
            inside[*own.box, channel] = own.where
        np.testing.assert_array_equal(now[~inside], mixed[~inside])
        # Half a step of what was seen is a step of what lay below.
        assert (np.abs(now.astype(int) - was)[inside] <= step).all()
        if own.channels:
            assert (mixed[inside] != was[inside]).any()
    assert lifted.native.pts == 7
    for plane, kept in zip(pixels.planes(seen.native), before, strict=True):
        np.testing.assert_array_equal(plane, kept)


def test_noise_that_making_up_for_the_logo_has_grown_is_taken_off_again():
    truth, seen, overlay = laid("gray", share=0.3)
    plane = pixels.planes(seen.native)[0]
    noise = np.random.default_rng(0).normal(0, LOSSY**0.5, plane.shape)
    plane[overlay.area] = np.clip(np.rint(plane + noise), 0, 255)[overlay.area]

    def error(noise: float) -> float:
        made = pixels.planes(replace(overlay, noise=noise).lift(seen).native)[0].astype(float)
        return float(np.square(made - pixels.planes(truth.native)[0])[overlay.area].mean())

    assert error(LOSSY) < error(0.0) / 2


@pytest.mark.parametrize(
    ("codec", "noise"),
    [("h264", LOSSY), ("mjpeg", LOSSY), ("jpg", LOSSY), ("ffv1", EXACT), ("png", EXACT), ("tif", EXACT)],
)
def test_what_keeps_every_sample_has_hardly_any(codec, noise):
    assert noise_of(codec) == noise


def test_lines_of_two_fields_do_not_run_into_each_other():
    _, seen, overlay = laid("gray", share=0.3)
    plane = pixels.planes(seen.native)[0]
    # Faint enough to be taken for noise.
    plane[0::2], plane[1::2] = 150, 154
    columns = []
    for native in (seen.native, filtered(seen.native, "setfield", "tff")):
        made = pixels.planes(overlay.lift(replace(seen, native=native)).native)[0]
        columns.append(made[12:28, 30, 0].tolist())
    assert columns[1] == [33, 47] * 8
    assert max(columns[0]) - min(columns[0]) < 8


def test_a_file_brings_it_back(tmp_path):
    _, seen, overlay = laid("yuv420p")
    with (tmp_path / "logo.npz").open("wb") as file:
        overlay.write(file)
    again = read_overlay(tmp_path / "logo.npz")
    for ours, theirs in zip(*(pixels.planes(each.lift(seen).native) for each in (overlay, again)), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_video_of_another_size_or_format_is_refused(tmp_path):
    with (tmp_path / "logo.npz").open("wb") as file:
        laid("yuv420p")[2].write(file)
    for name, size, pix_fmt in (("size", (64, 48), "yuv420p"), ("format", (WIDTH, HEIGHT), "yuv444p")):
        video = write_video(tmp_path / f"{name}.mp4", moving_texture(3, *size[::-1]), pix_fmt=pix_fmt)
        with open_source(video) as source, pytest.raises(UserError, match="learn it from this one"):
            open_masks(source.info, tmp_path / "logo.npz")


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_a_file_of_something_else_is_refused(tmp_path, content):
    path = tmp_path / "logo.npz"
    if content is None:
        np.savez(path, kind="something else", area=square())
    else:
        path.write_bytes(content)
    with pytest.raises(UserError, match="holds no see-through logo"):
        read_overlay(path)


def test_parts_that_do_not_fit_together_are_refused(tmp_path):
    overlay = laid("yuv420p")[2]
    path = tmp_path / "logo.npz"
    np.savez(
        path, kind="rovr overlay 1", pix_fmt="yuv420p", noise=1.0, least=0.5, area=overlay.area, hole=overlay.hole,
        **{f"{name}{k}": np.ones((3, 3, 1), np.float32) for name in ("factor", "shift") for k in range(3)},
    )  # fmt: skip
    with pytest.raises(UserError, match="is damaged"):
        read_overlay(path)
