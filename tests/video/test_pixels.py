from fractions import Fraction

import av
import numpy as np
import pytest
from conftest import moving_texture
from hypothesis import given
from hypothesis import strategies as st

from rovr.video import frames, pixels
from rovr.video.colour import Colour, Frame

FORMATS = [
    "yuv420p", "yuvj420p", "yuv422p", "yuv444p", "yuv440p", "yuv411p", "yuva420p", "nv12", "nv21", "nv16", "gray",
    "yuv420p10le", "yuv422p10le", "yuv444p10le", "p010le", "gray10le", "yuv420p12le",
    "gbrp", "gbrp10le", "gbrap", "rgb24", "bgr24", "rgba", "argb", "bgr0", "rgb48le",
]  # fmt: skip


def random_native(pix_fmt: str, height: int, width: int, seed: int = 0) -> av.VideoFrame:
    """Every sample drawn at random, so that each bit counts."""
    frame = av.VideoFrame(width, height, pix_fmt)
    rng = np.random.default_rng(seed)
    bits = frame.format.components[0].bits
    for plane in pixels.planes(frame):
        values = rng.integers(0, 1 << bits, plane.shape).astype(plane.dtype)
        plane[:] = values << 6 if pix_fmt.startswith("p0") else values
    frame.pts = 7
    return frame


def covered(mask: np.ndarray, plane: np.ndarray) -> np.ndarray:
    """Which samples of a plane may change, the slow way."""
    down, across = round(mask.shape[0] / plane.shape[0]), round(mask.shape[1] / plane.shape[1])
    may = np.zeros(plane.shape[:2], bool)
    for y in range(plane.shape[0]):
        for x in range(plane.shape[1]):
            may[y, x] = mask[y * down : (y + 1) * down, x * across : (x + 1) * across].all()
    return may


@pytest.mark.parametrize("size", [(32, 48), (31, 47)])
@pytest.mark.parametrize("pix_fmt", FORMATS)
def test_only_samples_wholly_in_the_hole_change(pix_fmt, size):
    native = random_native(pix_fmt, *size)
    before = [plane.copy() for plane in pixels.planes(native)]
    mask = np.random.default_rng(1).random(size) < 0.1
    mask[5:20, 9:30] = True
    frame = Frame(native, Colour.of(native))
    pasted = frame.pasted(255 - frame.rgb, mask).native
    assert pasted.format.name == pix_fmt
    assert pasted.pts == 7
    changed = 0
    for old, new in zip(before, pixels.planes(pasted), strict=True):
        differs = (old != new).any(-1)
        assert not (differs & ~covered(mask, old)).any()
        changed += differs.sum()
    assert changed > 100
    for old, now in zip(before, pixels.planes(native), strict=True):
        np.testing.assert_array_equal(old, now)


@pytest.mark.parametrize("pix_fmt", FORMATS)
def test_repairs_of_deep_video_are_dithered_and_repeatable(pix_fmt):
    native = random_native(pix_fmt, 48, 64)
    bits = native.format.components[0].bits
    unit = 1 << (6 if pix_fmt.startswith("p0") else 0)
    frame, rgb = Frame(native, Colour.of(native)), np.full((48, 64, 3), (100, 140, 90), np.uint8)
    mask = np.zeros((48, 64), bool)
    mask[8:40, 8:56] = True
    flat = pixels.planes(frame.colour.native(rgb, pix_fmt))[0][8:40, 8:56, :1].astype(int)
    once, again = (pixels.planes(frame.pasted(rgb, mask).native)[0][8:40, 8:56, :1].copy() for _ in range(2))
    np.testing.assert_array_equal(once, again)
    if pix_fmt == "argb":
        return
    noise = (once - flat) / unit
    step = 1 << (bits - 8)
    assert np.abs(noise).max() == (step / 2 if bits > 8 else 0)
    assert abs(noise.mean()) < step / 20
    native.pts = 8
    other = pixels.planes(frame.pasted(rgb, mask).native)[0][8:40, 8:56, :1]
    assert (other != once).any() == (bits > 8)


@pytest.mark.parametrize("pix_fmt", ["yuv420p10le", "gbrp10le", "p010le"])
@pytest.mark.parametrize("value", [0, 255])
def test_dither_does_not_wrap_around(pix_fmt, value):
    frame = Colour(1, True).native(np.full((16, 16, 3), value, np.uint8), pix_fmt)
    plane = pixels.planes(frame)[0]
    before = plane.astype(int)
    pixels.dither(frame, np.ones((16, 16), bool), 0)
    assert 0 < np.abs(plane - before).max() <= 2 << 6


@pytest.mark.parametrize(("pix_fmt", "channel"), [("rgba", 3), ("argb", 0)])
def test_alpha_is_kept(pix_fmt, channel):
    native = random_native(pix_fmt, 16, 16)
    frame = Frame(native, Colour.of(native))
    pasted = frame.pasted(255 - frame.rgb, np.ones((16, 16), bool)).native
    old, new = pixels.planes(native)[0], pixels.planes(pasted)[0]
    np.testing.assert_array_equal(old[..., channel], new[..., channel])
    np.testing.assert_array_equal(255 - old[..., 1], new[..., 1]) if pix_fmt == "rgba" else None


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 2), st.integers(0, 2), st.integers(0, 99))
def test_chroma_mask_never_covers_a_kept_pixel(height, width, across, down, seed):
    mask = np.random.default_rng(seed).random((height, width)) < 0.7
    small = pixels.plane_mask(mask, across, down)
    grown = small.repeat(1 << down, 0).repeat(1 << across, 1)[:height, :width]
    assert not (grown & ~mask).any()


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", [1, 5, 9])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv422p10le", "nv12"])
def test_round_trip_keeps_colours(pix_fmt, matrix, full):
    colour = Colour(matrix, full)
    for value in [(0, 0, 0), (255, 255, 255), (200, 30, 60), (10, 180, 90), (128, 128, 128), (30, 60, 220)]:
        rgb = np.full((16, 16, 3), value, np.uint8)
        back = colour.rgb(colour.native(rgb, pix_fmt)).astype(int)
        assert np.abs(back - rgb).max() <= 2
    texture = moving_texture(1)[0]
    back = colour.rgb(colour.native(texture, pix_fmt)).astype(int)
    assert np.abs((back - texture).mean((0, 1))).max() <= 1


@pytest.mark.parametrize(
    ("tag", "range_", "matrix", "full"), [(1, 1, 1, False), (6, 1, 5, False), (9, 2, 9, True), (2, 0, 5, False)]
)
def test_rule_is_read_off_the_tags(tag, range_, matrix, full):
    frame = av.VideoFrame(64, 48, "yuv420p")
    frame.colorspace, frame.color_range = tag, range_
    colour = Colour.of(frame)
    assert (colour.matrix, colour.full_range) == (matrix, full)


def test_untagged_large_pictures_are_bt709():
    frame = av.VideoFrame(1280, 720, "yuv420p")
    frame.colorspace = 2
    assert Colour.of(frame).matrix == 1


@pytest.mark.parametrize(
    ("pix_fmt", "substitute"),
    [
        ("yuyv422", "yuv422p"),
        ("pal8", "rgb24"),
        ("yuv420p10be", "yuv420p10le"),
        ("gbrpf32le", "rgb48le"),
        ("monob", "gray"),
    ],
)
def test_other_formats_have_a_substitute(pix_fmt, substitute):
    assert not pixels.is_plain(pix_fmt)
    assert pixels.plain_substitute(pix_fmt) == substitute
    assert pixels.is_plain(substitute)


@pytest.mark.parametrize("pix_fmt", ["yuvj420p", "yuvj422p", "yuvj444p", "yuvj440p"])
def test_another_name_for_the_same_planes_keeps_samples(pix_fmt):
    native = random_native(pix_fmt, 47, 63)
    new = Colour(5, True).recast(native, pix_fmt.replace("yuvj", "yuv"))
    assert new.format.name == pix_fmt.replace("yuvj", "yuv")
    for old, now in zip(pixels.planes(native), pixels.planes(new), strict=True):
        np.testing.assert_array_equal(old, now)


@pytest.mark.parametrize("pix_fmt", FORMATS)
def test_a_duplicate_has_samples_of_its_own_and_the_same_tags(pix_fmt):
    native = random_native(pix_fmt, 47, 63)
    native.colorspace, native.color_primaries, native.color_trc, native.color_range = 9, 9, 16, 1
    native.time_base, native.duration = Fraction(1, 90000), 3600
    new = frames.duplicate(native)
    for name in ("pts", "time_base", "duration", "colorspace", "color_primaries", "color_trc", "color_range"):
        assert getattr(new, name) == getattr(native, name), name
    for old, now in zip(pixels.planes(native), pixels.planes(new), strict=True):
        np.testing.assert_array_equal(old, now)
        now[:] += 1
        assert (old != now).all()


@pytest.mark.parametrize("size", [(32, 48), (31, 47), (1, 1), (2, 3), (40, 1090)])
@pytest.mark.parametrize("pix_fmt", FORMATS)
def test_the_quick_way_to_rgb_gives_the_same(pix_fmt, size):
    native = random_native(pix_fmt, *size)
    for full in (False, True):
        colour = Colour(1, full or not native.format.name.startswith(("yuv4", "yuva", "nv", "p0")))
        slow = colour._convert("slow", native, "rgb24", colour.full_range, True).to_ndarray()
        np.testing.assert_array_equal(colour.rgb(native), slow)
        np.testing.assert_array_equal(colour.planar(native), slow.transpose(2, 0, 1))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2), st.integers(0, 2), st.integers(0, 99))
def test_the_box_around_a_hole_holds_all_of_it(height, width, across, down, seed):
    mask = np.random.default_rng(seed).random((height, width)) < 0.02
    top, bottom, left, right = pixels.around(mask)
    whole = pixels.plane_mask(mask, across, down)
    part = np.zeros_like(whole)
    small = pixels.plane_mask(mask[top:bottom, left:right], across, down)
    part[top >> down : (top >> down) + small.shape[0], left >> across : (left >> across) + small.shape[1]] = small
    np.testing.assert_array_equal(part, whole)


def test_repairs_of_deep_grey_pictures_have_no_colour():
    native = random_native("rgb48le", 32, 48)
    frame = Frame(native, Colour.of(native), grey=True)
    mask = np.zeros((32, 48), bool)
    mask[8:24, 8:40] = True
    (plane,) = pixels.planes(frame.pasted(np.full((32, 48, 3), (200, 100, 50), np.uint8), mask).native)
    inside = plane[mask]
    # Spread over the finer steps, and the same in red, green and blue.
    assert np.unique(inside[:, 0]).size > 50
    np.testing.assert_array_equal(inside, inside[:, :1].repeat(3, 1))
