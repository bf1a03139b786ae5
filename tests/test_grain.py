from pathlib import Path

import numpy as np
import pytest
from conftest import rgb_frames, write_video

from rovr.editor.classical import ClassicalEditor
from rovr.grain import add_grain
from rovr.restore import Restorer, restore_video
from rovr.select.rules import Sequential

SHAPE = (96, 120)


def film(level: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal((*SHAPE, 1)) * level
    return (np.full((*SHAPE, 3), 120.0) + noise).round().clip(0, 255).astype(np.uint8)


def box() -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[30:70, 30:90] = True
    return mask


@pytest.mark.parametrize("level", [3.0, 8.0])
def test_a_smooth_repair_gets_the_grain_of_its_surroundings(level: float) -> None:
    picture, mask = film(level), box()
    picture[mask] = 120
    grained = add_grain(picture, mask, seed=0, index=0)
    assert grained[mask].std() == pytest.approx(level, rel=0.25)
    assert np.array_equal(grained[~mask], picture[~mask])


def test_what_is_grainy_already_gets_little_more() -> None:
    picture, mask = film(6.0), box()
    assert add_grain(picture, mask, seed=0, index=0)[mask].std() < 1.15 * picture[mask].std()


def test_clean_pictures_stay_clean() -> None:
    picture, mask = film(0.0), box()
    assert np.array_equal(add_grain(picture, mask, seed=0, index=0), picture)


def test_an_edge_beside_the_hole_is_not_taken_for_grain() -> None:
    picture, mask = film(0.0), box()
    picture[:20] = 0
    assert np.array_equal(add_grain(picture, mask, seed=0, index=0), picture)


def test_grain_is_repeatable_and_new_in_every_frame() -> None:
    picture, mask = film(6.0), box()
    picture[mask] = 120
    first, again, other = (add_grain(picture, mask, seed=1, index=i) for i in (4, 4, 5))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("kind", ["nothing", "everything", "a line", "a corner"])
def test_odd_holes(kind: str) -> None:
    picture, mask = film(6.0), np.zeros(SHAPE, bool)
    mask[{"nothing": np.s_[:0], "everything": np.s_[:], "a line": np.s_[:, 50:52], "a corner": np.s_[:9, :9]}[kind]] = (
        True
    )
    grained = add_grain(picture, mask, seed=0, index=0)
    assert np.array_equal(grained[~mask], picture[~mask])


def test_restoring_with_grain_changes_the_holes_alone_and_is_repeatable(tmp_path: Path, hole: Path) -> None:
    noise = np.random.default_rng(0).integers(-8, 9, (6, 48, 64, 1))
    frames = (120 + noise + np.zeros(3)).astype(np.uint8)
    path = write_video(tmp_path / "in.mkv", frames, codec="ffv1", pix_fmt="yuv444p")
    made = []
    for name, grain in (("plain", False), ("grain", True), ("again", True)):
        restorer = Restorer(ClassicalEditor(), Sequential())
        out = tmp_path / f"{name}.mkv"
        restore_video(path, hole, out, restorer=restorer, lossless=True, grain=grain)
        made.append(rgb_frames(out))
    plain, grained, again = made
    inside = np.s_[:, 12:32, 20:40]
    differs = plain != grained
    assert differs[inside].mean() > 0.5
    differs[inside] = False
    assert not differs.any()
    assert np.array_equal(grained, again)
