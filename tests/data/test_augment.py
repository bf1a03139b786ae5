import numpy as np
import torch

from rovr.data.augment import augment, smooth_path


def still(length: int = 12) -> torch.Tensor:
    ramp = torch.arange(64, dtype=torch.float32)
    image = torch.stack([ramp[None].expand(64, 64), ramp[:, None].expand(64, 64), torch.full((64, 64), 30.0)]) * 3
    return image.to(torch.uint8).expand(length, -1, -1, -1).contiguous()


def test_a_still_clip_moves_smoothly_and_by_its_seed() -> None:
    moved = 0
    for seed in range(12):
        clip = augment(still(), np.random.default_rng(seed))
        assert clip.shape == (12, 3, 64, 64)
        assert clip.dtype == torch.uint8
        assert torch.equal(clip, augment(still(), np.random.default_rng(seed)))
        steps = (clip[1:].int() - clip[:-1].int())[:, :, 16:48, 16:48].abs().float().mean((1, 2, 3))
        moved += int(steps.mean() > 0.2)
        assert steps.max() < 25
    assert 5 <= moved < 12


def test_time_runs_backwards_half_the_time() -> None:
    clip = torch.arange(8, dtype=torch.uint8)[:, None, None, None].expand(8, 3, 8, 8).contiguous() * 20
    backwards = [bool(augment(clip, np.random.default_rng(seed))[0].float().mean() > 50) for seed in range(60)]
    assert 15 < sum(backwards) < 45


def test_paths_stay_within_bounds() -> None:
    paths = np.stack([smooth_path(25, np.random.default_rng(seed)) for seed in range(50)])
    assert np.abs(paths).max() <= 1
    assert np.abs(np.diff(paths)).max() < 0.9
