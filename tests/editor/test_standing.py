import torch
from torch import Tensor

from rovr.editor.aligned import AlignedEditor
from rovr.editor.chaining import LOST
from rovr.editor.sampling import sample
from rovr.editor.standing import STANDS, standing
from rovr.mdp.state import RepairState

SIDE = 48


def texture(seed: int = 0) -> Tensor:
    chance = torch.Generator().manual_seed(seed)
    fine = torch.rand(1, 1, SIDE, SIDE, generator=chance)
    return torch.nn.functional.avg_pool2d(fine, 3, 1, 1)


def holed(picture: Tensor) -> Tensor:
    """Luminance and how well it is known, with a hole in the middle."""
    known = torch.ones_like(picture)
    known[..., 16:32, 16:32] = 0
    return torch.cat([picture * known, known], 1)


def drifted(error: float) -> Tensor:
    """Flow that is 0.3 pixels off inside the hole."""
    flows = torch.zeros(1, 3, SIDE, SIDE)
    flows[:, 0, 14:34, 14:34] = 0.3
    flows[:, 2] = error
    return flows


def test_what_is_hidden_stands_still_where_its_surroundings_do() -> None:
    context = torch.cat([texture(), torch.ones(1, 1, SIDE, SIDE)], 1)
    flows = standing(drifted(1.0), holed(texture()), context)
    assert not flows[..., 16:32, 16:32][:, :2].any()
    assert (flows[:, 2, 16:32, 16:32] == STANDS).all()
    # What was measured stays.
    assert (flows[:, 0, 14:16, 14:34] == torch.tensor(0.3)).all()
    assert (flows[:, 2, 14:16] == 1).all()


def test_nothing_is_changed_where_the_surroundings_move_a_little() -> None:
    flows = torch.zeros(1, 3, SIDE, SIDE)
    flows[:, 0], flows[:, 2] = 0.5, 1.0
    moved = sample(texture(), -flows[:, :2])
    context = torch.cat([moved, torch.ones(1, 1, SIDE, SIDE)], 1)
    assert torch.equal(standing(flows, holed(texture()), context), flows)


def test_sure_motion_is_believed() -> None:
    context = torch.cat([texture(), torch.ones(1, 1, SIDE, SIDE)], 1)
    flows = drifted(0.2)
    assert standing(flows, holed(texture()), context) is flows


def test_what_is_lost_is_not_found_by_standing_still() -> None:
    """A frame from afar that shows something else fits neither way; it must not be trusted therefore."""
    context = torch.cat([texture(seed=1), torch.ones(1, 1, SIDE, SIDE)], 1)
    flows = drifted(LOST)
    assert standing(flows, holed(texture()), context) is flows


@torch.inference_mode()
def test_a_session_sees_that_the_camera_stands() -> None:
    """With a hole that wanders slowly, so that all ways from frame to frame lead through it."""
    length, side = 8, 64
    chance = torch.Generator().manual_seed(0)
    picture = torch.nn.functional.interpolate(torch.rand(1, 3, 24, 24, generator=chance), size=side, mode="bicubic")
    frames = (picture.clamp(0, 1) * 255).byte().repeat(length, 1, 1, 1)
    masks = torch.zeros(length, 1, side, side, dtype=torch.bool)
    for i in range(length):
        masks[i, :, 8 + 2 * i : 30 + 2 * i, 16:44] = True
        # Something else moves beside it, which misleads as to the camera's motion.
        frames[i, :, 4 + 3 * i : 16 + 3 * i, 46:60] = torch.tensor([250, 40, 40])[:, None, None]
    state = RepairState.begin(frames.masked_fill(masks, 0), masks)
    flow, _ = AlignedEditor().session(state, length).flows(0, [length - 1])
    hidden = masks[0, 0, ::2, ::2] & masks[0, 0, 1::2, 1::2]
    assert flow[0][:, hidden].norm(dim=0).quantile(0.9) < 1e-3
