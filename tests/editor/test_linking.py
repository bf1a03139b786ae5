import numpy as np
import torch
from torch.nn.functional import interpolate

from rovr.editor.alignment import Aligner, Look
from rovr.editor.chaining import LOST, MEASURED
from rovr.editor.linking import BETWEEN, Links, measure

SIDE, SHIFT = 64, 5


def looks(seed: int = 0, hole: bool = False) -> list[Look]:
    """Two frames of a texture that lie SHIFT pixels apart; the first may have a hole in the middle."""
    chance = torch.Generator().manual_seed(seed)
    wide = interpolate(torch.rand(1, 1, 20, 24, generator=chance), scale_factor=4.0, mode="bicubic")[0, 0]
    texture = (wide.clamp(0, 1) * 255).byte().numpy()
    made = []
    for left in (0, SHIFT):
        gray, known = texture[:SIDE, left : left + SIDE].copy(), np.ones((SIDE, SIDE), np.float32)
        if hole and not left:
            gray[24:40, 24:40], known[24:40, 24:40] = 128, 0
        made.append(Look(gray, known))
    return made


def test_motion_goes_on_inside_a_hole_and_is_less_sure_there() -> None:
    link = measure(Aligner(), *looks(hole=True))
    inside, outside = link[26:38, 26:38], link[8:20, 20:50]
    for part in (inside, outside):
        assert np.abs(part[..., 0] + SHIFT).max() < 1
        assert np.abs(part[..., 1]).max() < 1
    assert np.allclose(outside[..., 2], MEASURED)
    assert MEASURED < inside[..., 2].min() <= inside[..., 2].max() < LOST / 10


def test_frames_of_different_things_are_not_linked() -> None:
    assert (measure(Aligner(), looks(0)[0], looks(1)[1])[..., 2] == LOST).all()


def test_links_are_measured_once() -> None:
    asked: list[int] = []
    pair = looks()

    def look(index: int) -> Look:
        asked.append(index)
        return pair[index == 9]

    links = Links(Aligner(), 6)
    assert [links.dock(frame) for frame in (0, 5)] == [min(BETWEEN // 2, 5)] * 2
    first = links.link(4, 9, look)
    assert links.link(4, 9, look) is first
    assert links.rough(4, 9, look).shape[0] == 3
    assert asked == [4, 9]
