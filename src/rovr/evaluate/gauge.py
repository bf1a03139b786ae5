"""Everything that is measured on a repaired clip."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rovr.data.cases import Case
from rovr.evaluate.plan import Plan
from rovr.flow import load_flow
from rovr.metrics import (
    flicker,
    flow_error,
    flow_recovery,
    frame_psnr,
    psnr,
    similarities,
    ssim,
    unoccluded,
    warp_error,
)
from rovr.metrics.perception import Features, load_perceptual
from rovr.metrics.pooled import Pooled
from rovr.metrics.vfid import load_i3d, video_features

Values = dict[str, float | None]


@dataclass(frozen=True)
class Truth:
    """What is measured once of an undamaged clip.

    Attributes:
        frames: (T, 3, H, W) uint8.
        flow: (T-1, 2, H, W).
        visible: (T-1, H, W) bool, where that can be believed.
        features: for VFID.
        pictures: of the frames, for the perceptual distance.
    """

    frames: Tensor
    flow: Tensor
    visible: Tensor
    features: list[float] | None
    pictures: list[Features]


@dataclass(frozen=True)
class Known:
    """What is measured once for all repairs of a damaged clip.

    Attributes:
        truth: what it was before.
        damaged: error of the damaged clip's flow.
    """

    truth: Truth
    damaged: Pooled


class Gauge:
    """Measures repairs.

    Args:
        plan: says with what.
        device: where networks run.
    """

    def __init__(self, plan: Plan, device: torch.device) -> None:
        self.flow = load_flow(plan.flow, plan.flow_weights, device)
        self.perceptual = load_perceptual(plan.perceptual, device)
        self.i3d = load_i3d(plan.i3d, device)
        self.device = device
        self._last: Truth | None = None
        # The protocol of work on video inpainting; windows of 65 do not fit into small frames.
        self.usual = plan.protocol == "davis"

    @property
    def metrics(self) -> dict[str, dict[str, str]]:
        """What the values mean, by key: label, unit, which way is better, and what computed it."""
        by_flow = f"{self.flow.name} flow"
        rows = [
            ("hole_psnr", "hole-PSNR", "dB", "higher", "errors pooled over a clip's holes"),
            ("hole_ssim", "hole-SSIM", "", "higher", "gaussian window of 11, σ = 1.5, inside the holes"),
            ("psnr", "PSNR", "dB", "higher", "errors pooled over a clip's whole frames"),
            ("ssim", "SSIM", "", "higher", "gaussian window of 11, σ = 1.5, whole frames"),
            ("frame_psnr", "frame PSNR", "dB", "higher", "whole frames, mean over frames"),
            ("flow_error_damaged", "flow error before", "px", "lower", by_flow),
            ("flow_error_repaired", "flow error after", "px", "lower", by_flow),
            ("flow_recovery", "flow recovery", "", "higher", f"{by_flow}; pooled over runs in the summary"),
            ("warp_error", "warping error", "", "lower", f"{by_flow} of the truth"),
            (
                "flicker",
                "flicker",
                "",
                "lower",
                "change from frame to frame that the truth does not have, inside the holes",
            ),
        ]
        if self.usual:
            rows.append(("frame_ssim", "frame SSIM", "", "higher", "uniform window of 65, mean over frames"))
        if self.perceptual is not None:
            rows.append((self.perceptual.key, self.perceptual.label, "", "lower", self.perceptual.by))
        if self.i3d is not None:
            rows.append(("vfid", "VFID", "", "lower", "I3D; over all clips and seeds, so only in the summary"))
        return {row[0]: dict(zip(("label", "unit", "better", "by"), row[1:], strict=True)) for row in rows}

    def know(self, case: Case) -> Known:
        """Measure what does not depend on the repair."""
        # Seeds of a clip that does not flicker share their truth, and RAFT takes longer than most repairs do.
        if self._last is None or not torch.equal(self._last.frames, case.truth):
            # First let go of the one before: features take as much room as all else.
            self._last = None
            self._last = self._truth(case.truth)
        return Known(self._last, flow_error(self.flow.clip(case.frames), self._last.flow))

    def _truth(self, clip: Tensor) -> Truth:
        flow = self.flow.clip(clip)
        visible = unoccluded(flow, self.flow(clip[1:], clip[:-1]))
        pictures = [] if self.perceptual is None else self.perceptual.remember(clip)
        return Truth(clip, flow, visible, self.features(clip), pictures)

    def features(self, clip: Tensor) -> list[float] | None:
        """A clip's vector for VFID; None where it was not asked for."""
        return None if self.i3d is None else video_features(self.i3d, clip.to(self.device)).tolist()

    def measure(self, repaired: Tensor, case: Case, known: Known) -> Values:
        """All values of one repaired clip, (T, 3, H, W) uint8, by key; None where there is none."""
        truth, masks, seen = case.truth, case.masks, known.truth
        whole, hole = similarities(repaired, truth, [None, masks])
        after = flow_error(self.flow.clip(repaired), seen.flow)
        values = {
            "hole_psnr": psnr(repaired, truth, masks),
            "hole_ssim": hole.mean,
            "psnr": psnr(repaired, truth),
            "ssim": whole.mean,
            "frame_psnr": frame_psnr(repaired, truth),
            "flow_error_damaged": known.damaged.mean,
            "flow_error_repaired": after.mean,
            "flow_recovery": flow_recovery([after], [known.damaged]),
            "warp_error": warp_error(repaired, seen.flow, seen.visible),
            "flicker": flicker(repaired, truth, masks),
        }
        if self.usual:
            values["frame_ssim"] = ssim(repaired, truth, window="uniform")
        if self.perceptual is not None:
            values[self.perceptual.key] = self.perceptual.clip(repaired, truth, seen.pictures)
        found: dict[str, Any] = {key: value if math.isfinite(value) else None for key, value in values.items()}
        return {**found, "vfid": None} if self.i3d is not None else found
