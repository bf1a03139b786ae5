import pytest
import torch

from rovr.editor.sampling import push_pull
from rovr.texture import complete
from rovr.texture.blend import blended

SIZE = 96


def woven(height: int = SIZE, width: int = SIZE) -> torch.Tensor:
    """A regular texture, (3, h, w), that repeats every 12 pixels across and 8 down."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    across = ((x // 6) % 2).float()
    down = ((y // 4) % 2).float()
    return torch.stack([0.2 + 0.5 * across, 0.3 + 0.3 * down, 0.25 + 0.25 * across + 0.25 * down])


def square(height: int = SIZE, width: int = SIZE, side: int = 25) -> torch.Tensor:
    hole = torch.zeros(height, width, dtype=torch.bool)
    top, left = (height - side) // 2, (width - side) // 2
    hole[top : top + side, left : left + side] = True
    return hole


def smooth(picture: torch.Tensor, hole: torch.Tensor) -> torch.Tensor:
    return push_pull(picture[None], (~hole)[None, None].float())[0]


def error(made: torch.Tensor, truth: torch.Tensor, hole: torch.Tensor) -> float:
    return float((made - truth)[:, hole].square().mean().sqrt())


def test_a_regular_texture_goes_on_in_the_hole():
    truth, hole = woven(), square()
    guess = smooth(truth, hole)
    made = complete(guess, hole, ~hole)
    assert error(made, truth, hole) < 0.2 * error(guess, truth, hole)
    assert torch.equal(made[:, ~hole], truth[:, ~hole])


def test_what_the_hole_held_decides_nothing_but_from_afar():
    truth, hole = woven(), square()
    dirty = torch.where(hole, 1.0, truth)
    assert error(complete(dirty, hole, ~hole), truth, hole) < 0.5 * error(smooth(truth, hole), truth, hole)


def test_only_sources_are_copied():
    truth, hole = woven(), square()
    red = torch.tensor([1.0, 0.0, 0.0])[:, None, None]
    truth[:, :, : SIZE // 3] = red
    source = ~hole
    source[:, : SIZE // 3] = False
    made = complete(smooth(truth, hole), hole, source)
    assert not ((made - red).abs().amax(0) < 0.05)[hole].any()


def test_where_there_is_too_little_to_copy_nothing_is_made():
    hole = torch.ones(30, 30, dtype=torch.bool)
    hole[:3] = False
    assert complete(torch.rand(3, 30, 30), hole, ~hole) is None
    assert complete(torch.rand(3, 4, 4), square(4, 4, 2), ~square(4, 4, 2)) is None


@pytest.mark.parametrize(("height", "width"), [(61, 203), (400, 301)])
def test_any_size_also_where_pixels_are_copied_in_blocks(height, width):
    truth, hole = woven(height, width), square(height, width)
    guess = smooth(truth, hole)
    made = complete(guess, hole, ~hole)
    assert made.shape == truth.shape
    assert error(made, truth, hole) < 0.5 * error(guess, truth, hole)


def test_a_hole_at_the_edge_of_the_picture():
    truth, hole = woven(), torch.zeros(SIZE, SIZE, dtype=torch.bool)
    hole[:20, -24:] = True
    assert error(complete(smooth(truth, hole), hole, ~hole), truth, hole) < 0.25


def test_the_same_seed_makes_the_same():
    hole = square()
    picture = torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    first, again, other = (complete(picture, hole, ~hole, seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_copies_from_darker_places_take_on_the_light_of_the_hole():
    x = torch.arange(64.0) / 64
    truth = (0.2 + 0.6 * x).expand(3, 40, 64).contiguous()
    hole = torch.zeros(40, 64, dtype=torch.bool)
    hole[12:28, 40:56] = True
    rows, columns = hole.nonzero().T
    origin = torch.arange(hole.numel())
    origin[rows * 64 + columns] = rows * 64 + columns - 30
    copied = truth.flatten(1)[:, origin].view_as(truth)
    assert error(copied, truth, hole) > 0.2
    made = blended(truth, hole, origin)
    assert error(made, truth, hole) < 0.01
    assert torch.equal(made[:, ~hole], truth[:, ~hole])
