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
class Known:
    """What is measured once for all repairs of a damaged clip.

    Attributes:
        flow: (T-1, 2, H, W) of the truth.
        visible: (T-1, H, W) bool, where that can be believed.
        damaged: error of the damaged clip's flow.
        features: of the truth, for VFID.
        pictures: of the truth's frames, for the perceptual distance.
    """

    flow: Tensor
    visible: Tensor
    damaged: Pooled
    features: list[float] | None
    pictures: list[Features]


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
        # The protocol of work on video inpainting; windows of 65 do not fit into small frames.
        self.usual = plan.protocol == "davis"

    @property
    def metrics(self) -> dict[str, dict[str, str]]:
        """What the values mean, by key: label, unit, which way is better, and what computed it."""
        dis = f"{self.flow.name} flow"
        rows = [
            ("hole_psnr", "hole-PSNR", "dB", "higher", "errors pooled over a clip's holes"),
            ("hole_ssim", "hole-SSIM", "", "higher", "gaussian window of 11, σ = 1.5, inside the holes"),
            ("psnr", "PSNR", "dB", "higher", "errors pooled over a clip's whole frames"),
            ("ssim", "SSIM", "", "higher", "gaussian window of 11, σ = 1.5, whole frames"),
            ("frame_psnr", "frame PSNR", "dB", "higher", "whole frames, mean over frames"),
            ("flow_error_damaged", "flow error before", "px", "lower", dis),
            ("flow_error_repaired", "flow error after", "px", "lower", dis),
            ("flow_recovery", "flow recovery", "", "higher", f"{dis}; pooled over runs in the summary"),
            ("warp_error", "warping error", "", "lower", f"{dis} of the truth"),
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
        flow = self.flow.clip(case.truth)
        back = self.flow(case.truth[1:], case.truth[:-1])
        damaged = flow_error(self.flow.clip(case.frames), flow)
        pictures = [] if self.perceptual is None else self.perceptual.remember(case.truth)
        return Known(flow, unoccluded(flow, back), damaged, self.features(case.truth), pictures)

    def features(self, clip: Tensor) -> list[float] | None:
        """A clip's vector for VFID; None where it was not asked for."""
        return None if self.i3d is None else video_features(self.i3d, clip.to(self.device)).tolist()

    def measure(self, repaired: Tensor, case: Case, known: Known) -> Values:
        """All values of one repaired clip, (T, 3, H, W) uint8, by key; None where there is none."""
        truth, masks = case.truth, case.masks
        whole, hole = similarities(repaired, truth, [None, masks])
        after = flow_error(self.flow.clip(repaired), known.flow)
        values = {
            "hole_psnr": psnr(repaired, truth, masks),
            "hole_ssim": hole.mean,
            "psnr": psnr(repaired, truth),
            "ssim": whole.mean,
            "frame_psnr": frame_psnr(repaired, truth),
            "flow_error_damaged": known.damaged.mean,
            "flow_error_repaired": after.mean,
            "flow_recovery": flow_recovery([after], [known.damaged]),
            "warp_error": warp_error(repaired, known.flow, known.visible),
            "flicker": flicker(repaired, truth, masks),
        }
        if self.usual:
            values["frame_ssim"] = ssim(repaired, truth, window="uniform")
        if self.perceptual is not None:
            values[self.perceptual.key] = self.perceptual.clip(repaired, truth, known.pictures)
        found: dict[str, Any] = {key: value if math.isfinite(value) else None for key, value in values.items()}
        return {**found, "vfid": None} if self.i3d is not None else found
